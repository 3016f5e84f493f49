//! What a term goes on with (R15 to R17).

use jiff::{SignedDuration, Timestamp};

use super::fixtures::*;
use crate::decision::LimitCause;
use crate::history::Stored;
use crate::*;

fn resumed(text: &str, last_replicas: Option<Replicas>, continuity: Continuity, now: Timestamp) -> History {
    let stored = Stored::Memory { text, last_replicas };
    History::resume(stored, continuity, now, SignedDuration::from_secs(15))
}

#[test]
fn r15_a_change_that_was_never_written_down_is_a_change_made_now() {
    let mut policy = policy();
    policy.cooldown.down = Seconds::new(60);
    let stored = settled(3).encode();
    let history = resumed(&stored, Some(Replicas::new(3)), Continuity::Unbroken, at(0));
    let decision = decide(&policy, &observe(6, fresh("100")), &history, at(1));
    assert_eq!(decision.desired.get(), 6);
    assert_eq!(decision.history.changes.as_slice()[0].at, at(1));
}

#[test]
fn r16_after_an_unbroken_handover_the_window_ends_when_it_would_have() {
    let policy = windowed();
    let mut run = Run::new(policy.clone(), 6);
    run.step(0, fresh("600"));
    run.step(60, fresh("200"));
    let stored = run.history.encode();
    let history = resumed(&stored, run.history.last_replicas, Continuity::Unbroken, at(70));
    assert_eq!(
        decide(&policy, &observe(6, fresh("200")), &history, at(299))
            .desired
            .get(),
        6
    );
    assert_eq!(
        decide(&policy, &observe(6, fresh("200")), &history, at(300))
            .desired
            .get(),
        2
    );
}

#[test]
fn r16_after_a_broken_one_it_starts_anew_and_says_so() {
    let policy = windowed();
    let mut run = Run::new(policy.clone(), 6);
    run.step(0, fresh("600"));
    run.step(60, fresh("200"));
    let stored = run.history.encode();
    let history = resumed(&stored, run.history.last_replicas, Continuity::Broken, at(200));
    let held = decide(&policy, &observe(6, fresh("200")), &history, at(200));
    assert_eq!(held.desired.get(), 6);
    assert!(matches!(
        held.limit().unwrap().cause,
        LimitCause::Window { uncertain: true, .. }
    ));
    assert_eq!(
        decide(&policy, &observe(6, fresh("200")), &held.history, at(499))
            .desired
            .get(),
        6
    );
    assert_eq!(
        decide(&policy, &observe(6, fresh("200")), &held.history, at(500))
            .desired
            .get(),
        2
    );
}

#[test]
fn r16_what_was_missed_may_have_been_lower_than_the_present_count() {
    let mut policy = policy();
    policy.bounds = Bounds::new(Replicas::new(1), Replicas::new(20)).unwrap();
    policy.scale_up.window = Seconds::new(300);
    let stored = settled(14).encode();
    let history = resumed(&stored, Some(Replicas::new(14)), Continuity::Broken, at(0));
    let first = decide(&policy, &observe(14, fresh("1400")), &history, at(0));
    // Somebody sets one replica. Had two been recommended while we were away, two would be too early now.
    let mut second = decide(&policy, &observe(1, fresh("300")), &first.history, at(15));
    assert_eq!(second.desired.get(), 1);
    second = decide(&policy, &observe(1, fresh("300")), &second.history, at(315));
    assert_eq!(second.desired.get(), 3);
}

#[test]
fn r16_after_an_interruption_a_query_that_cannot_be_probed_may_have_had_a_gap() {
    let unprobeable = Reading::Fresh {
        value: quantity("100"),
        evidence: Evidence::Unprobeable,
    };
    let stored = settled(5).encode();
    let after = |continuity| resumed(&stored, Some(Replicas::new(5)), continuity, at(0));
    let count = |history: &History, reading: Reading, second| {
        let decision = decide(&policy(), &observe(5, reading), history, at(second));
        (decision.desired.get(), decision.history)
    };
    // The look-back is 60 s.
    let (held, history) = count(&after(Continuity::Broken), unprobeable.clone(), 0);
    assert_eq!(held, 5);
    let uncertain = |reading: Reading| {
        let decision = decide(&policy(), &observe(5, reading), &history, at(15));
        matches!(
            decision.limit().map(|limit| &limit.cause),
            Some(LimitCause::DataGap { uncertain: true, .. })
        )
    };
    assert!(uncertain(unprobeable.clone()), "nobody saw a gap");
    // A gap that was seen before the interruption is one.
    let seen = "1 acting g@1795347000000=load";
    let (_, history) = count(
        &resumed(seen, Some(Replicas::new(5)), Continuity::Broken, at(0)),
        unprobeable.clone(),
        0,
    );
    let held = decide(&policy(), &observe(5, unprobeable.clone()), &history, at(15));
    let metric = "load".to_owned();
    let uncertain = false;
    assert_eq!(held.limit().unwrap().cause, LimitCause::DataGap { metric, uncertain });
    assert_eq!(count(&history, unprobeable.clone(), 59).0, 5);
    assert_eq!(count(&history, unprobeable.clone(), 60).0, 1);
    // What is probed tells by itself, and after a handover nothing was missed.
    assert_eq!(count(&after(Continuity::Broken), fresh("100"), 0).0, 1);
    assert_eq!(count(&after(Continuity::Unbroken), unprobeable, 0).0, 1);
}

