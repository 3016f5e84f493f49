//! What is part of the language, what a proof may be, and that no text and no answer makes it panic, abort or stall.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::values::{MAX_ITEMS, as_bool, as_texts, of_json};
use super::*;

const VARIABLES: [&str; 4] = ["json", "status", "members", "leaving"];

fn compile(text: &str) -> Result<Expression, String> {
    let purpose = Use {
        variables: &VARIABLES,
        is_proof: false,
    };
    Expression::compile(text, purpose)
}

fn prove(text: &str) -> Result<Expression, String> {
    let purpose = Use {
        variables: &VARIABLES,
        is_proof: true,
    };
    Expression::compile(text, purpose)
}

fn evaluate(text: &str, json: &serde_json::Value) -> Option<Value> {
    compile(text).unwrap().evaluate(&vec![("json", of_json(json).unwrap())])
}

#[rstest]
#[case::a_row("json.table.all(row, row.Running)", true)]
#[case::a_row_that_is_not("json.table.exists(row, !row.Running)", false)]
#[case::one("json.table.exists_one(row, row.Node == 'b')", true)]
#[case::of_several("json.table.exists(row, row.type in ['mqtt', 'mqtts'])", true)]
#[case::chained("json.table.filter(row, row.port > 1).size() == 1", true)]
#[case::index("json.table[0].Node == 'a'", true)]
#[case::by_name("json['table'].size() == 2", true)]
#[case::presence("has(json.table) && !has(json.tables)", true)]
#[case::texts(
    "json.text.startsWith('Do') && json.text.endsWith('ne') && json.text.contains('on')",
    true
)]
#[case::choice("json.text == 'Done' ? json.table.size() > 1 : false", true)]
#[case::kinds_of_numbers("json.whole == 3.0 && int(json.half) == 0 && double(json.whole) == 3", true)]
fn an_expression_reads_an_answer(#[case] text: &str, #[case] expected: bool) {
    let answer = json!({
        "table": [{"Node": "a", "Running": true, "type": "mqtt", "port": 1}, {"Node": "b", "Running": true, "type": "vmq", "port": 2}],
        "text": "Done", "whole": 3, "half": 0.5,
    });
    assert_eq!(evaluate(text, &answer).as_ref().and_then(as_bool), Some(expected));
}

#[test]
fn a_list_is_made_of_parts_of_items() {
    let answer = json!({"table": [{"Node": "a"}, {"Node": "b"}]});
    let nodes = evaluate("json.table.map(row, row.Node)", &answer);
    assert_eq!(
        nodes.as_ref().and_then(as_texts),
        Some(vec!["a".to_owned(), "b".to_owned()])
    );
}

#[rstest]
#[case::no_such_field("json.tables.size() > 0")]
#[case::another_kind("json.table > 1")]
#[case::no_value("status == 200")]
#[case::no_index("json.table[7].Node == 'a'")]
fn what_is_not_there_is_not_known(#[case] text: &str) {
    assert_eq!(evaluate(text, &json!({"table": [1]})), None);
}

#[rstest]
#[case::unknown_variable(
    "jsno.table.size() > 0",
    "there is no variable \"jsno\" here; there are json, status, members, leaving"
)]
#[case::arithmetic("json.a + json.b == 2", "\"+\" is not part of the language")]
#[case::a_product("json.a * 2 == 2", "\"*\" is not part of the language")]
#[case::an_unknown_function("json.text.matches('a*')", "\"matches\" is not part of the language")]
#[case::a_loop_in_a_loop(
    "json.a.all(x, json.b.exists(y, x == y))",
    "a macro stands in a macro: the time would grow with the square of the answer"
)]
#[case::a_list_of_something_else(
    "json.a.map(x, json)",
    "map may only pick a part of each item, such as map(row, row.Node)"
)]
#[case::a_variable_twice(
    "json.a.all(json, json == 1)",
    "a macro has a variable \"json\" of its own, but one of that name is there already"
)]
#[case::an_object("{'a': json} == json", "it makes objects: an expression of a profile only reads")]
fn what_is_not_part_of_the_language_is_refused(#[case] text: &str, #[case] message: &str) {
    assert_eq!(compile(text).unwrap_err(), message);
}

