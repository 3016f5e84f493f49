use super::*;
use crate::answer::parse;
use crate::plan::QueryPlan;

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
        r#"label_replace(count(count_over_time(m{a="b"}[60s])), "probe", "in_range", "", "")"#,
        r#"label_replace(max(count_over_time(m{a="b"}[60s])), "probe", "fill", "", "")"#,
        r#"label_replace(max(max_over_time(count_over_time(m{a="b"}[60s])[420s:60s])), "probe", "fill_lately", "", "")"#,
    ];
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, Some(&pods)).text(),
        expected.join(" or ")
    );
}

#[test]
fn a_probe_is_shifted_as_its_selector_is() {
    let leaf = leaf("m offset 1h");
    let expected = [
        r#"label_replace(time() - (3600) - max(timestamp(m offset 3600s)), "probe", "age", "", "")"#,
        r#"label_replace(count(m offset 3600s), "probe", "now", "", "")"#,
        r#"label_replace(count(m offset 3900s), "probe", "before", "", "")"#,
        r#"label_replace(count((up == 0) and on (job, instance) (m offset 3900s or m offset 4500s or m offset 7200s or m offset 25200s)), "probe", "down", "", "")"#,
    ];
    assert_eq!(Probe::new(&leaf, leaf.look_back, None).text(), expected.join(" or "));
}

#[test]
fn pods_are_told_by_the_names_their_kind_gives_them() {
    let table = [
        (PodNames::of_deployment("web"), "web-[a-z0-9]{1,10}-[a-z0-9]{5}"),
        (PodNames::of_replica_set("web-5d9"), "web-5d9-[a-z0-9]{5}"),
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

fn answer(rows: &[(&str, &str)]) -> Answer {
    let series: Vec<String> = rows
        .iter()
        .map(|(row, value)| format!(r#"{{"metric":{{"probe":"{row}"}},"value":[1,"{value}"]}}"#))
        .collect();
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
        series.join(",")
    );
    parse(200, body.as_bytes()).unwrap()
}

#[test]
fn the_rows_of_a_probe_are_its_coverage() {
    let leaf = leaf("rate(m[1m])");
    let rows = [
        ("age", "12.5"),
        ("now", "10"),
        ("before", "9"),
        ("down", "1"),
        ("pods", "3"),
        ("in_range", "8"),
        ("fill", "4"),
        ("fill_lately", "5"),
    ];
    let expected = Coverage {
        age: Some(SignedDuration::from_millis(12_500)),
        now: 8,
        before: 9,
        down: 1,
        own_pods: 3,
        fill: Some(Fill { now: 4, lately: 5 }),
    };
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, None).coverage(&answer(&rows)),
        Ok(expected)
    );
}

#[test]
fn a_probe_without_rows_found_no_series() {
    let leaf = leaf("m");
    let expected = Coverage {
        age: None,
        now: 0,
        before: 0,
        down: 0,
        own_pods: 0,
        fill: None,
    };
    assert_eq!(
        Probe::new(&leaf, leaf.look_back, None).coverage(&answer(&[])),
        Ok(expected)
    );
}

#[test]
fn a_probe_answered_with_something_else_has_failed() {
    let leaf = leaf("m");
    let failed = Err(Failure::of(FailureClass::MalformedAnswer));
    for rows in [[("now", "NaN")], [("now", "-1")], [("age", "+Inf")], [("now", "1")]] {
        assert_eq!(
            Probe::new(&leaf, leaf.look_back, None).coverage(&answer(&rows)),
            failed,
            "{rows:?}"
        );
    }
    let scalar = Answer {
        value: Value::Scalar(1.0),
        warned: false,
    };
    assert_eq!(Probe::new(&leaf, leaf.look_back, None).coverage(&scalar), failed);
}
