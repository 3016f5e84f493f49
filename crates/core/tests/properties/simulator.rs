//! An operator, a server that keeps what it last accepted, and a witness that is never interrupted.
//!
//! The operator evaluates, writes the size, then the status if the stored form has changed. It may be cut off before and
//! after each of these; its status may be refused; it may hand over. All of it happens to one target, and the witness
//! sees all of it: so each decision of the operator can be held against what is known in truth.

use autoscaler_core::history::Stored;
use autoscaler_core::observation::allowed_skew;
use autoscaler_core::{Change, ChangeCause, Continuity, Decision, History, Policy, Replicas, decide};
use jiff::{SignedDuration, Timestamp};

use super::generators::{Sight, at};
use super::witness::{Verdict, Witness};

/// Milliseconds from one evaluation to the next.
pub(super) const INTERVAL: i64 = 15_000;

/// Where a term is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before it evaluates.
    BeforeEvaluation,
    /// After it has decided, before the size is written.
    BeforeScale,
    /// The size is being written, and arrives when the next term is about to begin.
    ScaleUnderWay,
    /// After the size is written, before the status is.
    BeforeStatus,
    /// After both.
    AfterStatus,
}

pub(super) const CUTS: [Cut; 5] = [
    Cut::BeforeEvaluation,
    Cut::BeforeScale,
    Cut::ScaleUnderWay,
    Cut::BeforeStatus,
    Cut::AfterStatus,
];

/// What happens in one interval.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) sight: Sight,
    /// Somebody else sets the size before the evaluation.
    pub(super) foreign: Option<u32>,
    /// The server accepts a status now.
    pub(super) accepts: bool,
    /// The term is cut off here, and the next one begins so many intervals later.
    pub(super) cut: Option<(Cut, usize)>,
    /// The term ends on purpose after this evaluation; the next one begins before the next.
    pub(super) hands_over: bool,
}

/// What the server keeps of an autoscaler.
type Status = (String, Option<Replicas>);

/// One autoscaler and all who deal with it.
#[derive(Debug, Clone)]
pub(super) struct Simulator {
    policy: Policy,
    now: Timestamp,
    replicas: Replicas,
    accepted: Option<Status>,
    operator: Option<History>,
    /// Intervals until the next term begins, and the size that arrives then.
    down: usize,
    under_way: Option<Change>,
    witness: Witness,
    /// Changes of size since the server last accepted a status.
    unwritten: usize,
    clouded: bool,
    /// When the last term that follows on a cut began.
    recovered: Option<Timestamp>,
}

/// One evaluation of the operator, and what the witness says of it.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) decision: Decision,
    pub(super) verdict: Verdict,
    /// A term began with two or more changes of size that no status tells: their sum is known, nothing else.
    pub(super) clouded: bool,
    /// Time since the last cut was over, if there was any.
    pub(super) recovered: Option<SignedDuration>,
}

impl Simulator {
    pub(super) fn new(policy: Policy, replicas: u32) -> Self {
        Self {
            policy,
            now: at(0),
            replicas: Replicas::new(replicas),
            accepted: None,
            operator: Some(History::default()),
            down: 0,
            under_way: None,
            witness: Witness::default(),
            unwritten: 0,
            clouded: false,
            recovered: None,
        }
    }

    /// One interval. None if no term evaluates in it.
    pub(super) fn tick(&mut self, tick: &Tick) -> Option<Moment> {
        self.now += SignedDuration::from_millis(INTERVAL);
        if let Some(foreign) = tick.foreign {
            self.set(Replicas::new(foreign));
        }
        self.begin_term();
        let seen = tick.sight.of(&self.policy, self.replicas);
        let verdict = self.witness.evaluate(&self.policy, &seen, self.now);
        let cut = tick.cut.map(|(cut, _)| cut);
        let mut history = self.operator.take()?;
        if let Some((_, down)) = tick.cut {
            self.down = down;
        }
        if cut == Some(Cut::BeforeEvaluation) {
            return None;
        }
        let decision = decide(&self.policy, &seen, &history, self.now);
        history = decision.history.clone();
        self.write(&mut history, &decision, tick, cut);
        if cut.is_none() {
            self.operator = Some(history);
        }
        if tick.hands_over && cut.is_none() {
            self.hand_over();
        }
        Some(Moment {
            decision,
            verdict,
            clouded: self.clouded,
            recovered: self.recovered.map(|began| self.now.duration_since(began)),
        })
    }

    fn set(&mut self, replicas: Replicas) {
        self.unwritten += usize::from(replicas != self.replicas);
        self.replicas = replicas;
    }

    /// The size first, then what is remembered.
    fn write(&mut self, history: &mut History, decision: &Decision, tick: &Tick, cut: Option<Cut>) {
        if cut == Some(Cut::BeforeScale) {
            return;
        }
        if let Some((from, to)) = decision.change() {
            let (at, cause) = (self.now, ChangeCause::Ours);
            let change = Change { from, to, at, cause };
            if cut == Some(Cut::ScaleUnderWay) {
                self.under_way = Some(change);
                return;
            }
            self.set(to);
            history.record_change(change, &self.policy);
            self.witness.record(change, &self.policy);
        }
        if matches!(cut, Some(Cut::ScaleUnderWay | Cut::BeforeStatus)) || !tick.accepts {
            return;
        }
        self.accepted = Some((history.encode(), history.last_replicas));
        self.unwritten = 0;
    }

    /// Ends the term on purpose: what is owed is written, and the next term begins at once and knows it. If it cannot be
    /// written, the term counts as cut off.
    fn hand_over(&mut self) {
        let Some(history) = &self.operator else { return };
        let flushed = self.accepted == Some((history.encode(), history.last_replicas));
        let soon = self.now + SignedDuration::from_millis(INTERVAL / 3);
        self.operator = flushed.then(|| self.resumed(Continuity::Unbroken, soon));
    }

    fn begin_term(&mut self) {
        if self.operator.is_some() {
            return;
        }
        if self.down > 0 {
            self.down -= 1;
            return;
        }
        if let Some(change) = self.under_way.take().filter(|change| change.from == self.replicas) {
            self.set(change.to);
            self.witness.record(Change { at: self.now, ..change }, &self.policy);
        }
        self.recovered = Some(self.now);
        self.clouded |= self.unwritten >= 2;
        self.operator = Some(self.resumed(Continuity::Broken, self.now));
    }

    fn resumed(&self, continuity: Continuity, now: Timestamp) -> History {
        let stored = match &self.accepted {
            Some((text, last_replicas)) => Stored::Memory {
                text,
                last_replicas: *last_replicas,
            },
            None => Stored::Nothing,
        };
        History::resume(stored, continuity, now, allowed_skew(self.policy.interval))
    }
}
