//! What an evaluation adds to memory before it is limited by it (R13 to R16).

use super::Pipeline;
use super::read::Merged;
use crate::decision::Rescale;
use crate::history::{Gap, horizon};
use crate::{Change, ChangeCause, Replicas, Standing};

impl Pipeline<'_> {
    /// Changes that we did not decide, the start of acting, and lost memory: each makes the present count a
    /// recommendation, so that nothing moves away from it before a window has passed (R14).
    pub(super) fn notice_changes(&mut self) {
        let known = self.history.last_replicas;
        let acts = self.observation.standing == Standing::Acts;
        let goes_on = acts && self.history.acting;
        if let Some(from) = known.filter(|known| *known != self.current) {
            self.trail.foreign_change = Some(Rescale { from, to: self.current });
            // Who changes the size while we only look on, or not even that, takes nothing of ours back (R22).
            let cause = if goes_on {
                ChangeCause::Foreign
            } else {
                ChangeCause::Activation
            };
            self.note(from, cause);
            self.history
                .shrink
                .record(self.current, self.now, self.policy.scale_down.window);
        } else if acts && !goes_on {
            self.start_acting();
        }
        self.refill_lost_memory();
    }

    /// From now on our decisions are carried out (again): the clocks start anew.
    pub(super) fn start_acting(&mut self) {
        self.note(self.current, ChangeCause::Activation);
        self.history
            .shrink
            .record(self.current, self.now, self.policy.scale_down.window);
    }

    fn note(&mut self, from: Replicas, cause: ChangeCause) {
        let change = Change {
            from,
            to: self.current,
            at: self.now,
            cause,
        };
        self.history.changes.record(change, horizon(self.policy));
    }

    /// After an interruption the present count stands for whatever would have been recommended meanwhile (R16).
    fn refill_lost_memory(&mut self) {
        let Some(since) = self.history.uncertain_since else {
            return;
        };
        let longest = self
            .policy
            .scale_down
            .window
            .max(self.policy.scale_up.window)
            .duration();
        if std::mem::take(&mut self.history.refill) {
            self.history.fill_windows(self.current, self.policy, self.now);
            self.suspect_gaps();
        }
        if self.now.duration_since(since) >= longest {
            self.history.uncertain_since = None;
        }
    }

    /// The data may have had a gap that nobody saw, or one that is longer than it seems. A metric that can be probed takes
    /// this back as soon as it is read (R2).
    fn suspect_gaps(&mut self) {
        let suspected = self.long_ago();
        for metric in &self.policy.metrics {
            let gap = match self.history.gaps.get(&metric.name) {
                Some(Gap::Since(since)) if *since <= suspected => Gap::Since(*since),
                Some(Gap::Suspected(since)) => Gap::Suspected(suspected.min(*since)),
                Some(Gap::Since(_) | Gap::LocksUntil { .. }) | None => Gap::Suspected(suspected),
            };
            self.history.gaps.insert(metric.name.clone(), gap);
        }
    }

    /// Records what is wanted, and returns it; without any proposal the present count is wanted.
    pub(super) fn remember(&mut self, merged: &Merged) -> Replicas {
        let Merged { proposal, may_shrink } = *merged;
        let wanted = proposal.unwrap_or(self.current);
        // One that may not shrink is not below the present count (R14): merging has seen to that.
        self.history
            .shrink
            .record(wanted, self.now, self.policy.scale_down.window);
        if may_shrink || wanted > self.current {
            self.history
                .growth
                .record(wanted, self.now, self.policy.scale_up.window);
        }
        wanted
    }
}
