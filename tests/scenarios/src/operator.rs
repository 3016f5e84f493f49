//! What the operator does around the core, in its order: observe, decide, probe and decide again, act, write status
//! (`crates/operator/src/reconcile`). Everything else of it is left to the suites that run it.

use autoscaler_core::history::{Runs, Stored};
use autoscaler_core::observation::allowed_skew;
use autoscaler_core::per_pod::{Pod, PodSample};
use autoscaler_core::{
    Change, ChangeCause, Continuity, Decision, Evidence, Expected, Failure, FailureClass, History, MetricReading,
    Observation, PartialCause, Reading, Replicas, Standing, WhenMissing, WhenNan, decide, explain,
};
use jiff::{SignedDuration, Timestamp};

use crate::probe::{may_be_down, probe};
use crate::query::OfPods;
use crate::reasons;
use crate::runner::Form;
use crate::scenario::{Answers, Metric, Mode, Next};
use crate::series::{Selector, Series};
use crate::time;
use crate::world::{Status, World};

/// One process of the operator, from its start to its end.
pub(crate) struct Operator {
    form: Form,
    history: History,
    target_uid: Option<u32>,
    /// The last status has been accepted, or says nothing new.
    pub(crate) flushed: bool,
    /// How far its clock is ahead.
    clock: SignedDuration,
    /// Since when the source has answered without a gap (R4).
    answering_since: Option<SignedDuration>,
}

/// What came of one evaluation.
pub(crate) struct Outcome {
    pub(crate) from: Replicas,
    pub(crate) to: Replicas,
    pub(crate) wants: Option<Replicas>,
    pub(crate) because: Vec<String>,
    pub(crate) next: Next,
    pub(crate) summary: Option<String>,
}

impl Operator {
    /// A process takes the object up with what its status remembers.
    pub(crate) fn resume(form: Form, world: &World<'_>, continuity: Continuity, now: SignedDuration) -> Self {
        let status = world.object.status.as_ref();
        let stored = status.map_or(Stored::Nothing, |status| Stored::Memory {
            text: &status.history,
            last_replicas: status.last_replicas,
        });
        let clock = world.clock;
        let allowed = allowed_skew(world.object.spec.interval);
        Self {
            form,
            history: History::resume(stored, continuity, time::timestamp(now + clock), allowed),
            target_uid: status.map(|status| status.target_uid),
            flushed: true,
            clock,
            answering_since: None,
        }
    }

    /// One evaluation.
    pub(crate) fn evaluate(&mut self, world: &mut World<'_>, now: SignedDuration) -> Outcome {
        let outcome = self.reconcile(world, now);
        self.write_status(world);
        match self.form {
            Form::Uninterrupted => {}
            Form::ThroughText => self.history = through_text(&self.history),
        }
        outcome
    }

    fn reconcile(&mut self, world: &mut World<'_>, now: SignedDuration) -> Outcome {
        let replicas = world.target.replicas;
        if world.object.mode == Mode::Paused {
            self.history.acting = false;
            return Outcome::blocked(replicas, reasons::PAUSED);
        }
        if self.target_uid.is_some_and(|uid| uid != world.target.uid) {
            self.history = History::default();
        }
        self.target_uid = Some(world.target.uid);
        if world.object.mode == Mode::Active && self.is_contended(now) {
            return self.stay_out(replicas);
        }
        let decision = self.decide(world, now);
        self.history = decision.history.clone();
        if self.is_contended(now) {
            return self.stay_out(replicas);
        }
        if let Some((from, to)) = decision.change().filter(|_| world.object.mode == Mode::Active) {
            let change = Change {
                from,
                to,
                at: decision.at,
                cause: ChangeCause::Ours,
            };
            self.history.record_change(change, &world.object.spec.policy());
            world.target.resize(to, now);
        }
        Outcome::of(&decision)
    }

    fn is_contended(&self, now: SignedDuration) -> bool {
        self.history.changes.contention(self.clock(now)).is_some()
    }

    fn stay_out(&mut self, replicas: Replicas) -> Outcome {
        self.history.acting = false;
        self.history.last_replicas = Some(replicas);
        Outcome::blocked(replicas, reasons::CONTENDED)
    }

    /// What its clock says, never behind what is stored (R17).
    fn clock(&self, now: SignedDuration) -> Timestamp {
        self.history.not_before(time::timestamp(now + self.clock))
    }

    fn decide(&mut self, world: &World<'_>, now: SignedDuration) -> Decision {
        let policy = world.object.spec.policy();
        let at = self.clock(now);
        let mut observation = self.observe(world, now);
        let decision = decide(&policy, &observation, &self.history, at);
        if !decision.needs_probe {
            return decision;
        }
        for (metric, read) in world.object.spec.metrics.iter().zip(&mut observation.readings) {
            let since = at.saturating_sub(metric.look_back()).unwrap_or(at);
            let replicas = world.target.replicas;
            let expected = Expected {
                max_sample_age: metric.max_sample_age,
                replicas,
                replicas_before: decision.history.changes.largest_since(since, replicas),
                // Of a metric of every pod those without a series are reckoned one by one.
                ready: world
                    .target
                    .ready(now)
                    .filter(|_| !metric.per_pod)
                    .map(|ready| ready.min(replicas)),
            };
            let reading = probe(metric, world.series, now, read.reading.clone(), &expected);
            read.reading = self.proven(reading, metric, world, now);
        }
        decide(&policy, &observation, &self.history, at)
    }

