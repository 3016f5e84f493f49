//! One member that leaves, comes, or is forgotten: how far it is, in the form in which it is stored before each act.

use jiff::Timestamp;

use crate::{Replicas, Seconds};

use super::has_passed;
use super::profile::{DrainStep, Profile};
use super::world::{Stop, Wish, World};

/// Everything about the one operation of a target. It is stored, with its resourceVersion, before what it intends is done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its name, which the annotations of people carry (M14a).
    pub id: String,
    /// The term of leadership that last looked after it (M15).
    pub epoch: u64,
    /// UID of the `StatefulSet`.
    pub target: String,
    /// The size that this operation is a step towards (M20).
    pub goal: Replicas,
    /// `spec.replicas` before it.
    pub from: Replicas,
    /// `spec.replicas` after it.
    pub to: Replicas,
    /// `minReplicas` when it began: it never goes below, whatever is edited later (M9).
    pub floor: Replicas,
    /// The member.
    pub member: Member,
    /// UIDs of the other pods when it began: members that were of the cluster which this one leaves.
    pub survivors: Vec<String>,
    /// Steps of the drain that were intended at least once: something of them may be left.
    pub reached: usize,
    /// What of the profile it needs, as it was when it began (M9).
    pub plan: Plan,
    /// How far it is.
    pub work: Work,
    /// When it began.
    pub started: Timestamp,
    /// Since when it is where it is.
    pub since: Timestamp,
    /// When the last of all acts was intended: it may be under way for a while, whoever waits for it.
    pub sent: Option<Timestamp>,
    /// The last act that was intended where it is.
    pub attempt: Option<Attempt>,
    /// The last number that showed it going on.
    pub progress: Option<Progress>,
    /// What looks found one after the other.
    pub looks: Looks,
}

/// The member, in the words of Kubernetes and of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// The number at the end of the pod's name.
    pub ordinal: u32,
    /// The pod's UID; none of a pod that is still to come.
    pub uid: Option<String>,
    /// What the cluster calls it.
    pub name: String,
}

/// What an operation keeps of its profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The digest of the profile.
    pub digest: String,
    /// The steps of the drain.
    pub steps: Vec<DrainStep>,
}

/// What is being done, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// The highest member leaves.
    Leave(Leave),
    /// A member more is taken in.
    Join(Join),
    /// A member that nobody drained is forgotten (M10).
    Forget,
}

/// How far a member is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leave {
    /// The gates are asked; nothing has been done.
    Gating,
    /// This step of the drain.
    Draining {
        /// Its index.
        step: usize,
        /// Its act may have happened and cannot be taken back (M1).
        committed: bool,
    },
    /// Every step is done: the two-sided proof is waited for (M2).
    Drained {
        /// A step has committed.
        committed: bool,
    },
    /// The replicas are being lowered.
    Patched,
    /// The pod is gone; so must the member be.
    Gone,
    /// Everybody agrees; it has to stay so for a while.
    Verifying,
    /// It is taken back, last step first.
    Aborting {
        /// Steps whose residue is still to be looked at: those before this index.
        left: usize,
        /// Why.
        cause: AbortCause,
    },
}

/// How far a member is on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Join {
    /// The gates are asked; nothing has been done.
    Gating,
    /// The replicas are being raised.
    Patched,
    /// The pod is there, and everybody agrees; it has to stay so for a while.
    Settling,
    /// The pod never came into the cluster: the replicas are being lowered again (M8).
    Withdrawing,
}

/// Why an operation is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbortCause {
    /// The load is back (M5).
    Load,
    /// A gate closed.
    Gate,
    /// Nothing moved for too long, or all of it took too long.
    Deadline,
    /// The member refused the step.
    Refused,
    /// The pod is another one now.
    PodReplaced,
    /// It would lead below what is the minimum now.
    Bounds,
    /// Somebody changed the replicas.
    ReplicasChanged,
    /// The target is another one now, or a rollout began.
    TargetChanged,
    /// A person asked for it (M14a).
    Person,
    /// The target, or its namespace, is being deleted.
    TargetGoing,
    /// Nobody knows of an operation, and something of one is left (M13).
    Leftover,
    /// What was wished for has changed.
    Stop(Stop),
}

/// One act that was intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it was intended.
    pub at: Timestamp,
    /// What came back, if it was seen.
    pub reply: Option<Reply>,
}

/// What came back of an act. It is told, and proves nothing but a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// As the profile's `okWhen` expects it.
    Expected,
    /// Understood and not done, for certain: the act had no effect.
    Refused,
    /// Something else, or nothing.
    Unclear,
}

/// The last number that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The number.
    pub value: i64,
    /// Since when.
    pub since: Timestamp,
}

/// So many Fresh decisions one after the other take a wish back (M5).
const TURNED: u8 = 2;

/// Looks one after the other that told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Looks {
    /// How many decisions found the wish turned round, 2 at most (M5).
    pub turned: u8,
    /// Since when every look found that a commit did not happen.
    pub undone: Option<Timestamp>,
    /// Since when every look found the member drained.
    pub drained: Option<Timestamp>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// As it was meant to.
    Done,
    /// Taken back; nothing of it is left.
    Aborted(AbortCause),
    /// A growth was withdrawn (M8).
    Withdrawn,
    /// A member had left, and somebody else went on: its pod is one of a member again, or the target is another one (M14).
    Overtaken,
}

