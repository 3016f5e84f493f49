use proptest::prelude::*;

use super::bounds::{MAX_BYTES, MAX_NESTING, MAX_OPERATORS};
use super::*;

const CORPUS: &str = include_str!("../../tests/corpus.promql");

/// The corpus as queries with their expected lines.
fn corpus() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut queries: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("    "), queries.last_mut()) {
            (Some(expected), Some((_, lines))) => lines.push(expected),
            _ => queries.push((line, Vec::new())),
        }
    }
    queries
}

fn line(leaf: &Leaf) -> String {
    let Leaf {
        selector,
        range,
        look_back,
        over_time: _,
        offset,
    } = leaf;
    let range = range.map_or_else(String::new, |range| {
        format!(" range {}", selector::duration_text(range))
    });
    let (selector, look_back) = (
        selector.instant(SignedDuration::ZERO),
        selector::duration_text(*look_back),
    );
    format!("{selector} back {look_back}{range}{}", offset_text(*offset))
}

#[test]
fn every_query_of_the_corpus_has_its_leaves_and_look_backs() {
    let corpus = corpus();
    assert!(corpus.len() > 50, "{}", corpus.len());
    for (query, expected) in corpus {
        let planned = match QueryPlan::of(query) {
            Ok(plan) => plan.leaves.iter().map(line).collect(),
            Err(error) => vec![format!("! {error}")],
        };
        assert_eq!(planned, expected, "{query}");
    }
}

#[test]
fn the_look_back_of_a_query_is_the_largest_of_its_leaves() {
    let look_back = |query| PlannedQuery::new(query, None).look_back();
    assert_eq!(
        look_back("sum(rate(a[1m])) / sum(rate(b[10m]))"),
        SignedDuration::from_mins(10)
    );
    assert_eq!(look_back("sum(rate(a[1m])) + sum(b)"), LOOKBACK_DELTA);
    assert_eq!(
        look_back("max_over_time(rate(a[1m])[1h:])"),
        SignedDuration::from_mins(61)
    );
}

#[test]
fn the_users_look_back_wins_over_the_plan_and_over_none() {
    let seconds = |query, own| PlannedQuery::new(query, own).look_back_seconds();
    assert_eq!(seconds("sum(rate(a[1m]))", Some(Seconds::new(900))), Seconds::new(900));
    assert_eq!(seconds("sum(rate(a[1m])", Some(Seconds::new(900))), Seconds::new(900));
    assert_eq!(seconds("sum(rate(a[1m])", None), Seconds::new(300));
    assert_eq!(seconds("rate(a[1500ms])", None), Seconds::new(2));
}

#[test]
fn a_leaf_needs_its_look_back_filled_only_under_a_range_or_a_subquery() {
    let over_time = |query| QueryPlan::of(query).unwrap().leaves[0].over_time;
    assert!(over_time("rate(m[1m])"));
    assert!(over_time("max_over_time(m[10m:])"));
    assert!(!over_time("sum(m)"));
}

#[test]
fn r5a_long_deep_and_wide_texts_are_refused_unsent() {
    let refused = |text: &str| QueryPlan::of(text).is_err_and(|error| error.refuses_the_text());
    assert!(refused(&format!("{}1", "-".repeat(4000))));
    assert!(refused(&"a+".repeat(2000)));
    assert!(refused(&format!("a{}", " and a".repeat(MAX_OPERATORS + 1))));
    assert!(refused(&format!("a{}", " UNLESS a".repeat(450)).repeat(2)));
    assert!(refused(&format!(
        "{}1{}",
        "(".repeat(MAX_NESTING + 1),
        ")".repeat(MAX_NESTING + 1)
    )));
    assert!(refused(&"[".repeat(4000)));
    assert!(refused(&format!("m{{a=\"{}\"}}", "x".repeat(MAX_BYTES))));
}

#[test]
fn r5a_the_bounds_themselves_are_allowed() {
    let planned = |text: &str| QueryPlan::of(text).map(|plan| plan.leaves.len());
    let brackets = MAX_NESTING;
    assert_eq!(
        planned(&format!("{}m{}", "(".repeat(brackets), ")".repeat(brackets))),
        Ok(1)
    );
    assert_eq!(planned(&format!("m{}", "+m".repeat(MAX_OPERATORS))), Ok(1));
    assert_eq!(planned(&format!("m{{a=\"{}\"}}", "x".repeat(MAX_BYTES - 7))), Ok(1));
}

