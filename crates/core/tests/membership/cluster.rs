//! A small cluster and all that happens to it: brokers that leave in two phases and are restarted under the same UID,
//! news that is slow to come round, acts that arrive late or never, people, and leaders that are deposed.
//!
//! It judges what is done to it: the first wrong is kept in `wrong`.

mod happenings;
mod operator;
mod view;

use autoscaler_core::Seconds;
use autoscaler_core::membership::{
    DrainStep, Effect, Event, Leave, Operation, Profile, Quorum, Sizes, Step, Times, Undo, Wait, Work,
};
use jiff::{SignedDuration, Timestamp};

/// Ordinals there are.
pub(super) const ORDINALS: usize = 3;

/// Ticks after which news have reached everybody: a time of the profile.
const GOSSIP: u8 = 2;

/// The step that closes the listeners, and the one that makes the member leave.
pub(super) const SOFT: usize = 0;
pub(super) const HARD: usize = 1;

/// The machine, or one with a fault in it.
pub(super) type Machine = fn(&Operation, &Event, &Profile, Timestamp) -> Step;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cluster {
    /// `spec.replicas`.
    pub replicas: u8,
    pub pods: [Option<Pod>; ORDINALS],
    /// Who belongs to the cluster, as a bit for each ordinal.
    pub members: u8,
    /// What the controller does with all of its pods: one after the other, or all at once.
    pub is_parallel: bool,
    /// What is wished for.
    pub desired: u8,
    pub is_paused: bool,
    /// 0 or 1: edited or not.
    pub profile: u8,
    /// The stored operation, with times as ages.
    pub stored: Option<Operation>,
    pub epoch: u64,
    pub flights: Vec<Flight>,
    /// What may still go wrong.
    pub budget: Budget,
    /// What the machine waits for, as of the last look.
    pub waits: Option<Wait>,
    /// The first wrong.
    pub wrong: Option<&'static str>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pod {
    /// Told apart from pods of the same ordinal that are still spoken of.
    pub uid: u8,
    pub is_up: bool,
    pub is_ready: bool,
    pub is_terminating: bool,
    /// The process has lived for a tick: before that it is not Ready.
    pub is_warm: bool,
    pub leaving: Leaving,
    /// It has left with the data it has: whoever starts on it is refused.
    pub has_left: bool,
    /// Whom it lists.
    pub view: u8,
    /// So many ticks it has not heard the news: always less than [`GOSSIP`].
    pub lag: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Leaving {
    No,
    /// Its listeners are closed.
    Soft,
    /// It hands over what it has, and will be no member soon.
    Hard,
}

/// An act on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flight {
    pub effect: Effect,
    pub ordinal: u8,
    pub uid: Option<u8>,
    /// When it was sent, there was no such pod, or it was neither a member nor served. What it becomes within the two seconds that a proof may
    /// be acted on is not judged: no API can tie a patch to it, and what it leaves behind is repaired.
    pub is_proven: bool,
    /// Whoever sent it waits for it no more.
    pub is_late: bool,
    /// The target has changed since it was read.
    pub is_stale: bool,
    pub age: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    pub late: u8,
    pub takeover: u8,
    pub crash: u8,
    pub evict: u8,
    pub human: u8,
    pub flip: u8,
    pub wipe: u8,
    pub edit: u8,
    pub pause: u8,
    pub rejoin: u8,
}

