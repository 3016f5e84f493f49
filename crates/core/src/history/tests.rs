use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::per_pod::WarmUp;
use crate::{Bounds, Cooldown, MetricPolicy, ScalingRules, WhenMissing, WhenNan};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_348_000_000 + seconds * 1_000).unwrap()
}

fn replicas(count: u32) -> Replicas {
    Replicas::new(count)
}

#[test]
fn everything_remembered_comes_back_from_the_text() {
    let mut history = History {
        acting: true,
        ..History::default()
    };
    history.shrink.record(replicas(3), at(0), Seconds::new(300));
    history.shrink.record(replicas(5), at(10), Seconds::new(300));
    history.shrink.record(replicas(4), at(90), Seconds::new(300));
    history.growth.record(replicas(7), at(90), Seconds::new(60));
    let horizon = SignedDuration::from_mins(10);
    for cause in [ChangeCause::Ours, ChangeCause::Foreign, ChangeCause::Activation] {
        history.changes.record(
            Change {
                from: replicas(2),
                to: replicas(3),
                at: at(91),
                cause,
            },
            horizon,
        );
    }
    history.unread_since = Some(at(92));
    history.uncertain_since = Some(at(93));
    history.not_fresh_since.insert("rate".to_owned(), at(94));
    history.gaps.insert("a".to_owned(), Gap::Since(at(95)));
    let locks = |suspected| Gap::LocksUntil {
        until: at(96),
        suspected,
    };
    history.gaps.insert("b".to_owned(), locks(false));
    history.gaps.insert("c".to_owned(), Gap::Suspected(at(97)));
    history.gaps.insert("d".to_owned(), locks(true));
    let text = history.encode();
    assert_eq!(
        text,
        "1 acting d3-5@1795348000000+10000 d4@1795348090000+ u7@1795348090000+ c2>3@1795348091000o \
         c2>3@1795348091000f c2>3@1795348091000a n@1795348092000 h@1795348093000 b@1795348094000=rate \
         g@1795348095000=a l@1795348096000=b s@1795348097000=c m@1795348096000=d"
    );
    assert_eq!(History::decode(&text).unwrap(), history);
}