#[test]
fn a_text_that_is_none_is_refused_with_its_place() {
    let message = compile("json.a ==").unwrap_err();
    assert!(message.contains("1:"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[rstest]
#[case::all("json.table.all(row, row.Running)")]
#[case::none("!json.table.exists(row, row.Running)")]
#[case::not_in("!(leaving.name in json.names)")]
#[case::negated_twice("!(!json.table.all(row, row.Running))")]
#[case::empty("json.table.size() == 0")]
#[case::at_most("size(json.table) <= 3")]
#[case::the_other_way_round("3 > json.table.size()")]
#[case::an_empty_literal("json.table == []")]
#[case::with_something_else("status == 200 && json.table.all(row, row.Running)")]
#[case::or_something_else("json.done || json.table.all(row, row.Running)")]
#[case::size_or("json.table.size() > 0 || json.table.all(row, row.Running)")]
#[case::size_of_another("json.other.size() > 0 && json.table.all(row, row.Running)")]
#[case::size_of_the_whole("json.table.size() > 0 && json.table.filter(row, row.a).all(row, row.Running)")]
#[case::a_choice("json.done ? json.table.all(row, row.Running) : false")]
#[case::or_true("true || json.table.size() > 0 ? json.table.all(row, row.Running) : true")]
#[case::size_that_may_be_nothing("json.table.size() >= 0 && json.table.all(row, row.Running)")]
fn a_proof_that_holds_of_nothing_is_refused(#[case] text: &str) {
    assert!(compile(text).is_ok(), "it is part of the language");
    let message = prove(text).unwrap_err();
    assert!(message.starts_with("it holds of an empty list"), "{message}");
}

#[rstest]
#[case::with_its_size("json.table.size() > 0 && json.table.all(row, row.Running)")]
#[case::behind("json.table.all(row, row.Running) && size(json.table) > 0")]
#[case::the_other_way_round("0 < json.table.size() && !(leaving.name in json.table)")]
#[case::at_least("json.table.size() >= 1 && json.table.all(row, row.Running)")]
#[case::not_none("json.table.size() != 0 && json.table.all(row, row.Running)")]
#[case::somebody("json.table.exists(row, row.Running)")]
#[case::somebody_else("json.table.exists(row, row.me) && !json.table.exists(row, row.other)")]
#[case::of_what_is_left(
    "json.table.filter(row, row.a).size() > 0 && json.table.filter(row, row.a).all(row, row.Running)"
)]
#[case::a_choice("json.table.size() > 0 ? json.table.all(row, row.Running) : false")]
#[case::a_number("json.count == 0")]
#[case::members_are_never_none("!(leaving.name in members)")]
#[case::within_a_literal("status in [200, 204]")]
fn a_proof_that_needs_something_is_one(#[case] text: &str) {
    prove(text).unwrap();
}

/// `f` again and again inside of itself.
fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[rstest]
#[case::brackets(nested("(", "1", ")", 255))]
#[case::open_brackets("(".repeat(512))]
#[case::lists(nested("[", "", "]", 255))]
#[case::indexes(nested("json[", "0", "]", 80))]
#[case::not("!".repeat(511) + "a")]
#[case::minus("-".repeat(511) + "1")]
#[case::not_and_minus("!-".repeat(255) + "1")]
#[case::fields("json".to_owned() + &".a".repeat(250))]
#[case::sums("a+".repeat(255) + "a")]
#[case::ors("a||".repeat(170) + "a")]
#[case::choices("a?a:".repeat(127) + "a")]
#[case::comparisons("a<".repeat(255) + "a")]
#[case::calls(nested("int(", "1", ")", 100))]
#[case::macros(nested("json.all(x,", "x", ")", 42))]
#[case::objects(nested("{'a':", "1", "}", 85))]
#[case::text("'".repeat(512))]
#[case::escapes("\"\\".repeat(256))]
#[case::too_long("a".repeat(513))]
fn no_text_is_too_deep(#[case] text: String) {
    let began = Instant::now();
    let _ = compile(&text);
    // Only that it comes to an end: on a slow machine, many at once, it takes far less.
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[rstest]
#[case::every_item_against_all("json.all(x, x in json)")]
#[case::every_item_against_everything("json.all(x, json == json)")]
#[case::many_times(&["json.all(x, x in json)"; 16].join(" && "))]
fn the_dearest_expressions_come_to_an_end(#[case] text: &str) {
    let items: Vec<String> = (0..MAX_ITEMS).map(|at| format!("{at}{}", "a".repeat(100))).collect();
    let began = Instant::now();
    assert_eq!(evaluate(text, &json!(items)).as_ref().and_then(as_bool), Some(true));
    assert!(began.elapsed() < Duration::from_mins(1));
}

/// Texts that look like expressions.
fn expressions() -> impl Strategy<Value = String> {
    let words = [
        "json", ".table", ".all(", "row", ",", ")", "(", "!", "&&", "||", "==", "in", "[", "]", "'a'", "0", "1.5",
        "size(", ".size()", ".map(", ".filter(", "?", ":", "has(", "{", "}", "-", "@", "`", "\\", "\"", "true", "null",
        "0xg", "1e9", "b'", "r'",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![expressions(), "\\PC{0,80}"]) {
        for expression in [compile(&text), prove(&text)].into_iter().flatten() {
            expression.evaluate(&vec![("json", of_json(&json!({"table": [{"a": 1}]})).unwrap())]);
        }
    }
}

/// What `docs/reference/profiles.md` says of an expression, `variable` being what may be read there.
fn written(variables: &'static [&'static str], with_macros: bool) -> BoxedStrategy<String> {
    let operand = prop_oneof![
        prop::sample::select(variables).prop_map(str::to_owned),
        prop::sample::select(vec!["true", "null", "7", "1.5", "'text'", "[]", "has(json.a)"]).prop_map(str::to_owned),
    ];
    operand
        .prop_recursive(3, 24, 3, move |inner| {
            let macros = if with_macros {
                "all exists exists_one filter"
            } else {
                ""
            };
            let macros: Vec<&str> = macros.split(' ').filter(|name| !name.is_empty()).collect();
            let binary = vec!["||", "&&", "==", "!=", "<", "<=", ">", ">=", "in"];
            let plain = prop_oneof![
                (inner.clone(), prop::sample::select(binary), inner.clone())
                    .prop_map(|(one, sign, two)| format!("({one} {sign} {two})")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
                inner.clone().prop_map(|one| format!("!{one}")),
                inner.clone().prop_map(|one| format!("[{one}, 'b']")),
                (
                    prop::sample::select(vec!["size", "int", "double", "string"]),
                    inner.clone()
                )
                    .prop_map(|(name, one)| format!("{name}({one})")),
                (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("json.a[{one}].b.startsWith({two})")),
                inner.clone().prop_map(|one| format!("({one}).size()")),
            ];
            if macros.is_empty() {
                return plain.boxed();
            }
            let body = written(&["json", "row", "members"], false);
            let of = (prop::sample::select(macros), body.clone())
                .prop_map(|(name, body)| format!("json.a.{name}(row, {body})"));
            prop_oneof![
                plain,
                of,
                body.prop_map(|keep| format!("json.a.map(row, {keep}, row.b['c'])"))
            ]
            .boxed()
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_the_page_says_is_part_of_the_language(text in written(&VARIABLES, true)) {
        match compile(&text) {
            Ok(_) => {}
            // Its bounds are the only reason against it.
            Err(message) => prop_assert!(message.starts_with("it has ") || message.starts_with("it is too long"), "{text}: {message}"),
        }
    }
}

#[test]
fn the_page_has_every_function_and_every_bound() {
    let page = include_str!("../../../../docs/reference/profiles.md");
    let functions = grammar::FUNCTIONS
        .iter()
        .chain(grammar::METHODS.iter().map(|(name, _)| name));
    for function in functions {
        assert!(
            page.contains(&format!("\"{function}\"")) || page.contains(&format!("\"{function}()\"")),
            "{function}"
        );
    }
    let bounds = [
        (MAX_EXPRESSION, "512 characters"),
        (grammar::MAX_NODES, "160 nodes"),
        (grammar::MAX_DEPTH, "24 levels"),
        (values::MAX_VALUES, "4,000 values"),
        (values::MAX_ITEMS, "500 items"),
        (values::MAX_TEXT, "4,096 bytes"),
        (values::MAX_DEPTH, "16 levels"),
        (crate::client::MAX_BODY >> 10, "256 KiB"),
    ];
    for (bound, words) in bounds {
        assert!(page.contains(words), "{words}");
        assert_eq!(
            words.replace(',', "").split(' ').next(),
            Some(bound.to_string().as_str())
        );
    }
}
