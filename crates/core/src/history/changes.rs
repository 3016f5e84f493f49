//! Changes of size: what rate limits and cooldowns count from, and what shows a fight over the count.

use jiff::{SignedDuration, Timestamp};

use crate::{Direction, Replicas, Seconds};

/// At most so many changes are kept.
const CAPACITY: usize = 64;

/// Two reversals within this time are a fight (R22), and we stay out of it for as long.
pub(super) const CONTENTION_SPAN: SignedDuration = SignedDuration::from_mins(10);

/// One change of size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The count before.
    pub from: Replicas,
    /// The count after.
    pub to: Replicas,
    /// When it happened, or when we first saw it.
    pub at: Timestamp,
    /// Who made it.
    pub cause: ChangeCause,
}

/// Who changed the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeCause {
    /// We did.
    Ours,
    /// Somebody else: `kubectl scale`, GitOps, a rollout tool; or we did and died before we could write it down.
    Foreign,
    /// From now on we act (again). A difference is what others did while we did not act: no answer to anything of ours.
    Activation,
}

/// A fight over the count with another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contention {
    /// How often our change was taken back within the last ten minutes.
    pub reversals: usize,
    /// Until when we stay out of it.
    pub until: Timestamp,
}

/// Changes, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    changes: Vec<Change>,
    /// The newest of those that are not kept: a policy whose period reaches back to it allows nothing.
    forgotten: Option<Timestamp>,
}

impl Changes {
    /// Changes as decoded.
    pub(super) const fn from_parts(changes: Vec<Change>, forgotten: Option<Timestamp>) -> Self {
        Self { changes, forgotten }
    }

    /// The changes kept, oldest first.
    pub fn as_slice(&self) -> &[Change] {
        &self.changes
    }

    /// The newest change that was dropped for want of room.
    pub const fn forgotten(&self) -> Option<Timestamp> {
        self.forgotten
    }

    /// Records a change and drops those older than `horizon`.
    pub fn record(&mut self, change: Change, horizon: SignedDuration) {
        self.changes.retain(|old| change.at.duration_since(old.at) < horizon);
        self.forgotten = self.forgotten.filter(|at| change.at.duration_since(*at) < horizon);
        self.changes.push(change);
        while self.changes.len() > CAPACITY {
            self.forgotten = Some(self.changes.remove(0).at);
        }
    }

    /// Replicas added and removed strictly within the last `period`; none if changes of that time were dropped.
    pub fn within(&self, now: Timestamp, period: Seconds) -> Option<Moved> {
        let period = period.duration();
        if self.forgotten.is_some_and(|at| now.duration_since(at) < period) {
            return None;
        }
        let recent = self
            .changes
            .iter()
            .filter(|change| now.duration_since(change.at) < period);
        Some(recent.fold(Moved::default(), Moved::and))
    }

    /// The earliest time at which a change leaves a period that counts it now.
    pub fn next_to_leave(&self, now: Timestamp, period: Seconds) -> Option<Timestamp> {
        let moved = self.changes.iter().filter(|change| change.from != change.to);
        moved
            .map(|change| change.at)
            .chain(self.forgotten)
            .filter(|at| now.duration_since(*at) < period.duration())
            .min()
            .and_then(|at| at.checked_add(period.duration()).ok())
    }

    /// The last change, whatever its direction.
    pub fn last(&self) -> Option<Timestamp> {
        self.changes.last().map(|change| change.at).or(self.forgotten)
    }

    /// The last growth, or what may have been one.
    pub fn last_growth(&self) -> Option<Timestamp> {
        self.last_where(|change| change.direction() == Some(Direction::Up))
    }

    /// When replicas were last removed, or may have been. What we did not decide is known by its sum only (R15): a growth
    /// from 1 to 4 may have been one to 5 and a removal, of somebody else or of ours that nobody wrote down.
    pub fn last_removal(&self) -> Option<Timestamp> {
        self.last_where(|change| match change.direction() {
            Some(Direction::Down) => true,
            Some(Direction::Up) => change.cause != ChangeCause::Ours,
            None => false,
        })
    }