#[test]
fn r16_a_gap_that_is_only_suspected_stays_so_when_the_series_is_gone_for_a_moment() {
    let unprobeable = || Reading::Fresh {
        value: quantity("100"),
        evidence: Evidence::Unprobeable,
    };
    let mut run = Run::new(policy(), 5);
    let stored = settled(5).encode();
    run.history = resumed(&stored, Some(Replicas::new(5)), Continuity::Broken, at(0));
    run.step(0, unprobeable());
    run.step(15, Reading::Missing { source_proven: true });
    let held = run.step(15, unprobeable());
    let (metric, uncertain) = ("load".to_owned(), true);
    assert_eq!(held.limit().unwrap().cause, LimitCause::DataGap { metric, uncertain });
}

#[test]
fn r16_a_gap_that_had_only_begun_may_have_gone_on() {
    let unprobeable = Reading::Fresh {
        value: quantity("100"),
        evidence: Evidence::Unprobeable,
    };
    let begun = format!("1 acting g@{}=load", at(-10).as_millisecond());
    let history = resumed(&begun, Some(Replicas::new(5)), Continuity::Broken, at(0));
    let held = decide(&policy(), &observe(5, unprobeable), &history, at(0));
    let (metric, uncertain) = ("load".to_owned(), true);
    assert_eq!(held.limit().unwrap().cause, LimitCause::DataGap { metric, uncertain });
}

#[test]
fn r16_a_text_that_cannot_be_read_is_lost_memory_not_an_empty_one() {
    let policy = windowed();
    let history = resumed("9 who knows", Some(Replicas::new(6)), Continuity::Unbroken, at(0));
    let held = decide(&policy, &observe(6, fresh("200")), &history, at(0));
    assert_eq!(held.desired.get(), 6);
    // We have acted before, and do not begin to.
    assert_eq!(held.history.changes.as_slice(), []);
}

#[test]
fn r16_where_memory_is_lost_the_size_may_just_have_changed() {
    let mut policy = with_rules(vec![RatePolicy::pods(4, 60)], SelectPolicy::Max);
    let lost = || History::resume(Stored::Lost, Continuity::Unbroken, at(0), SignedDuration::ZERO);
    let count = |policy: &Policy, second| {
        let mut history = lost();
        history.last_replicas = Some(Replicas::new(6));
        decide(policy, &observe(6, fresh("900")), &history, at(second))
            .desired
            .get()
    };
    assert_eq!((count(&policy, 59), count(&policy, 60)), (6, 9));
    policy.cooldown.up = Seconds::new(90);
    assert_eq!((count(&policy, 89), count(&policy, 90)), (6, 9));
}

#[test]
fn r16_a_window_is_uncertain_for_exactly_its_time() {
    let mut policy = windowed();
    policy.scale_up.window = Seconds::new(600);
    let mut run = Run::new(policy, 6);
    let stored = run.history.encode();
    run.history = resumed(&stored, Some(Replicas::new(6)), Continuity::Broken, at(0));
    run.step(0, fresh("600"));
    run.step(250, fresh("600"));
    let is_uncertain = |decision: &Decision| {
        let cause = &decision.limit().unwrap().cause;
        matches!(cause, LimitCause::Window { uncertain: true, .. })
    };
    assert!(is_uncertain(&run.step(49, fresh("200"))));
    let held = run.step(1, fresh("200"));
    assert!(held.desired.get() == 6 && !is_uncertain(&held));
}

#[test]
fn r17_a_stored_time_a_little_ahead_is_the_time_to_decide_at() {
    let mut run = Run::new(windowed(), 6);
    run.step(15, fresh("600"));
    let stored = run.history.encode();
    let history = resumed(&stored, Some(Replicas::new(6)), Continuity::Unbroken, at(0));
    assert_eq!(
        (history.not_before(at(0)), history.not_before(at(16))),
        (at(15), at(16))
    );
    assert_eq!(history.encode(), stored);
}

#[test]
fn r17_stored_times_further_ahead_are_not_trusted() {
    let text = "1 acting d2@1795351600000+600 d3-5@1795351700000+ u4@1795348000000+ c5>6@1795348000000o \
                c6>5@1795351700000o n@1795351600000 b@1795351600000=load g@1795351600000=load";
    let history = resumed(text, Some(Replicas::new(5)), Continuity::Unbroken, at(10));
    assert_eq!(history.not_before(at(10)), at(10));
    // Of what was known when, only that it was before now is left.
    let now = at(10).as_millisecond();
    assert_eq!(
        history.encode(),
        format!("1 acting d2@{now}+0 d3-5@{now}+ u4@1795348000000+ x@{now} n@{now} h@{now} b@{now}=load g@{now}=load")
    );
}

#[test]
fn r17_after_times_that_cannot_be_trusted_everything_starts_anew() {
    let mut policy = windowed();
    policy.cooldown = Cooldown {
        up: Seconds::new(60),
        down: Seconds::new(400),
    };
    let stored = "1 acting d2@1795351600000+ c1>2@1795351600000o";
    let history = resumed(stored, Some(Replicas::new(5)), Continuity::Unbroken, at(0));
    let mut run = Run::new(policy, 5);
    run.history = history;
    let held = run.step(0, fresh("100"));
    assert_eq!(held.desired.get(), 5);
    assert!(matches!(
        held.limits().next().unwrap().cause,
        LimitCause::Window { uncertain: true, .. }
    ));
    assert_eq!(run.step(59, fresh("900")).desired.get(), 5);
    assert_eq!(run.step(1, fresh("500")).desired.get(), 5);
    assert_eq!(run.step(339, fresh("100")).desired.get(), 5);
    assert_eq!(run.step(1, fresh("100")).desired.get(), 1);
}
