//! Recommendations as runs (R13): a constant metric is one run however long it lasts, and noise makes at most about
//! ten runs in a window, each written twice at most, so the stored text stays short and is rewritten seldom.

use jiff::{SignedDuration, Timestamp};

use crate::{Replicas, Seconds};

/// At most so many runs are kept; the oldest two merge beyond it.
const CAPACITY: usize = 64;

/// Recommendations close together in time, or equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Lowest recommendation of the run.
    pub min: Replicas,
    /// Highest.
    pub max: Replicas,
    /// First evaluation.
    pub first: Timestamp,
    /// Last evaluation.
    pub last: Timestamp,
}

/// Runs, oldest first. The last one is open: evaluations may still extend it, and its `last` is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runs(Vec<Run>);

impl Runs {
    /// Runs as decoded.
    pub(super) const fn from_vec(runs: Vec<Run>) -> Self {
        Self(runs)
    }

    /// The runs, oldest first.
    pub fn as_slice(&self) -> &[Run] {
        &self.0
    }

    /// Records one recommendation. Without a window nothing is kept.
    pub fn record(&mut self, replicas: Replicas, now: Timestamp, window: Seconds) {
        if window.is_zero() {
            self.0.clear();
            return;
        }
        let window = window.duration();
        // What goes on is one run even if it was evaluated longer than a window ago: else each evaluation would begin a new
        // one, and write it (R24).
        let same = self.0.pop_if(|open| open.min == replicas && open.max == replicas);
        self.0.retain(|run| is_live(run, now, window));
        match (same, self.0.last_mut()) {
            (Some(open), _) => self.0.push(Run {
                last: open.last.max(now),
                ..open
            }),
            (None, Some(open)) if now.duration_since(open.first) <= window / 10 => {
                open.min = open.min.min(replicas);
                open.max = open.max.max(replicas);
                open.last = open.last.max(now);
            }
            (None, _) => self.0.push(Run {
                min: replicas,
                max: replicas,
                first: now,
                last: now,
            }),
        }
        self.merge_oldest();
    }

    /// The highest recommendation that is live, with the time until which `count` replicas cannot become fewer because of
    /// any of them, if that is fixed already: one that is not the highest holds just as much if it is not below the count.
    pub fn highest(&self, now: Timestamp, window: Seconds, count: Replicas) -> Option<(Replicas, Option<Timestamp>)> {
        let highest = self.live(now, window).map(|run| run.max).max()?;
        let holds = highest.min(count);
        Some((highest, self.expiry(now, window, |run| run.max >= holds)))
    }

    /// The lowest recommendation that is live, with the time until which `count` replicas cannot become more, likewise.
    pub fn lowest(&self, now: Timestamp, window: Seconds, count: Replicas) -> Option<(Replicas, Option<Timestamp>)> {
        let lowest = self.live(now, window).map(|run| run.min).min()?;
        let holds = lowest.max(count);
        Some((lowest, self.expiry(now, window, |run| run.min <= holds)))
    }

    /// The newest time in the runs.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.0.last().map(|run| run.last)
    }

    /// On load the open run lasts until now: it may have gone on unseen.
    pub(super) fn extend_open_to(&mut self, now: Timestamp) {
        if let Some(open) = self.0.last_mut() {
            open.last = open.last.max(now);
        }
    }

    /// No time of it is later than `now`.
    pub(super) fn cut_at(&mut self, now: Timestamp) {
        for run in &mut self.0 {
            run.first = run.first.min(now);
            run.last = run.last.min(now);
        }
    }

    fn live(&self, now: Timestamp, window: Seconds) -> impl Iterator<Item = &Run> {
        let window = window.duration();
        self.0.iter().filter(move |run| is_live(run, now, window))
    }

    /// When the last run chosen by `binds` expires; none if that is the open run, whose end is not known yet.
    fn expiry(&self, now: Timestamp, window: Seconds, binds: impl Fn(&Run) -> bool) -> Option<Timestamp> {
        let last = self
            .live(now, window)
            .filter(|run| binds(run))
            .max_by_key(|run| run.last)?;
        if Some(last) == self.0.last() {
            return None;
        }
        last.last.checked_add(window.duration()).ok()
    }

    fn merge_oldest(&mut self) {
        while self.0.len() > CAPACITY {
            let oldest = self.0.remove(0);
            if let Some(next) = self.0.first_mut() {
                next.min = next.min.min(oldest.min);
                next.max = next.max.max(oldest.max);
                next.first = oldest.first;
            }
        }
    }
}

/// Strictly younger than the window, as `pkg/controller/podautoscaler/horizontal.go` compares.
fn is_live(run: &Run, now: Timestamp, window: SignedDuration) -> bool {
    now.duration_since(run.last) < window
}
