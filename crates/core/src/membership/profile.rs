//! What the machine has to know of the system whose members come and go. How a step is carried out, and how a fact is
//! found, is not its business.

use crate::{Replicas, Seconds};

/// One kind of clustered system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Of the whole profile: an operation keeps that of its own (M9).
    pub digest: String,
    /// What makes a member leave, in order.
    pub drain: Vec<DrainStep>,
    /// Whether there is a way to forget a member that is gone but still listed.
    pub can_forget: bool,
    /// Whether there is a number that shows a drain going on.
    pub has_progress: bool,
    /// Sizes that the cluster may rest at (M20).
    pub sizes: Sizes,
    /// The fewest members that keep a quorum, or any count.
    pub quorum: Quorum,
    /// Times.
    pub times: Times,
}

/// One step of the drain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DrainStep {
    /// Its name in the profile.
    pub name: String,
    /// Nothing takes it back, and it is in doubt from the moment it is intended (M1).
    pub commits: bool,
    /// It may be sent again while it is not known to be done.
    pub is_repeatable: bool,
    /// There is an act that takes it back.
    pub undo: Option<Undo>,
}

/// How a step is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Undo {
    /// What is to be undone is in the memory of the pod, and is gone with it (M7).
    pub ends_with_pod: bool,
}

/// Sizes that the cluster may rest at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sizes {
    /// Every size.
    Any,
    /// Odd ones, for a majority is no larger with one more.
    Odd,
    /// These, in ascending order.
    List(Vec<Replicas>),
}

/// How many members must be well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quorum {
    /// One is enough.
    One,
    /// More than half; from two members to one only if it is allowed.
    Majority {
        /// Whether a cluster of two may become one of one.
        down_to_one: bool,
    },
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Times {
    /// So long news takes to reach every member.
    pub gossip: Seconds,
    /// Without progress for so long, a step is stuck.
    pub stall: Seconds,
    /// So long a whole operation may take before it is taken back, if it still can be.
    pub total: Seconds,
    /// Between two attempts at one act.
    pub retry: Seconds,
    /// So long every look must have found the member drained before it is believed; none: one look is enough.
    pub confirm: Seconds,
    /// So long an act may be under way, whoever sent it: nothing is concluded from its absence before.
    pub in_flight: Seconds,
    /// So long the cluster must be well and agreed before an operation is at its end.
    pub settle: Seconds,
}

impl Sizes {
    /// The size to go to for a wish within bounds: rounded up to an allowed one, else down to the largest (M20).
    pub fn fit(&self, wish: Replicas, floor: Replicas, ceiling: Replicas) -> Option<Replicas> {
        let wish = wish.clamp(floor, ceiling.max(floor));
        let allowed = |size: &Replicas| self.allows(*size) && (floor..=ceiling).contains(size);
        match self {
            Self::Any => Some(wish),
            Self::Odd => {
                let near = [
                    wish,
                    Replicas::new(wish.get().saturating_add(1)),
                    Replicas::new(wish.get().saturating_sub(1)),
                ];
                near.into_iter().find(allowed)
            }
            Self::List(sizes) => {
                let mut fitting = sizes.iter().copied().filter(allowed);
                let up = fitting.clone().find(|size| *size >= wish);
                up.or_else(|| fitting.next_back())
            }
        }
    }

    /// Whether the cluster may rest at a size.
    pub fn allows(&self, size: Replicas) -> bool {
        match self {
            Self::Any => true,
            Self::Odd => size.get() % 2 == 1,
            Self::List(sizes) => sizes.contains(&size),
        }
    }
}

impl Quorum {
    /// Whether a cluster of `from` members, all of them well, may let one go.
    pub fn allows_leaving(self, from: Replicas) -> bool {
        match self {
            Self::One => from.get() > 1,
            Self::Majority { down_to_one } => from.get() > 2 || (from.get() == 2 && down_to_one),
        }
    }
}
