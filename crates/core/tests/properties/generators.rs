//! Policies, observations and memories of every kind. Memories are made by deciding, so each could have come about.

use autoscaler_core::per_pod::WarmUp;
use autoscaler_core::{
    Bounds, Change, ChangeCause, Cooldown, Evidence, Failure, FailureClass, Fallback, History, MetricPolicy,
    MetricReading, Observation, Policy, Quantity, RatePolicy, Reading, Replicas, Rollout, ScalingRules, Seconds,
    SelectPolicy, Standing, Target, TargetKind, WhenMissing, WhenNan, decide, reading::PartialCause,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm};

/// The seconds of a test, from its beginning.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    const BEGINNING: i64 = 1_795_348_000_000;
    Timestamp::from_millisecond(BEGINNING + milliseconds).expect("a time of this century")
}

/// At least so many cases (`PROPTEST_CASES` may ask for more), and seeds beside the source.
pub(super) fn cases(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig {
        cases: cases.max(asked.cases),
        // The default one is slow without optimization.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..asked
    }
}

fn any_seconds(choices: &'static [u32]) -> impl Strategy<Value = Seconds> {
    select(choices).prop_map(Seconds::new)
}

fn any_rate_policy() -> impl Strategy<Value = RatePolicy> {
    let period = select(&[15_u32, 60, 180][..]);
    prop_oneof![
        (1_u32..=8, period.clone()).prop_map(|(value, period)| RatePolicy::pods(value, period)),
        (select(&[1_u32, 10, 50, 100, 900][..]), period).prop_map(|(value, period)| RatePolicy::percent(value, period)),
    ]
}

prop_compose! {
    fn any_rules()(
        window in any_seconds(&[0, 0, 15, 30, 60, 120, 300]),
        select in prop_oneof![
            12 => Just(SelectPolicy::Max),
            3 => Just(SelectPolicy::Min),
            1 => Just(SelectPolicy::Disabled),
        ],
        policies in prop::collection::vec(any_rate_policy(), 1..=3),
        tolerance in select(&[0_i64, 50, 100, 300, 1_200][..]),
    ) -> ScalingRules {
        ScalingRules { window, select, policies, tolerance: Quantity::from_millis(tolerance) }
    }
}

prop_compose! {
    fn any_metric(name: String)(
        kind in select(&[TargetKind::Value, TargetKind::AverageValue][..]),
        target in 500_i64..=4_000,
        when_missing in select(&[WhenMissing::Hold, WhenMissing::Zero, WhenMissing::Ignore][..]),
        when_nan in select(&[WhenNan::Hold, WhenNan::Zero][..]),
        look_back in any_seconds(&[15, 60]),
    ) -> MetricPolicy {
        let target = Target::new(&name, kind, Quantity::from_millis(target)).expect("above zero");
        MetricPolicy { name: name.clone(), target: Some(target), when_missing, when_nan, look_back, warm_up: WarmUp::Sample }
    }
}

/// One to three metrics, called `metric-1` and so on.
fn any_metrics() -> impl Strategy<Value = Vec<MetricPolicy>> {
    select(&[1_usize, 1, 2, 3][..]).prop_flat_map(|count| {
        let metrics: Vec<_> = (1..=count).map(|index| any_metric(format!("metric-{index}"))).collect();
        metrics
    })
}

prop_compose! {
    pub(super) fn any_policy()(
        min in 1_u32..=6,
        room in 0_u32..=30,
        metrics in any_metrics(),
        scale_up in any_rules(),
        scale_down in any_rules(),
        cooldown in (any_seconds(&[0, 0, 30, 90]), any_seconds(&[0, 0, 60, 300])),
        fallback in prop::option::weighted(0.3, (any_seconds(&[20, 90]), 1_u32..=6)),
        growth_settle in any_seconds(&[0, 60]),
    ) -> Policy {
        Policy {
            bounds: Bounds::new(Replicas::new(min), Replicas::new(min + room)).expect("in order"),
            metrics,
            scale_up,
            scale_down,
            cooldown: Cooldown { up: cooldown.0, down: cooldown.1 },
            fallback: fallback.map(|(after, floor)| Fallback { after, min_replicas: Replicas::new(floor.min(min + room)) }),
            interval: Seconds::new(15),
            growth_settle,
        }
    }
}