    fn observe(&mut self, world: &World<'_>, now: SignedDuration) -> Observation {
        let spec = &world.object.spec;
        let skew = world.skew + self.clock;
        let pods = world.target.pods.at(now);
        let readings = spec.metrics.iter().map(|metric| self.read(metric, world, &pods, now));
        Observation {
            replicas: world.target.replicas,
            ready: world.target.ready(now),
            readings: readings.collect(),
            pods: spec.metrics.iter().any(|metric| metric.per_pod).then_some(pods),
            rollout: world.target.rollout(),
            clock_skew: (skew.abs() > allowed_skew(spec.interval)).then_some(skew),
            standing: match world.object.mode {
                Mode::Active => Standing::Acts,
                Mode::DryRun | Mode::Paused => Standing::Reports,
            },
        }
    }

    fn read(&mut self, metric: &Metric, world: &World<'_>, pods: &[Pod], now: SignedDuration) -> MetricReading {
        let name = metric.policy.name.as_str();
        let answers = world.answers(name);
        if let Answers::Fails(class) = answers {
            // Where the query is at fault, the source has spoken (`crates/promql/src/health.rs`).
            let spoke = matches!(
                class,
                FailureClass::BadQuery
                    | FailureClass::Execution
                    | FailureClass::AnswerTooLarge
                    | FailureClass::WrongResultType
            );
            self.answering_since = spoke.then(|| self.answering_since.unwrap_or(now));
            return MetricReading::one(name, Reading::Failed(Failure::of(class)));
        }
        self.answering_since.get_or_insert(now);
        let of_pods = metric.per_pod.then(|| {
            let names = pods.iter().map(|pod| pod.name.clone()).collect();
            metric.query.read_pods(world.series, now, &names)
        });
        let (reading, amounts) = match of_pods {
            None => (metric.query.read(world.series, now), None),
            Some(OfPods { reading, amounts }) => (reading, Some(amounts)),
        };
        // That there is no series of ours proves nothing while there are others.
        let only_others = amounts.is_some()
            && matches!(reading, Reading::Missing { .. })
            && metric.query.finds_any(world.series, now);
        let reading = match (reading, answers) {
            (Reading::Fresh { value, .. }, Answers::WithWarning) => Reading::Partial {
                value,
                cause: PartialCause::Warning,
            },
            (reading, Answers::Well) if !only_others => self.proven(reading, metric, world, now),
            (reading, Answers::Well | Answers::WithWarning | Answers::Fails(_)) => reading,
        };
        let at = self.clock(now);
        let since = at.saturating_sub(metric.spans()).unwrap_or(at);
        let sample = |(pod, value)| (pod, PodSample { value, since });
        MetricReading {
            name: name.to_owned(),
            reading,
            pods: amounts.map(|amounts| amounts.into_iter().map(sample).collect()),
        }
    }

    /// Whether an absence can be believed, where the policy asks (R4): the source has answered for one look-back, and
    /// has known targets now and one look-back ago, none of which is down that had the series.
    fn proven(&self, reading: Reading, metric: &Metric, world: &World<'_>, now: SignedDuration) -> Reading {
        let policy = &metric.policy;
        if policy.when_missing != WhenMissing::Zero && policy.when_nan != WhenNan::Zero {
            return reading;
        }
        let look_back = metric.look_back();
        let answered = self.answering_since.is_some_and(|since| now - since >= look_back);
        let scrapes = knows_up(world.series, now) && knows_up(world.series, now - look_back);
        let source_proven = answered && scrapes && !may_be_down(metric, world.series, now);
        match reading {
            Reading::Missing { .. } => Reading::Missing { source_proven },
            Reading::NotANumber { .. } => Reading::NotANumber { source_proven },
            other => other,
        }
    }

    fn write_status(&mut self, world: &mut World<'_>) {
        let status = Some(Status {
            history: self.history.encode(),
            last_replicas: self.history.last_replicas,
            target_uid: world.target.uid,
        });
        self.flushed = status == world.object.status || world.object.accepts_status;
        if self.flushed {
            world.object.status = status;
        }
    }
}

/// The memory as it comes back from its text. Only where an open run ends is not in it: a start takes that to be now,
/// which may lengthen a hold, so here each run is told where it ended.
fn through_text(history: &History) -> History {
    let text = history.encode();
    let until = |runs: &Runs| {
        let end = runs.as_slice().last().map_or(Timestamp::MIN, |open| open.last);
        let stored = Stored::Memory {
            text: &text,
            last_replicas: history.last_replicas,
        };
        History::resume(stored, Continuity::Unbroken, end, SignedDuration::MAX)
    };
    let mut back = until(&history.shrink);
    back.growth = until(&history.growth).growth;
    back
}

/// Whether Prometheus has a target at a time.
fn knows_up(series: &[Series], at: SignedDuration) -> bool {
    let up = Selector::of_metric("up");
    up.instant(series, at).next().is_some()
}

impl Outcome {
    fn of(decision: &Decision) -> Self {
        let unprobed = decision.metrics().any(|step| {
            let evidence = Evidence::Unprobed;
            decision.needs_probe && matches!(step.reading, Reading::Fresh { evidence: found, .. } if found == evidence)
        });
        assert!(!unprobed, "every reading is probed before a change is decided");
        Self {
            from: decision.current,
            to: decision.desired,
            wants: decision
                .merged()
                .map(|(_, wanted)| wanted)
                .filter(|wanted| *wanted != decision.desired),
            because: reasons::of(decision),
            next: decision
                .next_change
                .map_or(Next::Never, |at| Next::At(time::since_zero(at))),
            summary: Some(explain::summary(decision)),
        }
    }

    /// Nothing was decided.
    fn blocked(replicas: Replicas, reason: &str) -> Self {
        Self {
            from: replicas,
            to: replicas,
            wants: None,
            because: vec![reason.to_owned()],
            next: Next::Never,
            summary: None,
        }
    }
}