#[test]
fn r5a_what_strings_comments_and_matchers_hold_is_not_counted() {
    let planned = |text: &str| QueryPlan::of(text).map(|plan| plan.leaves.len());
    let nesting = "(".repeat(MAX_NESTING + 1);
    let operators = "-".repeat(MAX_OPERATORS + 1);
    for text in [&nesting, &operators] {
        assert_eq!(planned(&format!("m{{a=\"\\\"{text}\"}}")), Ok(1));
        assert_eq!(planned(&format!("m{{a='\\'{text}'}}")), Ok(1));
        assert_eq!(planned(&format!("m{{a=`\\{text}`}}")), Ok(1));
        assert_eq!(planned(&format!("m # {text}\n")), Ok(1));
    }
    let matchers = (0..=MAX_OPERATORS).map(|_| "a!=''").collect::<Vec<_>>().join(",");
    assert_eq!(planned(&format!("m{{{matchers}}}")), Ok(1));
    assert_eq!(planned("and_or_unless{by=\"and\"} or m:and:or"), Ok(2));
}

/// A string that the scan believes open hides operators from it, and so must never open where the parser sees none.
#[test]
fn r5a_a_quote_within_a_comment_or_another_string_hides_nothing() {
    let hidden = format!("{}m", "-".repeat(MAX_OPERATORS + 1));
    for text in [
        format!("# \"\n{hidden}"),
        format!("m{{a='\"'}} - {hidden}"),
        format!("m{{a=`\\`}} - {hidden}"),
    ] {
        assert!(
            QueryPlan::of(&text).is_err_and(|error| error.refuses_the_text()),
            "{text:.40}"
        );
    }
}

/// The other belt: whatever the scan miscounts, any text of the length allowed fits in the stack of the parser.
#[test]
fn r5a_no_text_of_the_length_allowed_overflows_the_parsers_stack() {
    let half = MAX_BYTES / 2;
    let texts = [
        format!("{}1", "-".repeat(MAX_BYTES - 1)),
        format!("{}m", "-".repeat(MAX_BYTES - 1)),
        format!("{}m", "a+".repeat(half - 1)),
        format!("{}m", "a^".repeat(half - 1)),
        format!("m{}", " or m".repeat((MAX_BYTES - 1) / 5)),
        format!("{}1{}", "(".repeat(half - 1), ")".repeat(half - 1)),
        "(".repeat(MAX_BYTES),
        "[".repeat(MAX_BYTES),
        "{".repeat(MAX_BYTES),
        format!("{}m{}", "abs(".repeat(MAX_BYTES / 5), ")".repeat(MAX_BYTES / 5)),
        format!("{}m{}", "sum(".repeat(MAX_BYTES / 5), ")".repeat(MAX_BYTES / 5)),
        format!("{}m{}", "-(".repeat(MAX_BYTES / 3), ")".repeat(MAX_BYTES / 3)),
        format!("m{}", "[1m:]".repeat(MAX_BYTES / 5)),
        format!("{}m{}", "abs(".repeat(400), "[1m:])".repeat(400)),
    ];
    for text in texts {
        assert!(text.len() <= MAX_BYTES);
        // That it returns is the assertion: an overflow aborts the process.
        let _ = on_a_thread(&Lifted::of(&text), PARSER_STACK_BYTES);
    }
}

/// Compiled, these take minutes and hundreds of megabytes. That this returns is the assertion.
#[test]
fn r5a_no_regular_expression_of_a_query_is_compiled() {
    for expression in [r"\\w{99}{9}", r"\\pL{90}", "(a|b|\\\\w){500}", "(", r"\\Q.\\E"] {
        let matchers = vec![format!("a=~\"{expression}\""); (MAX_BYTES - 3) / (expression.len() + 6)].join(",");
        assert!(QueryPlan::of(&format!("m{{{matchers}}}")).is_ok(), "{expression}");
    }
}