/// The same without the options that make a number of what cannot be read.
pub(super) fn any_careful_policy() -> impl Strategy<Value = Policy> {
    any_policy().prop_map(|mut policy| {
        for metric in &mut policy.metrics {
            (metric.when_missing, metric.when_nan) = (WhenMissing::Hold, WhenNan::Hold);
        }
        policy
    })
}

/// Loads that ask for 0 to about 40 replicas of a target of some units, and now and then an absurd one.
pub(super) fn any_load() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        12 => (0_i64..=40_000).prop_map(Quantity::from_millis),
        4 => (0_i64..=6_000).prop_map(Quantity::from_millis),
        1 => select(vec![Quantity::ZERO, Quantity::MAX, Quantity::MIN, Quantity::from_millis(-700)]),
    ]
}

pub(super) fn probed(value: Quantity) -> Reading {
    let evidence = Evidence::Probed;
    Reading::Fresh { value, evidence }
}

/// A reading that is a number one may shrink on.
pub(super) fn any_fresh() -> impl Strategy<Value = Reading> {
    let evidence = select(&[Evidence::Probed, Evidence::Probed, Evidence::Unprobeable][..]);
    (any_load(), evidence).prop_map(|(value, evidence)| Reading::Fresh { value, evidence })
}

/// A reading that is not.
pub(super) fn any_not_fresh() -> impl Strategy<Value = Reading> {
    let (age, limit) = (SignedDuration::from_secs(90), SignedDuration::from_secs(60));
    let causes = [
        PartialCause::Warning,
        PartialCause::FewerSeries { now: 1, before: 2 },
        PartialCause::YoungSeries { look_back: limit },
        PartialCause::FewerPods {
            covered: 1,
            ready: Replicas::new(2),
        },
    ];
    prop_oneof![
        Just(Reading::Stale { age, limit }),
        any::<bool>().prop_map(|source_proven| Reading::Missing { source_proven }),
        any::<bool>().prop_map(|source_proven| Reading::NotANumber { source_proven }),
        Just(Reading::TooMany { series: 2, pod: None }),
        (any_load(), select(causes.to_vec())).prop_map(|(value, cause)| Reading::Partial { value, cause }),
        Just(Reading::Failed(Failure::of(FailureClass::Timeout))),
    ]
}

/// Any reading; one in eight is not Fresh, one in eight is not probed.
pub(super) fn any_reading() -> impl Strategy<Value = Reading> {
    let evidence = Evidence::Unprobed;
    prop_oneof![
        6 => any_fresh(),
        1 => any_load().prop_map(move |value| Reading::Fresh { value, evidence }),
        1 => any_not_fresh(),
    ]
}

/// A rollout, a clock that is off, or, mostly, neither.
fn any_lock() -> impl Strategy<Value = (Option<Rollout>, Option<SignedDuration>)> {
    let updating = Rollout::Updating {
        updated: Replicas::new(1),
        replicas: Replicas::new(3),
        until: None,
    };
    prop_oneof![
        12 => Just((None, None)),
        1 => Just((Some(Rollout::GenerationLags), None)),
        1 => Just((Some(updating), None)),
        1 => Just((None, Some(SignedDuration::from_secs(20)))),
    ]
}

prop_compose! {
    /// What one evaluation sees: three readings, of which a policy uses as many as it has metrics.
    pub(super) fn any_sight(reading: BoxedStrategy<Reading>)(
        readings in prop::array::uniform3(reading),
        ready in prop_oneof![4 => Just(None), 6 => (0_u32..=40).prop_map(Some)],
        (rollout, clock_skew) in any_lock(),
    ) -> Sight {
        Sight { readings, ready, rollout, clock_skew, standing: Standing::Acts }
    }
}

