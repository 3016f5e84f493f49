use autoscaler_core::Seconds;

use super::*;
use crate::answer::parse;
use crate::plan::{PlannedQuery, QueryPlan};

fn leaf(query: &str) -> Leaf {
    QueryPlan::of(query).unwrap().leaves.remove(0)
}

#[test]
fn a_probe_asks_for_everything_at_once() {
    let leaf = leaf("sum(rate(m{a=\"b\"}[1m]))");
    let pods = OwnPods {
        ready: Replicas::new(1),
        namespace: "shop".into(),
        names: PodNames::of_stateful_set("my.db"),
    };
    let expected = [
        r#"label_replace(time() - (0) - max(timestamp(m{a="b"})), "probe", "age", "", "")"#,
        r#"label_replace(count(m{a="b"}), "probe", "now", "", "")"#,
        r#"label_replace(count(m{a="b"} offset 60s), "probe", "before", "", "")"#,
        r#"label_replace(count((up == 0) and on (job, instance) (m{a="b"} offset 60s or m{a="b"} offset 900s or m{a="b"} offset 3600s or m{a="b"} offset 21600s)), "probe", "down", "", "")"#,
        r#"label_replace(count(count by (namespace, pod) (m{a="b",namespace=~"(shop|)",pod=~"my\\.db-[0-9]+"})), "probe", "pods", "", "")"#,
    ];
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, Some(&pods)).text(),
        expected.join(" or ")
    );
}

#[test]
fn r4_before_an_absence_is_believed_it_is_asked_whose_series_they_were_at_many_times() {
    let leaf = leaf("m");
    let offsets = [60, 120, 300, 600, 1200, 2400, 4800, 9600, 21600];
    let had = offsets.map(|ago| format!("m offset {ago}s")).join(" or ");
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, None).absence_text(),
        format!("count((up == 0) and on (job, instance) ({had}))")
    );
    let of_a_day = Probe::new(&leaf, SignedDuration::from_hours(24), None).absence_text();
    assert!(of_a_day.ends_with("offset 21600s or m offset 86400s))"), "{of_a_day}");
}

/// Three times what the query itself reads, and no more.
#[test]
fn the_fill_is_asked_for_beside_it_by_three_looks_at_the_range() {
    let leaf = leaf("sum(rate(m{a=\"b\"}[1m] offset 10s))");
    let expected = [
        r#"label_replace(count_values("samples", count_over_time(m{a="b"}[60s] offset 10s)), "probe", "in_range", "", "")"#,
        r#"label_replace(max(count_over_time(m{a="b"}[60s] offset 70s)), "probe", "fill_before", "", "")"#,
        r#"label_replace(max(count_over_time(m{a="b"}[60s] offset 370s)), "probe", "fill_behind", "", "")"#,
    ];
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, None).fill_text(),
        Some(expected.join(" or "))
    );
}

#[test]
fn of_a_range_beyond_an_hour_only_the_present_is_asked_and_without_a_range_nothing() {
    let (long, none) = (leaf("rate(m[2h])"), leaf("m"));
    let text = Probe::new(&long, long.look_back, None).fill_text();
    let expected = r#"label_replace(count_values("samples", count_over_time(m[7200s])), "probe", "in_range", "", "")"#;
    assert_eq!(text.as_deref(), Some(expected));
    assert_eq!(Probe::new(&none, none.look_back, None).fill_text(), None);
}