impl Budget {
    pub(super) const NONE: Self = Self {
        late: 0,
        takeover: 0,
        crash: 0,
        evict: 0,
        human: 0,
        flip: 0,
        wipe: 0,
        edit: 0,
        pause: 0,
        rejoin: 0,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Tick,
    Look,
    /// An act arrives, and its reply with it.
    Deliver(usize),
    /// It was never sent: the operator crashed before.
    Lose(usize),
    /// The operator gives up waiting, or crashed: the act may arrive yet.
    Late(usize),
    Takeover,
    /// The controller of the target makes or deletes one pod.
    Control,
    /// The process of a pod that is being deleted ends, and the pod with it.
    Vanish(usize),
    Gossip(usize),
    /// A hard leave comes to its end.
    Leave(usize),
    Start(usize),
    Join(usize),
    /// An old version takes a member back that has left with the same data.
    Rejoin(usize),
    Ready(usize),
    Crash(usize),
    Evict(usize),
    Human(u8),
    Flip(u8),
    Wipe,
    Edit,
    Pause,
}

const TICK: SignedDuration = SignedDuration::from_secs(1);
/// No time of the profile is longer: older is all the same.
const OLDEST: i64 = 6;

pub(super) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000)
}

pub(super) fn profile(edition: u8) -> Profile {
    let step = |name: &str, commits: bool| DrainStep {
        name: name.to_owned(),
        commits,
        is_repeatable: !commits,
        undo: (!commits).then_some(Undo { ends_with_pod: true }),
    };
    Profile {
        digest: format!("edition {edition}"),
        drain: vec![step("soft", false), step("hard", true)],
        can_forget: true,
        has_progress: false,
        sizes: Sizes::Any,
        quorum: Quorum::One,
        times: Times {
            gossip: Seconds::new(2),
            stall: Seconds::new(3),
            total: Seconds::new(5),
            retry: Seconds::new(1),
            confirm: Seconds::ZERO,
            in_flight: Seconds::new(2),
            settle: Seconds::new(1),
        },
    }
}

pub(super) fn name(ordinal: u32) -> String {
    format!("broker-{ordinal}")
}

impl Cluster {
    /// A cluster of so many members, well and agreed.
    pub(super) fn of(replicas: u8, desired: u8, budget: Budget) -> Self {
        let members = (1 << replicas) - 1;
        let pod = |ordinal: usize| {
            (ordinal < usize::from(replicas)).then_some(Pod {
                uid: 0,
                is_up: true,
                is_ready: true,
                is_terminating: false,
                is_warm: true,
                leaving: Leaving::No,
                has_left: false,
                view: members,
                lag: 0,
            })
        };
        Self {
            replicas,
            pods: std::array::from_fn(pod),
            members,
            is_parallel: false,
            desired,
            is_paused: false,
            profile: 0,
            stored: None,
            epoch: 1,
            flights: Vec::new(),
            budget,
            waits: None,
            wrong: None,
        }
    }

    fn ends_at(&self) -> usize {
        usize::from(self.replicas)
    }

    fn is_member(&self, ordinal: usize) -> bool {
        self.members & (1 << ordinal) != 0
    }

    fn with(&mut self, at: usize, change: impl FnOnce(&mut Pod, u8)) {
        let members = self.members;
        if let Some(pod) = &mut self.pods[at] {
            change(pod, members);
        }
    }
}

/// All times one tick earlier: `now` stands still, so that the states are finite.
fn older(operation: &Operation) -> Operation {
    let back = |at: Timestamp| (at - TICK).max(now() - SignedDuration::from_secs(OLDEST));
    let mut older = operation.clone();
    older.started = back(older.started);
    older.since = back(older.since);
    older.sent = older.sent.map(back);
    older.attempt = older.attempt.map(|mut attempt| {
        attempt.at = back(attempt.at);
        attempt
    });
    older.progress = older.progress.map(|mut progress| {
        progress.since = back(progress.since);
        progress
    });
    older.looks.undone = older.looks.undone.map(back);
    older.looks.drained = older.looks.drained.map(back);
    older
}

/// Counts that only grow, and that nothing is decided by, are cut off.
fn bounded(mut operation: Operation) -> Operation {
    if let Some(attempt) = &mut operation.attempt {
        attempt.number = attempt.number.min(2);
    }
    if let Work::Leave(Leave::Aborting { .. }) = operation.work {
        operation.looks.turned = 0;
    }
    operation
}