/// An observation without its count.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) readings: [Reading; 3],
    ready: Option<u32>,
    pub(super) rollout: Option<Rollout>,
    pub(super) clock_skew: Option<SignedDuration>,
    pub(super) standing: Standing,
}

impl Sight {
    /// These readings, all replicas ready, nothing in the way.
    pub(super) const fn plain(readings: [Reading; 3]) -> Self {
        Self {
            readings,
            ready: Some(u32::MAX),
            rollout: None,
            clock_skew: None,
            standing: Standing::Acts,
        }
    }

    /// What is seen of a target of this count.
    pub(super) fn of(&self, policy: &Policy, replicas: Replicas) -> Observation {
        let readings = policy.metrics.iter().zip(&self.readings);
        Observation {
            replicas,
            ready: self.ready.map(|ready| Replicas::new(ready).min(replicas)),
            pods: None,
            rollout: self.rollout,
            readings: readings
                .map(|(metric, reading)| MetricReading::one(metric.name.as_str(), reading.clone()))
                .collect(),
            clock_skew: self.clock_skew,
            standing: self.standing,
        }
    }
}

/// One step of a past: so many milliseconds later, what was seen, and the count that somebody else had set.
pub(super) type Step = (i64, Sight, Option<u32>);

pub(super) fn any_step(reading: BoxedStrategy<Reading>) -> impl Strategy<Value = Step> {
    let later = prop_oneof![6 => Just(15_000_i64), 1 => 1_000_i64..=400_000];
    let foreign = prop::option::weighted(0.08, 0_u32..=40);
    (later, any_sight(reading), foreign)
}

/// A past that a memory comes from.
#[derive(Debug, Clone)]
pub(super) struct Past {
    replicas: u32,
    steps: Vec<Step>,
    /// Seconds from the last evaluation to the present.
    pause: i64,
}

pub(super) fn any_past() -> impl Strategy<Value = Past> {
    let steps = prop::collection::vec(any_step(any_reading().boxed()), 0..10);
    let pause = select(&[15_i64, 15, 60, 400][..]);
    (1_u32..=36, steps, pause).prop_map(|(replicas, steps, pause)| Past { replicas, steps, pause })
}

/// What a past leaves behind.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) history: History,
    pub(super) replicas: Replicas,
    pub(super) now: Timestamp,
}

impl Past {
    /// When it ended, if there was any evaluation in it.
    pub(super) fn last_evaluation(&self) -> Option<Timestamp> {
        let later = self.steps.iter().map(|(later, _, _)| later);
        (!self.steps.is_empty()).then(|| at(later.sum()))
    }

    /// Lives it: decides at each step, and carries out what was decided.
    pub(super) fn lived(&self, policy: &Policy) -> Present {
        let mut present = Present {
            history: History::default(),
            replicas: Replicas::new(self.replicas),
            now: at(0),
        };
        for (later, sight, foreign) in &self.steps {
            present.now += SignedDuration::from_millis(*later);
            present.replicas = foreign.map_or(present.replicas, Replicas::new);
            present.evaluate(policy, sight);
        }
        present.now += SignedDuration::from_secs(self.pause);
        present
    }
}

impl Present {
    /// One evaluation that is carried out.
    pub(super) fn evaluate(&mut self, policy: &Policy, sight: &Sight) -> autoscaler_core::Decision {
        let observation = sight.of(policy, self.replicas);
        let decision = decide(policy, &observation, &self.history, self.now);
        self.history = decision.history.clone();
        if let Some((from, to)) = decision.change() {
            let (at, cause) = (self.now, ChangeCause::Ours);
            self.history.record_change(Change { from, to, at, cause }, policy);
            self.replicas = to;
        }
        decision
    }
}