    fn last_where(&self, is_one: impl Fn(&Change) -> bool) -> Option<Timestamp> {
        let mut changes = self.changes.iter().rev();
        changes
            .find(|change| is_one(change))
            .map(|change| change.at)
            .or(self.forgotten)
    }

    /// It is not known any more when the size changed: up to now.
    pub(super) fn forget_all(&mut self, now: Timestamp) {
        self.changes.clear();
        self.forgotten = Some(now);
    }

    /// The largest count since `since`, given the present one.
    pub fn largest_since(&self, since: Timestamp, present: Replicas) -> Replicas {
        let recent = self.changes.iter().filter(|change| change.at >= since);
        recent
            .flat_map(|change| [change.from, change.to])
            .fold(present, Replicas::max)
    }

    /// Whether another writer takes our changes back (R22): two reversals within ten minutes, for ten minutes after the
    /// last.
    pub fn contention(&self, now: Timestamp) -> Option<Contention> {
        let reversals: Vec<Timestamp> = (0..self.changes.len())
            .filter(|index| self.is_reversal(*index))
            .map(|index| self.changes[index].at)
            .collect();
        let close = |pair: &&[Timestamp]| pair[1].duration_since(pair[0]) < CONTENTION_SPAN;
        let last = reversals.windows(2).rfind(close)?[1];
        let until = last.checked_add(CONTENTION_SPAN).ok()?;
        // None is later: it would be close to the last one, or `until` would have passed.
        let recent = reversals
            .iter()
            .filter(|at| last.duration_since(**at) < CONTENTION_SPAN);
        (now < until).then(|| Contention {
            reversals: recent.count(),
            until,
        })
    }

    /// Whether somebody went back to, or past, a count that our changes just before had come from. A tool that applies
    /// its own number knows nothing of the steps in which we left it.
    fn is_reversal(&self, index: usize) -> bool {
        let (before, theirs) = (&self.changes[..index], &self.changes[index]);
        let Some(direction) = theirs.direction().filter(|_| theirs.cause == ChangeCause::Foreign) else {
            return false;
        };
        let mut ours = before
            .iter()
            .rev()
            .filter(|change| change.direction().is_some())
            .take_while(|change| change.cause == ChangeCause::Ours);
        ours.any(|change| {
            let left = change.from;
            Direction::between(theirs.from, left) == Some(direction)
                && Direction::between(theirs.to, left) != Some(direction)
        })
    }

    /// The newest time in the changes.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.last()
    }
}

impl Change {
    /// Up, down, or neither.
    pub fn direction(&self) -> Option<Direction> {
        Direction::between(self.from, self.to)
    }
}

/// Replicas added and removed within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Sum over the growths.
    pub added: i128,
    /// Sum over the shrinks.
    pub removed: i128,
    /// Those of `added` that others did, or we and nobody wrote it down.
    pub added_by_others: i128,
    /// Those of `removed`, likewise.
    pub removed_by_others: i128,
}

impl Moved {
    fn and(self, change: &Change) -> Self {
        let by_others = change.cause != ChangeCause::Ours;
        let moved = change.to.as_i128() - change.from.as_i128();
        let (added, removed) = (moved.max(0), (-moved).max(0));
        Self {
            added: self.added + added,
            removed: self.removed + removed,
            added_by_others: self.added_by_others + if by_others { added } else { 0 },
            removed_by_others: self.removed_by_others + if by_others { removed } else { 0 },
        }
    }

    /// How far below the present count a period began for the policies of one direction.
    ///
    /// Our own changes of both directions count, as in `pkg/controller/podautoscaler/horizontal.go`. What others did uses
    /// a budget up, and never adds to one: a `kubectl scale` from 5 to 20 is no allowance to go back to 5 at once, nor is
    /// a shrink of unknown time, noticed after a restart, an allowance to grow by it (R14, R16).
    pub fn since_start(&self, direction: Direction) -> i128 {
        match direction {
            Direction::Up => self.added - (self.removed - self.removed_by_others),
            Direction::Down => (self.added - self.added_by_others) - self.removed,
        }
    }
}
