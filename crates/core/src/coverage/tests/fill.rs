//! Whether the series fill the range of the query.

use super::*;

#[test]
fn r2_a_range_without_any_series_one_look_back_ago_is_young() {
    let young = partial(PartialCause::YoungSeries { look_back: MINUTE });
    assert_eq!(judged(Coverage { old: 0, ..whole() }, &expected()), young);
}

#[test]
fn r2_an_instant_value_is_whole_at_once() {
    let coverage = Coverage {
        before: 0,
        old: 0,
        over: None,
        fill: Fill::NotAsked,
        ..whole()
    };
    assert_eq!(judged(coverage, &expected()), fresh(Evidence::Probed));
}

#[test]
fn r2_the_users_word_on_a_look_back_asks_for_it_to_be_filled() {
    let coverage = Coverage {
        before: 0,
        old: 0,
        over: Some(MINUTE * 5),
        fill: Fill::NotAsked,
        ..whole()
    };
    let young = partial(PartialCause::YoungSeries { look_back: MINUTE * 5 });
    assert_eq!(judged(coverage, &expected()), young);
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
            &expected(),
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
        judged(coverage, &expected()),
        partial(PartialCause::UnknownFill { class })
    );
}

/// A metric that is five minutes old is old enough for a range of one, whatever else the query reads.
#[test]
fn r2_a_selector_is_young_by_its_own_look_back() {
    let newer = |old, over| Coverage {
        before: 0,
        old,
        over: Some(over),
        ..whole()
    };
    let hour = SignedDuration::from_hours(1);
    assert_eq!(judged(newer(10, MINUTE), &expected()), fresh(Evidence::Probed));
    let young = |look_back| partial(PartialCause::YoungSeries { look_back });
    assert_eq!(judged(newer(0, MINUTE), &expected()), young(MINUTE));
    assert_eq!(judged(newer(0, hour), &expected()), young(hour));
}