impl Work {
    /// The stable word for how far it is: in status, in labels.
    pub const fn phase(self) -> &'static str {
        match self {
            Self::Leave(Leave::Gating) | Self::Join(Join::Gating) => "Gating",
            Self::Leave(Leave::Draining { .. }) => "Draining",
            Self::Leave(Leave::Drained { .. }) => "Drained",
            Self::Leave(Leave::Patched) | Self::Join(Join::Patched) => "Patched",
            Self::Leave(Leave::Gone) => "Gone",
            Self::Leave(Leave::Verifying) => "Verifying",
            Self::Leave(Leave::Aborting { .. }) => "Aborting",
            Self::Join(Join::Settling) => "Settling",
            Self::Join(Join::Withdrawing) => "Withdrawing",
            Self::Forget => "Forgetting",
        }
    }

    /// What is done: in status, in labels.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Leave(_) => "Leave",
            Self::Join(_) => "Join",
            Self::Forget => "Forget",
        }
    }
}

impl Operation {
    /// Whether it can still be taken back (M1).
    pub fn can_abort(&self) -> bool {
        match self.work {
            Work::Leave(Leave::Draining { committed, .. } | Leave::Drained { committed }) => !committed,
            Work::Leave(Leave::Gating) | Work::Join(Join::Gating) => true,
            Work::Leave(Leave::Patched | Leave::Gone | Leave::Verifying | Leave::Aborting { .. })
            | Work::Join(Join::Patched | Join::Settling | Join::Withdrawing)
            | Work::Forget => false,
        }
    }

    /// Whether an act is due now: none was intended here, or the last is so long ago that it may be repeated.
    pub(super) fn is_due(&self, pause: Seconds, now: Timestamp) -> bool {
        self.attempt
            .is_none_or(|attempt| has_passed(Some(attempt.at), pause, now))
    }

    /// Whether a person asked for this very operation to be aborted (M14a).
    pub(super) fn is_to_abort(&self, wish: &Wish) -> bool {
        wish.abort.as_ref() == Some(&self.id)
    }

    /// Why it can be no more what it was begun as, whether a member leaves or comes: what people want, or the target.
    pub(super) fn is_called_off(&self, world: &World, profile: &Profile) -> Option<AbortCause> {
        let (target, wish) = (&world.target, &world.wish);
        if self.is_to_abort(wish) {
            Some(AbortCause::Person)
        } else if let Some(stop) = wish.stop {
            Some(AbortCause::Stop(stop))
        } else if profile.digest != self.plan.digest {
            Some(AbortCause::Stop(Stop::ProfileChanged))
        } else if target.uid != self.target {
            Some(AbortCause::TargetChanged)
        } else if target.replicas != self.from {
            Some(AbortCause::ReplicasChanged)
        } else {
            None
        }
    }

    /// The same with what a later look has seen, and not with what it would have begun.
    #[must_use]
    pub fn having_seen(&self, later: &Self) -> Self {
        // What would have begun elsewhere counts nothing of it yet.
        let looks = if later.work == self.work {
            later.looks
        } else {
            Looks {
                turned: later.looks.turned,
                ..self.looks
            }
        };
        Self {
            epoch: later.epoch,
            survivors: later.survivors.clone(),
            progress: later.progress.or(self.progress),
            looks,
            ..self.clone()
        }
    }

    /// The same with one act intended.
    pub(super) fn intending(&self, now: Timestamp) -> Self {
        let number = self.attempt.map_or(0, |attempt| attempt.number);
        let attempt = Attempt {
            number: number.saturating_add(1),
            at: now,
            reply: None,
        };
        Self {
            attempt: Some(attempt),
            sent: Some(now),
            looks: Looks {
                undone: None,
                ..self.looks
            },
            ..self.clone()
        }
    }

    /// The same with its act intended at that time, which is when it is stored.
    #[must_use]
    pub fn sent_at(&self, now: Timestamp) -> Self {
        Self {
            attempt: self.attempt.map(|attempt| Attempt { at: now, ..attempt }),
            sent: self.sent.map(|_| now),
            ..self.clone()
        }
    }

    /// The same, further on: what was counted where it was counts no more.
    pub(super) fn at(&self, work: Work, now: Timestamp) -> Self {
        Self {
            work,
            since: now,
            attempt: None,
            progress: None,
            looks: Looks {
                turned: self.looks.turned,
                ..Looks::default()
            },
            ..self.clone()
        }
    }

    /// The latest instant at which anything was seen to move here.
    pub(super) fn last_moved(&self) -> Timestamp {
        let progress = self.progress.map_or(self.since, |progress| progress.since);
        progress.max(self.since)
    }
}

impl Looks {
    /// How many decisions in a row found the wish turned round, with this look: one without a new decision adds nothing.
    pub(super) fn turned_by(self, wish: &Wish, is_turned: bool) -> u8 {
        match (wish.is_new, is_turned) {
            (true, true) => self.turned.saturating_add(1).min(TURNED),
            (true, false) => 0,
            (false, _) => self.turned,
        }
    }

    /// Whether the wish is turned round for good (M5).
    pub(super) fn is_turned(self) -> bool {
        self.turned >= TURNED
    }
}

impl Plan {
    /// What an operation keeps of a profile.
    pub fn of(profile: &Profile) -> Self {
        Self {
            digest: profile.digest.clone(),
            steps: profile.drain.clone(),
        }
    }
}