#[test]
fn many_selectors_are_not_probed_but_the_query_is_sent() {
    let query = (0..=MAX_LEAVES)
        .map(|n| format!("m{n}"))
        .collect::<Vec<_>>()
        .join(" + ");
    let planned = PlannedQuery::new(&query, None);
    let error = planned.plan().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the query has 17 different selectors; at most 16 are probed"
    );
    assert!(!error.refuses_the_text());
}

/// Pieces of PromQL, in any order: they get further into the parser than random characters.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("sum"),
        Just("rate"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("m"),
        Just("5m"),
        Just("1e99"),
        Just("NaN"),
        Just("Inf"),
        Just(":"),
        Just(","),
        Just("a="),
        Just("a=~"),
        Just("\"x\""),
        Just("\"(\""),
        Just("'"),
        Just("`"),
        Just("#"),
        Just("\n"),
        Just(" offset "),
        Just("@"),
        Just("start()"),
        Just("-"),
        Just("+"),
        Just(" or "),
        Just(" and "),
        Just(" by "),
        Just(" on "),
        Just("group_left"),
        Just("bool"),
        Just("=="),
        Just("^"),
        Just("0x"),
        Just("é"),
        Just("\\"),
        Just("__name__"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn r5a_no_text_makes_planning_fail_to_return(text in any::<String>()) {
        let _ = PlannedQuery::new(&text, None).look_back_seconds();
    }

    #[test]
    fn r5a_no_pieces_of_promql_make_planning_fail_to_return(text in pieces()) {
        let _ = PlannedQuery::new(&text, None).look_back_seconds();
    }

    #[test]
    fn r5a_no_repeated_piece_makes_planning_fail_to_return(text in pieces(), times in 1_usize..400) {
        let repeated: String = text.repeat(times).chars().take(MAX_BYTES / 4).collect();
        let _ = PlannedQuery::new(&repeated, None).look_back_seconds();
    }

    /// What is asked about a selector must be something that parses, whatever stands in it.
    #[test]
    fn a_planned_selector_parses_again_to_itself(value in any::<String>(), range in 1_u32..100_000) {
        let quoted = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        let Ok(plan) = QueryPlan::of(&format!("rate(m{{a=\"{quoted}\"}}[{range}ms])")) else { return Ok(()) };
        let leaf = &plan.leaves[0];
        let text = leaf.selector.range(leaf.range.unwrap(), leaf.offset);
        prop_assert_eq!(QueryPlan::of(&text).map(|plan| plan.leaves), Ok(plan.leaves.clone()));
    }
}

#[test]
fn a_thread_that_cannot_be_started_says_nothing_of_the_text() {
    const MORE_THAN_ANY_MACHINE_HAS: usize = 1 << 60;
    let text = "sum(rate(m[1m]))";
    let error = on_a_thread(&Lifted::of(text), MORE_THAN_ANY_MACHINE_HAS).unwrap_err();
    assert_eq!(error, PlanError::NotPlanned);
    assert!(error.is_passing() && !error.refuses_the_text());
    assert!(PlannedQuery::new(text, None).plan().is_ok());
}

#[test]
fn r10_a_selector_is_kept_to_one_namespace_and_says_so_once() {
    let within = |query: &str| {
        let plan = QueryPlan::of(query).unwrap();
        plan.leaves[0]
            .selector
            .within("namespace", "shop")
            .instant(SignedDuration::ZERO)
    };
    assert_eq!(
        within("rate(requests_total[1m])"),
        r#"requests_total{namespace="shop"}"#
    );
    assert_eq!(
        within(r#"rate(requests_total{pod!="",namespace="shop"}[1m])"#),
        r#"requests_total{namespace="shop",pod!=""}"#
    );
}

/// Fifty days to Prometheus; the parser would pass over the number in silence and plan a minute.
#[test]
fn r2_a_duration_that_would_be_misread_is_not_planned() {
    for text in ["rate(m[1m4294967296ms])", "m offset 1m4294967296ms"] {
        assert_eq!(QueryPlan::of(text), Err(PlanError::NotUnderstood), "{text}");
    }
    assert!(QueryPlan::of("rate(m[1m4294967295ms])").is_ok());
    assert!(QueryPlan::of("rate(m[1m]) > 42949672960").is_ok());
}