#[test]
fn a_selector_that_looks_back_less_than_its_query_is_asked_for_its_own_past_too() {
    let plan = QueryPlan::of("sum(rate(a[1m])) / sum(rate(b[10m])) / sum(c)").unwrap();
    let text = |leaf: usize| Probe::new(&plan.leaves[leaf], plan.look_back, None).text();
    assert!(text(0).contains(r#"label_replace(count(a offset 60s), "probe", "old", "", "")"#));
    assert!(!text(1).contains("\"old\""), "it is the one before");
    assert!(!text(2).contains("\"old\""), "an instant value is never young");
}

/// Else fewer replicas within the longer look-back would excuse fewer series within the shorter.
#[test]
fn r2_every_selector_is_compared_over_the_look_back_of_the_query() {
    let plan = QueryPlan::of("sum(rate(a[1m])) / sum(rate(b[10m]))").unwrap();
    let text = Probe::new(&plan.leaves[0], plan.look_back, None).text();
    assert!(text.contains("count(a offset 600s)"), "{text}");
}

#[test]
fn r2_the_users_word_on_a_look_back_is_what_must_be_filled() {
    let query = PlannedQuery::new("job:rate5m", Some(Seconds::new(300)));
    let plan = query.plan().unwrap();
    let probe = Probe::new(&plan.leaves[0], plan.look_back, None);
    let text = probe.text();
    assert!(
        text.contains(r#"count(job:rate5m offset 300s), "probe", "before""#),
        "{text}"
    );
    let over = |probe: Probe<'_>| probe.coverage(&answer(&ROWS), None).map(|coverage| coverage.over);
    assert_eq!(over(probe), Ok(Some(SignedDuration::from_mins(5))));
    let instant = leaf("job:rate5m");
    assert_eq!(over(Probe::new(&instant, instant.look_back, None)), Ok(None));
}

#[test]
fn r2_a_selector_must_be_filled_over_its_own_look_back() {
    let plan = QueryPlan::of("sum(rate(a[1m])) + sum(rate(b[1h]))").unwrap();
    for (leaf, over) in [(0, SignedDuration::from_mins(1)), (1, SignedDuration::from_hours(1))] {
        let probe = Probe::new(&plan.leaves[leaf], plan.look_back, None);
        let coverage = probe.coverage(&answer(&ROWS), None);
        assert_eq!(coverage.map(|coverage| coverage.over), Ok(Some(over)));
    }
}

#[test]
fn a_probe_is_shifted_as_its_selector_is() {
    let leaf = leaf("m offset 1h");
    let expected = [
        r#"label_replace(time() - (3600) - max(timestamp(m offset 3600s)), "probe", "age", "", "")"#,
        r#"label_replace(count(m offset 3600s), "probe", "now", "", "")"#,
        r#"label_replace(count(m offset 3900s), "probe", "before", "", "")"#,
        r#"label_replace(count((up offset 3600s == 0) and on (job, instance) (m offset 3900s or m offset 4500s or m offset 7200s or m offset 25200s)), "probe", "down", "", "")"#,
    ];
    assert_eq!(Probe::new(&leaf, leaf.look_back, None).text(), expected.join(" or "));
}

#[test]
fn pods_are_told_by_the_names_their_kind_gives_them() {
    let table = [
        (
            PodNames::of_deployment("web"),
            "web-[bcdf4-9]{1,10}-[bcdfghjklmnpqrstvwxz2456789]{5}",
        ),
        (
            PodNames::of_replica_set("web-5d9"),
            "web-5d9-[bcdfghjklmnpqrstvwxz2456789]{5}",
        ),
        (PodNames::of_stateful_set("my.db"), r"my\\.db-[0-9]+"),
    ];
    for (names, expected) in table {
        let own = OwnPods {
            ready: Replicas::new(1),
            namespace: "shop".into(),
            names,
        };
        assert_eq!(
            own.matchers(),
            [r#"namespace=~"(shop|)""#.to_owned(), format!("pod=~\"{expected}\"")]
        );
    }
}

/// The answer about a fill: so many series with so many samples, and the largest number of samples before.
fn filled(series: &[(&str, u64)], before: &str, behind: &str) -> Answer {
    let mut rows: Vec<String> = series
        .iter()
        .map(|(samples, count)| {
            format!(r#"{{"metric":{{"probe":"in_range","samples":"{samples}"}},"value":[1,"{count}"]}}"#)
        })
        .collect();
    for (row, value) in [("fill_before", before), ("fill_behind", behind)] {
        rows.push(format!(r#"{{"metric":{{"probe":"{row}"}},"value":[1,"{value}"]}}"#));
    }
    vector(&rows)
}

fn vector(rows: &[String]) -> Answer {
    let rows = rows.join(",");
    let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{rows}]}}}}"#);
    parse(200, body.as_bytes()).unwrap()
}

fn answer(rows: &[(&str, &str)]) -> Answer {
    let series: Vec<String> = rows
        .iter()
        .map(|(row, value)| format!(r#"{{"metric":{{"probe":"{row}"}},"value":[1,"{value}"]}}"#))
        .collect();
    vector(&series)
}

const ROWS: [(&str, &str); 5] = [
    ("age", "12.5"),
    ("now", "10"),
    ("before", "9"),
    ("down", "1"),
    ("pods", "3"),
];

fn coverage() -> Coverage {
    Coverage {
        age: Some(SignedDuration::from_millis(12_500)),
        now: 10,
        before: 9,
        old: 9,
        down: 1,
        own_pods: 3,
        over: Some(SignedDuration::from_mins(1)),
        fill: Fill::NotAsked,
    }
}

#[test]
fn the_rows_of_a_probe_are_its_coverage() {
    let leaf = leaf("rate(m[1m])");
    let filled = filled(&[("4", 6), ("1", 2)], "5", "3");
    let expected = Coverage {
        now: 8,
        fill: Fill::Samples { now: 4, lately: 5 },
        ..coverage()
    };
    let probe = Probe::new(&leaf, leaf.look_back, None);
    assert_eq!(probe.coverage(&answer(&ROWS), Some(Ok(&filled))), Ok(expected));
}

#[test]
fn a_selector_with_a_look_back_of_its_own_was_as_old_as_its_own_row_says() {
    let leaf = leaf("rate(m[1m])");
    let probe = Probe::new(&leaf, SignedDuration::from_mins(10), None);
    let rows: Vec<_> = ROWS.into_iter().chain([("old", "7")]).collect();
    let found = probe.coverage(&answer(&rows), Some(Ok(&filled(&[("4", 10)], "4", "4"))));
    assert_eq!(found.map(|found| (found.before, found.old)), Ok((9, 7)));
}

#[test]
fn r2_a_fill_that_cannot_be_read_is_unknown_and_the_rest_is_not() {
    let leaf = leaf("rate(m[1m])");
    let probe = Probe::new(&leaf, leaf.look_back, None);
    let unknown = |class| Coverage {
        fill: Fill::Unknown(class),
        ..coverage()
    };
    let timeout = probe.coverage(&answer(&ROWS), Some(Err(FailureClass::Timeout)));
    assert_eq!(timeout, Ok(unknown(FailureClass::Timeout)));
    for odd in [filled(&[("many", 8)], "5", "5"), filled(&[("4", 8)], "NaN", "5")] {
        let malformed = probe.coverage(&answer(&ROWS), Some(Ok(&odd)));
        assert_eq!(malformed, Ok(unknown(FailureClass::MalformedAnswer)));
    }
}

#[test]
fn a_probe_without_rows_found_no_series() {
    let leaf = leaf("m");
    let expected = Coverage {
        age: None,
        now: 0,
        before: 0,
        old: 0,
        down: 0,
        own_pods: 0,
        over: None,
        fill: Fill::NotAsked,
    };
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, None).coverage(&answer(&[]), None),
        Ok(expected)
    );
}

#[test]
fn a_probe_answered_with_something_else_has_failed() {
    let leaf = leaf("m");
    let failed = Err(Failure::of(FailureClass::MalformedAnswer));
    for rows in [[("now", "NaN")], [("now", "-1")], [("age", "+Inf")], [("now", "1")]] {
        assert_eq!(
            Probe::new(&leaf, leaf.look_back, None).coverage(&answer(&rows), None),
            failed,
            "{rows:?}"
        );
    }
    let scalar = Answer {
        value: Value::Scalar(1.0),
        warned: false,
    };
    assert_eq!(Probe::new(&leaf, leaf.look_back, None).coverage(&scalar, None), failed);
}
