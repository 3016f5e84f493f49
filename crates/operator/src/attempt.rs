//! A write of the size whose fate nobody told us. Found to be carried out, it was ours: no foreign change, and no answer
//! to one of ours (R14, R22). Pure.

use autoscaler_core::{Change, ChangeCause, Replicas};
use jiff::{SignedDuration, Timestamp};

/// How long the API server may still be at it: a request may take 60 s there (`--request-timeout` of kube-apiserver), and
/// our clocks may differ a little.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(90);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The target that was written to.
    pub target_uid: String,
    /// The size that was decided on.
    pub from: Replicas,
    /// The size that was written.
    pub to: Replicas,
    /// When.
    pub at: Timestamp,
    /// Why, as in an event.
    pub why: String,
    /// The same as a line of the list of decisions.
    pub line: String,
}

impl Attempt {
    /// The change that was made, if what is found now is what was tried: stamped now, for nobody knows when it happened.
    pub(crate) fn carried_out(
        &self,
        uid: &str,
        known: Option<Replicas>,
        now: Timestamp,
        found: Replicas,
    ) -> Option<Change> {
        let Self { from, to, .. } = *self;
        let is_ours = self.target_uid == uid && known == Some(from) && found == to && !self.is_over(now);
        is_ours.then_some(Change {
            from,
            to,
            at: now,
            cause: ChangeCause::Ours,
        })
    }

    /// Whether whatever happens from now on has nothing to do with it.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) > UNDER_WAY
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_800 + seconds).unwrap()
    }

    #[rstest]
    #[case::what_was_tried("t-1", 2, 5, 1, true)]
    #[case::as_late_as_a_request_may_be("t-1", 2, 5, 90, true)]
    #[case::later_than_any_request("t-1", 2, 5, 91, false)]
    #[case::another_count("t-1", 2, 6, 1, false)]
    #[case::not_carried_out("t-1", 2, 2, 1, false)]
    #[case::from_another_count("t-1", 3, 5, 1, false)]
    #[case::another_target_of_the_name("t-2", 2, 5, 1, false)]
    fn only_what_was_tried_is_ours(
        #[case] uid: &str,
        #[case] known: u32,
        #[case] found: u32,
        #[case] seconds: i64,
        #[case] ours: bool,
    ) {
        let [from, to, known, found] = [2, 5, known, found].map(Replicas::new);
        let attempt = Attempt {
            target_uid: "t-1".to_owned(),
            from,
            to,
            at: at(0),
            why: String::new(),
            line: String::new(),
        };
        let change = Change {
            from,
            to,
            at: at(seconds),
            cause: ChangeCause::Ours,
        };
        let carried_out = attempt.carried_out(uid, Some(known), at(seconds), found);
        assert_eq!(carried_out, ours.then_some(change));
    }
}
