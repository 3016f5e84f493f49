//! Whether the series fill the range of the query.

use super::*;

#[test]
fn r2_a_range_without_any_series_one_look_back_ago_is_young() {
    let young = partial(PartialCause::YoungSeries { look_back: MINUTE });
    assert_eq!(judged(Coverage { old: 0, ..whole() }, &context()), young);
}

#[test]
fn r2_an_instant_value_is_whole_at_once() {
    let coverage = Coverage {
        before: 0,
        old: 0,
        fill: Fill::NotAsked,
        ..whole()
    };
    assert_eq!(judged_as("sum(m)", coverage, &context()), fresh(Evidence::Probed));
}

#[test]
fn r2_the_users_word_on_a_look_back_asks_for_it_to_be_filled() {
    let query = PlannedQuery::new("job:rate5m", Some(Seconds::new(300)));
    let plan = query.plan().unwrap();
    let probe = Probe::new(&plan.leaves[0], plan.look_back, None);
    assert!(
        probe
            .text()
            .contains(r#"count(job:rate5m offset 300s), "probe", "before""#)
    );
    let coverage = Coverage {
        before: 0,
        old: 0,
        fill: Fill::NotAsked,
        ..whole()
    };
    let young = partial(PartialCause::YoungSeries { look_back: MINUTE * 5 });
    assert_eq!(
        judge(fresh(Evidence::Unprobed), &[(probe, coverage)], &context()),
        young
    );
}

/// Else fewer replicas within the longer look-back would excuse fewer series within the shorter.
#[test]
fn r2_every_selector_is_compared_over_the_look_back_of_the_query() {
    let plan = QueryPlan::of("sum(rate(a[1m])) / sum(rate(b[10m]))").unwrap();
    let probe = Probe::new(&plan.leaves[0], plan.look_back, None);
    assert!(probe.text().contains("count(a offset 600s)"), "{}", probe.text());
}

#[test]
fn r2_a_range_that_lacks_more_than_a_sample_and_a_tenth_is_young() {
    let table = [
        (4, 4, true),
        (3, 4, true),
        (2, 4, false),
        (1, 2, true),
        (2, 3, true),
        (1, 3, false),
        (19, 20, true),
        (18, 20, true),
        (17, 20, false),
        (270, 300, true),
        (269, 300, false),
    ];
    for (now, lately, filled) in table {
        let reading = judged(
            Coverage {
                fill: Fill::Samples { now, lately },
                ..whole()
            },
            &context(),
        );
        assert_eq!(reading == fresh(Evidence::Probed), filled, "{now} of {lately}");
    }
}

/// The safe thing: what reads low may grow a target, and not shrink it.
#[test]
fn r2_a_range_whose_fill_is_unknown_is_a_part() {
    let class = FailureClass::Timeout;
    let coverage = Coverage {
        fill: Fill::Unknown(class),
        ..whole()
    };
    assert_eq!(
        judged(coverage, &context()),
        partial(PartialCause::UnknownFill { class })
    );
}

/// A metric that is five minutes old is old enough for a range of one, whatever else the query reads.
#[test]
fn r2_a_selector_is_young_by_its_own_look_back() {
    let plan = QueryPlan::of("sum(rate(a[1m])) + sum(rate(b[1h]))").unwrap();
    let judged = |leaf: usize, coverage| {
        let probe = Probe::new(&plan.leaves[leaf], plan.look_back, None);
        judge(fresh(Evidence::Unprobed), &[(probe, coverage)], &context())
    };
    let newer = |old| Coverage {
        before: 0,
        old,
        ..whole()
    };
    assert_eq!(judged(0, newer(10)), fresh(Evidence::Probed));
    let young = |look_back| partial(PartialCause::YoungSeries { look_back });
    assert_eq!(judged(0, newer(0)), young(MINUTE));
    assert_eq!(judged(1, newer(0)), young(SignedDuration::from_hours(1)));
}
