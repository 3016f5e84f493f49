//! An operator, a server that keeps what it last accepted, and a witness that is never interrupted.
//!
//! The operator evaluates, writes the size, then the status if the stored form has changed. It may be cut off before and
//! after each of these, and what it was writing may arrive when the next term has begun; its status may be refused; it
//! may hand over. All of it happens to one target, and the witness
//! sees all of it: so each decision of the operator can be held against what is known in truth.

use autoscaler_core::history::{Gap, Stored};
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
    /// The status is being written, and arrives when the next term has loaded the one before it.
    StatusUnderWay,
    /// After both.
    AfterStatus,
}

pub(super) const CUTS: [Cut; 6] = [
    Cut::BeforeEvaluation,
    Cut::BeforeScale,
    Cut::ScaleUnderWay,
    Cut::BeforeStatus,
    Cut::StatusUnderWay,
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
#[derive(Debug, Clone, PartialEq, Eq)]
struct Status {
    text: String,
    last_replicas: Option<Replicas>,
}

impl Status {
    fn of(history: &History) -> Self {
        Self {
            text: history.encode(),
            last_replicas: history.last_replicas,
        }
    }
}

/// One autoscaler and all who deal with it.
#[derive(Debug, Clone)]
pub(super) struct Simulator {
    policy: Policy,
    now: Timestamp,
    replicas: Replicas,
    accepted: Option<Status>,
    operator: Option<History>,
    /// Intervals until the next term begins, and the size and the status that arrive then.
    down: usize,
    under_way: Option<Change>,
    late: Option<Late>,
    witness: Witness,
    /// Changes of size since the server last accepted a status.
    unwritten: usize,
    clouded: bool,
    /// When the last term that follows on a cut began.
    recovered: Option<Timestamp>,
    /// When the last term began, however the one before it ended.
    began: Option<Timestamp>,
    /// When a term last began with a change of size that no status told.
    dated: Option<Timestamp>,
    /// A term began with a gap in the data that had been seen.
    knew_a_gap: bool,
    /// The status accepted last arrived late, and terms that began with one such.
    is_late: bool,
    pub(super) late_loads: usize,
}

/// A status that is under way, and the changes of size since it was sent.
#[derive(Debug, Clone)]
struct Late {
    status: Status,
    unwritten: usize,
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
    /// Time since the last term began, if it is not the first.
    pub(super) began: Option<SignedDuration>,
    /// Time since a term began with a change of size that no status told, so that it is reckoned from then.
    pub(super) dated: Option<SignedDuration>,
    /// A term began with a gap in the data that had been seen, and may have ended meanwhile.
    pub(super) knew_a_gap: bool,
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
            late: None,
            witness: Witness::default(),
            unwritten: 0,
            clouded: false,
            recovered: None,
            began: None,
            dated: None,
            knew_a_gap: false,
            is_late: false,
            late_loads: 0,
        }
    }

    /// One interval. None if no term evaluates in it.
    pub(super) fn tick(&mut self, tick: &Tick) -> Option<Moment> {
        self.now += SignedDuration::from_millis(INTERVAL);
        if let Some(foreign) = tick.foreign {
            self.set(Replicas::new(foreign));
        }
        self.begin_term();
        let seen = tick.sight.of(&self.policy, self.replicas, self.now);
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
        let ago = |at: Option<Timestamp>| at.map(|at| self.now.duration_since(at));
        Some(Moment {
            decision,
            verdict,
            clouded: self.clouded,
            recovered: ago(self.recovered),
            began: ago(self.began),
            dated: ago(self.dated),
            knew_a_gap: self.knew_a_gap,
        })
    }

    fn set(&mut self, replicas: Replicas) {
        let changes = usize::from(replicas != self.replicas);
        self.unwritten += changes;
        if let Some(late) = &mut self.late {
            late.unwritten += changes;
        }
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
        let status = Status::of(history);
        if cut == Some(Cut::StatusUnderWay) {
            self.late = Some(Late { status, unwritten: 0 });
            return;
        }
        (self.accepted, self.is_late) = (Some(status), false);
        self.unwritten = 0;
    }

    /// Ends the term on purpose: what is owed is written, and the next term begins at once and knows it. If it cannot be
    /// written, the term counts as cut off.
    fn hand_over(&mut self) {
        let Some(history) = &self.operator else { return };
        let flushed = self.accepted == Some(Status::of(history));
        let soon = self.now + SignedDuration::from_millis(INTERVAL / 3);
        if flushed {
            self.began = Some(soon);
            self.operator = Some(self.resumed(Continuity::Unbroken, soon));
        } else {
            self.operator = None;
        }
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
        (self.recovered, self.began) = (Some(self.now), Some(self.now));
        if self.unwritten >= 1 {
            self.dated = Some(self.now);
        }
        self.clouded |= self.unwritten >= 2;
        self.late_loads += usize::from(self.is_late);
        let history = self.resumed(Continuity::Broken, self.now);
        self.knew_a_gap |= history.gaps.values().any(|gap| matches!(gap, Gap::Since(_)));
        self.operator = Some(history);
        if let Some(Late { status, unwritten }) = self.late.take() {
            (self.accepted, self.is_late, self.unwritten) = (Some(status), true, unwritten);
        }
    }

    fn resumed(&self, continuity: Continuity, now: Timestamp) -> History {
        let stored = match &self.accepted {
            Some(Status { text, last_replicas }) => Stored::Memory {
                text,
                last_replicas: *last_replicas,
            },
            None => Stored::Nothing,
        };
        History::resume(stored, continuity, now, allowed_skew(self.policy.interval))
    }
}
