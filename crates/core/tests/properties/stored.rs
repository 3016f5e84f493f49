//! R13: the stored form is the memory. What is decided from the text is what would have been decided without it.

use autoscaler_core::history::{Runs, Stored};
use autoscaler_core::{Continuity, Direction, History, Replicas, decide};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::generators::{any_past, any_policy, any_reading, any_sight, cases};

/// Whether the open run was extended by the last evaluation, so that its end is known without being stored.
fn ends_at(runs: &Runs, last: Timestamp) -> bool {
    runs.as_slice().last().is_none_or(|open| open.last == last)
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn r13_the_text_is_the_memory(
        policy in any_policy(), past in any_past(), sight in any_sight(any_reading().boxed()),
    ) {
        let present = past.lived(&policy);
        let Some(last) = past.last_evaluation() else { return Ok(()) };
        let text = present.history.encode();
        let known = present.history.last_replicas;
        let stored = Stored::Memory { text: &text, last_replicas: known };
        let read = History::resume(stored, Continuity::Unbroken, last, SignedDuration::ZERO);
        let seen = sight.of(&policy, present.replicas, present.now);
        let decided = decide(&policy, &seen, &present.history, present.now);
        let from_text = decide(&policy, &seen, &read, present.now);

        if ends_at(&present.history.shrink, last) && ends_at(&present.history.growth, last) {
            prop_assert_eq!(&read, &present.history);
            prop_assert_eq!(from_text, decided);
        } else {
            // A run that was not extended, since nothing was known or the target was paused, may hold for longer.
            let base = if seen.replicas == Replicas::ZERO { seen.replicas } else { policy.bounds.clamp(seen.replicas) };
            let within = match Direction::between(base, from_text.desired) {
                None => true,
                Some(Direction::Up) => from_text.desired <= decided.desired,
                Some(Direction::Down) => from_text.desired >= decided.desired,
            };
            prop_assert!(within, "{} instead of {}", from_text.desired, decided.desired);
        }
    }

    #[test]
    fn r13_a_text_is_read_and_written_without_loss(policy in any_policy(), past in any_past()) {
        let text = past.lived(&policy).history.encode();
        let read = History::decode(&text).expect("what we wrote");
        prop_assert_eq!(read.encode(), text);
    }

    #[test]
    fn r17_no_time_in_memory_is_newer_than_the_last_evaluation(policy in any_policy(), past in any_past()) {
        let present = past.lived(&policy);
        let Some(last) = past.last_evaluation() else { return Ok(()) };
        prop_assert!(present.history.newest_time().is_none_or(|newest| newest <= last));
    }
}