#[test]
fn a_text_of_another_version_or_with_an_unknown_word_is_refused() {
    for text in ["", "2", "1 z@1", "1 d3", "1 d3@x+", "1 c3>4@17", "1 d-3@17+", "1 b@17"] {
        assert!(History::decode(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_wide_run_ends_after_a_tenth_of_the_window() {
    let window = Seconds::new(300);
    let mut runs = Runs::default();
    runs.record(replicas(3), at(0), window);
    runs.record(replicas(9), at(30), window); // a tenth: still the same run
    runs.record(replicas(3), at(31), window);
    let ends: Vec<_> = runs
        .as_slice()
        .iter()
        .map(|run| (run.min.get(), run.max.get()))
        .collect();
    assert_eq!(ends, [(3, 9), (3, 3)]);
    // The nine is forgotten a window after it was last recommended, not when the threes end.
    assert_eq!(
        runs.highest(at(329), window, replicas(1)).map(|(high, _)| high),
        Some(replicas(9))
    );
    assert_eq!(
        runs.highest(at(330), window, replicas(1)).map(|(high, _)| high),
        Some(replicas(3))
    );
}

#[test]
fn at_most_64_runs_are_kept_and_the_oldest_merge_into_a_wider_one() {
    let run = |second: i64, count: u32| Run {
        min: replicas(count),
        max: replicas(count),
        first: at(second),
        last: at(second),
    };
    let mut runs = Runs::from_vec(
        (0..64)
            .map(|index| run(index * 10, if index == 0 { 9 } else { 3 }))
            .collect(),
    );
    let window = Seconds::new(1000);
    runs.record(replicas(2), at(900), window);
    assert_eq!(runs.as_slice().len(), 64);
    let oldest = runs.as_slice()[0];
    assert_eq!(
        (oldest.min, oldest.max, oldest.first, oldest.last),
        (replicas(3), replicas(9), at(0), at(10))
    );
}

prop_compose! {
    fn any_history()(
        acting: bool,
        shrink in prop::collection::vec((1_u32..20, 0_i64..100), 0..20),
        changes in prop::collection::vec((1_u32..20, 1_u32..20, 0_i64..100), 0..80),
        unread in prop::option::of(0_i64..1000),
        metrics in prop::collection::btree_map("[a-z0-9-]{1,20}", 0_i64..1000, 0..4),
    ) -> History {
        let mut history = History { acting, unread_since: unread.map(at), ..History::default() };
        let mut now = 0;
        for (count, step) in shrink {
            now += step;
            history.shrink.record(replicas(count), at(now), Seconds::new(300));
        }
        for (from, to, step) in changes {
            now += step;
            let change = Change { from: replicas(from), to: replicas(to), at: at(now), cause: ChangeCause::Foreign };
            history.changes.record(change, SignedDuration::from_hours(1));
        }
        history.not_fresh_since = metrics.into_iter().map(|(name, since)| (name, at(since))).collect();
        history
    }
}

proptest! {
    #[test]
    fn the_text_loses_nothing_but_the_end_of_the_open_run(history in any_history()) {
        let mut back = History::decode(&history.encode()).unwrap();
        let end = history.shrink.newest().unwrap_or(at(0));
        back.shrink.extend_open_to(end);
        prop_assert_eq!(back, history);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "1 [acduxnhbgslm0-9>@+=ofa -]{0,80}") {
        let _ = History::decode(&text);
    }

    #[test]
    fn the_text_fits_its_field(history in any_history()) {
        prop_assert!(history.encode().len() <= 8192);
    }
}

#[test]
fn r16_memory_that_is_lost_was_acting() {
    // Else the first evaluation after the loss would count as a start of acting, which forgives what others did.
    let skew = SignedDuration::from_secs(5);
    let resumed = History::resume(Stored::Lost, Continuity::Unbroken, at(0), skew);
    assert!(resumed.acting);
    assert!(!History::resume(Stored::Nothing, Continuity::Unbroken, at(0), skew).acting);
}

#[test]
fn a_change_is_remembered_for_as_long_as_anything_asks_for_it() {
    let metric = |look_back: u32| MetricPolicy {
        name: "load".to_owned(),
        target: None,
        when_missing: WhenMissing::Hold,
        when_nan: WhenNan::Hold,
        look_back: Seconds::new(look_back),
        warm_up: WarmUp::Sample,
    };
    let policy = |look_back: u32, cooldown: u32| Policy {
        bounds: Bounds::new(replicas(1), replicas(9)).unwrap(),
        metrics: vec![metric(60), metric(look_back)],
        scale_up: ScalingRules::default_scale_up(),
        scale_down: ScalingRules::default_scale_down(),
        cooldown: Cooldown {
            up: Seconds::ZERO,
            down: Seconds::new(cooldown),
        },
        fallback: None,
        interval: Seconds::new(15),
        growth_settle: Seconds::new(60),
    };
    // Three times the span of a fight (R22), until the new replicas show in the query (R8), or until the cooldown ends.
    assert_eq!(horizon(&policy(60, 0)), SignedDuration::from_mins(30));
    assert_eq!(horizon(&policy(7_200, 0)), SignedDuration::from_secs(7_260));
    assert_eq!(horizon(&policy(60, 86_400)), SignedDuration::from_hours(24));
}

#[test]
fn r13_what_is_not_the_highest_holds_as_long_as_it_lives() {
    // Seven, then five for two seconds, then two: five replicas are held by both, and the later of the two ends it.
    let window = Seconds::new(60);
    let mut runs = Runs::default();
    runs.record(replicas(7), at(0), window);
    runs.record(replicas(5), at(10), window);
    runs.record(replicas(5), at(18), window);
    runs.record(replicas(2), at(30), window);
    assert_eq!(
        runs.highest(at(31), window, replicas(5)),
        Some((replicas(7), Some(at(78))))
    );
    // Seven are held by the first alone.
    assert_eq!(
        runs.highest(at(31), window, replicas(7)),
        Some((replicas(7), Some(at(60))))
    );
    assert_eq!(
        runs.lowest(at(31), window, replicas(1)).map(|(low, _)| low),
        Some(replicas(2))
    );
}

#[test]
fn r13_what_is_not_the_lowest_holds_growth_as_long_as_it_lives() {
    let window = Seconds::new(60);
    let mut runs = Runs::default();
    runs.record(replicas(2), at(0), window);
    runs.record(replicas(5), at(10), window);
    runs.record(replicas(5), at(18), window);
    runs.record(replicas(9), at(30), window);
    let lowest = |count| runs.lowest(at(31), window, replicas(count));
    assert_eq!(lowest(5), Some((replicas(2), Some(at(78)))));
    assert_eq!(lowest(2), Some((replicas(2), Some(at(60)))));
}

#[test]
fn a_change_counts_strictly_within_a_period() {
    let horizon = SignedDuration::from_secs(100);
    let change = |second| Change {
        from: replicas(2),
        to: replicas(3),
        at: at(second),
        cause: ChangeCause::Ours,
    };
    let mut changes = Changes::default();
    changes.record(change(0), horizon);
    let period = Seconds::new(15);
    assert_eq!(changes.next_to_leave(at(14), period), Some(at(15)));
    assert_eq!(changes.next_to_leave(at(15), period), None);
    changes.record(change(99), horizon);
    assert_eq!(changes.as_slice().len(), 2);
    changes.record(change(100), horizon);
    assert_eq!(changes.as_slice().len(), 2, "the first is dropped");
    // So it is with the time of those that there was no room for.
    let mut changes = Changes::from_parts(Vec::new(), Some(at(0)));
    changes.record(change(99), horizon);
    assert_eq!(changes.forgotten(), Some(at(0)));
    changes.record(change(100), horizon);
    assert_eq!(changes.forgotten(), None);
}

#[test]
fn the_last_removal_and_the_largest_count_of_a_time_are_found() {
    let mut changes = Changes::default();
    for (from, to, second) in [(2, 5, 0), (5, 3, 10), (3, 4, 20)] {
        let (from, to, at, cause) = (replicas(from), replicas(to), at(second), ChangeCause::Ours);
        changes.record(Change { from, to, at, cause }, SignedDuration::from_hours(1));
    }
    assert_eq!(
        (changes.last_removal(), changes.last_growth()),
        (Some(at(10)), Some(at(20)))
    );
    let largest = |since, present| changes.largest_since(at(since), replicas(present)).get();
    assert_eq!((largest(10, 4), largest(11, 4), largest(11, 9)), (5, 4, 9));
}

#[test]
fn r16_a_growth_that_we_did_not_decide_may_hide_a_removal() {
    let last_removal = |cause| {
        let mut changes = Changes::default();
        let (from, to, at) = (replicas(1), replicas(4), at(45));
        changes.record(Change { from, to, at, cause }, SignedDuration::from_hours(1));
        changes.last_removal()
    };
    // 1 -> 5 by somebody, and 5 -> 4 by us, killed before it was written down.
    assert_eq!(last_removal(ChangeCause::Foreign), Some(at(45)));
    assert_eq!(last_removal(ChangeCause::Activation), Some(at(45)));
    assert_eq!(last_removal(ChangeCause::Ours), None);
    let mut changes = Changes::default();
    let (from, to, at, cause) = (replicas(4), replicas(4), at(45), ChangeCause::Activation);
    changes.record(Change { from, to, at, cause }, SignedDuration::from_hours(1));
    assert_eq!(changes.last_removal(), None, "to begin to act is no change of size");
}

#[test]
fn r22_reversals_are_close_and_recent_strictly_within_ten_minutes() {
    let contention = |times: &[i64], now: i64| {
        let mut changes = Changes::default();
        for second in times {
            for (from, to, cause) in [(3, 5, ChangeCause::Ours), (5, 3, ChangeCause::Foreign)] {
                let (from, to, at) = (replicas(from), replicas(to), at(*second));
                changes.record(Change { from, to, at, cause }, SignedDuration::from_hours(1));
            }
        }
        let found = changes.contention(at(now));
        found.map(|contention| (contention.reversals, contention.until))
    };
    assert_eq!(contention(&[0, 599], 599), Some((2, at(1_199))));
    assert_eq!(contention(&[0, 599], 1_199), None);
    assert_eq!(contention(&[0, 600], 600), None);
    // Of three the first is told only while it is of the last ten minutes.
    assert_eq!(contention(&[0, 300, 599], 599), Some((3, at(1_199))));
    assert_eq!(contention(&[0, 300, 600], 600), Some((2, at(1_200))));
}

#[test]
fn r22_what_does_not_reach_back_to_where_we_came_from_is_no_reversal() {
    let is_fight = |ours: (u32, u32), theirs: (u32, u32)| {
        let mut changes = Changes::default();
        for second in [0, 60] {
            for ((from, to), cause) in [(ours, ChangeCause::Ours), (theirs, ChangeCause::Foreign)] {
                let (from, to, at) = (replicas(from), replicas(to), at(second));
                changes.record(Change { from, to, at, cause }, SignedDuration::from_hours(1));
            }
        }
        changes.contention(at(60)).is_some()
    };
    assert!(is_fight((3, 9), (9, 3)));
    assert!(is_fight((3, 9), (9, 2)));
    assert!(!is_fight((3, 9), (9, 5)), "part of the way back");
    assert!(!is_fight((3, 9), (9, 12)), "further on the same way");
}

#[test]
fn the_newest_time_is_that_of_the_last_change_kept_or_not() {
    let mut changes = Changes::from_parts(Vec::new(), Some(at(7)));
    assert_eq!(changes.newest(), Some(at(7)));
    let (from, to, cause) = (replicas(3), replicas(5), ChangeCause::Ours);
    changes.record(
        Change {
            from,
            to,
            at: at(9),
            cause,
        },
        SignedDuration::from_hours(1),
    );
    assert_eq!((changes.newest(), Changes::default().newest()), (Some(at(9)), None));
}
