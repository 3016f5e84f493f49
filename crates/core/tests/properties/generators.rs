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
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

use super::pods::{Pods, any_distance, any_pods, at_distance};

/// The seconds of a test, from its beginning.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    const BEGINNING: i64 = 1_795_348_000_000;
    Timestamp::from_millisecond(BEGINNING + milliseconds).expect("a time of this century")
}

/// At least so many cases (`PROPTEST_CASES` may ask for more), and seeds beside the source.
pub(super) fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let asked = asked.and_then(|cases| cases.parse().ok()).unwrap_or(0);
    ProptestConfig {
        cases: cases.max(asked),
        // The default one is slow without optimization.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Draws cases for a test that counts them: the same ones every time.
pub(super) fn sampler() -> TestRunner {
    let rng = TestRng::from_seed(RngAlgorithm::XorShift, b"always the same!");
    TestRunner::new_with_rng(ProptestConfig::default(), rng)
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

/// What a metric is about.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Whole,
    EachPod,
}

/// Metrics of every pod are told by their names.
pub(super) fn is_of_pods(metric: &MetricPolicy) -> bool {
    metric.name.starts_with("pods")
}

/// A target of some units, or of some percent: in fifths, so that whole percent are fine enough for noise within the
/// tolerance.
fn any_target() -> impl Strategy<Value = (Subject, TargetKind, Quantity)> {
    use Subject::{EachPod, Whole};
    use TargetKind::{AverageValue, Utilization, Value};
    let amount = (500_i64..=4_000).prop_map(Quantity::from_millis);
    let percent = (1_i64..=7).prop_map(|fifths| Quantity::from_units(20 * fifths));
    prop_oneof![
        3 => (select(&[(Whole, Value), (Whole, AverageValue), (EachPod, AverageValue)][..]), amount)
            .prop_map(|((subject, kind), amount)| (subject, kind, amount)),
        1 => percent.prop_map(|percent| (EachPod, Utilization, percent)),
    ]
}

fn any_warm_up() -> impl Strategy<Value = WarmUp> {
    let (initialization, readiness_delay) = (Seconds::new(300), Seconds::new(30));
    prop_oneof![2 => Just(WarmUp::Sample), 1 => Just(WarmUp::Cpu { initialization, readiness_delay })]
}

prop_compose! {
    fn any_metric(index: usize)(
        (subject, kind, amount) in any_target(),
        when_missing in select(&[WhenMissing::Hold, WhenMissing::Zero, WhenMissing::Ignore][..]),
        when_nan in select(&[WhenNan::Hold, WhenNan::Zero][..]),
        look_back in any_seconds(&[15, 60]),
        warm_up in any_warm_up(),
    ) -> MetricPolicy {
        let name = match subject {
            Subject::Whole => format!("metric-{index}"),
            Subject::EachPod => format!("pods-{index}"),
        };
        let target = Target::new(&name, kind, amount).expect("above zero");
        MetricPolicy { name, target: Some(target), when_missing, when_nan, look_back, warm_up }
    }
}

/// At most so many metrics.
pub(super) const METRICS: usize = 3;

/// One to three metrics, called `metric-1`, `pods-2` and so on.
fn any_metrics() -> impl Strategy<Value = Vec<MetricPolicy>> {
    select(&[1_usize, 1, 2, 3][..]).prop_flat_map(|count| {
        let metrics: Vec<_> = (1..=count).map(any_metric).collect();
        metrics
    })
}

prop_compose! {
    /// With limits of every kind.
    pub(super) fn any_limited_policy()(
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

/// The same with rules, cooldowns and a minimum that leave much to see.
pub(super) fn with_windows_alone(mut policy: Policy) -> Policy {
    policy.cooldown = Cooldown::default();
    policy.bounds = Bounds::new(Replicas::new(1), policy.bounds.max()).expect("in order");
    for rules in [&mut policy.scale_up, &mut policy.scale_down] {
        rules.policies = vec![RatePolicy::pods(100, 15)];
        rules.select = SelectPolicy::Max;
    }
    policy
}

/// Any policy; half of them without limits, so that whatever the metrics ask for is decided.
pub(super) fn any_policy() -> impl Strategy<Value = Policy> {
    let free = any_limited_policy().prop_map(|policy| {
        let mut policy = with_windows_alone(policy);
        (policy.scale_up.window, policy.scale_down.window) = (Seconds::ZERO, Seconds::ZERO);
        policy
    });
    prop_oneof![any_limited_policy(), free]
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
        readings in prop::array::uniform(reading),
        ready in prop_oneof![4 => Just(None), 6 => any_distance().prop_map(Some)],
        pods in prop::option::weighted(0.95, any_pods()),
        (rollout, clock_skew) in any_lock(),
    ) -> Sight {
        Sight { readings, ready, pods, rollout, clock_skew, standing: Standing::Acts }
    }
}

/// An observation without its count.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    /// Of a metric of every pod only how far it can be believed counts.
    pub(super) readings: [Reading; METRICS],
    /// From `spec.replicas`.
    ready: Option<i64>,
    pub(super) pods: Option<Pods>,
    pub(super) rollout: Option<Rollout>,
    pub(super) clock_skew: Option<SignedDuration>,
    pub(super) standing: Standing,
}

impl Sight {
    /// These readings, all replicas ready, nothing in the way.
    pub(super) const fn plain(readings: [Reading; METRICS], pods: Pods) -> Self {
        Self {
            readings,
            ready: Some(0),
            pods: Some(pods),
            rollout: None,
            clock_skew: None,
            standing: Standing::Acts,
        }
    }

    /// What is seen of a target of this count.
    pub(super) fn of(&self, policy: &Policy, replicas: Replicas, now: Timestamp) -> Observation {
        let told = |(index, metric): (usize, &MetricPolicy)| MetricReading {
            pods: (self.pods.as_ref())
                .filter(|_| is_of_pods(metric))
                .map(|pods| pods.samples(index, metric.look_back, replicas, now)),
            ..MetricReading::one(metric.name.as_str(), self.reading(index, metric))
        };
        Observation {
            replicas,
            ready: self.ready.map(|distance| at_distance(replicas, distance)),
            pods: (self.pods.as_ref())
                .filter(|_| policy.metrics.iter().any(is_of_pods))
                .map(|pods| pods.of(replicas, now)),
            rollout: self.rollout,
            readings: policy.metrics.iter().enumerate().map(told).collect(),
            clock_skew: self.clock_skew,
            standing: self.standing,
        }
    }

    /// Where the pods are not known, nothing is read of each of them.
    fn reading(&self, index: usize, metric: &MetricPolicy) -> Reading {
        if is_of_pods(metric) && self.pods.is_none() {
            return Reading::Failed(Failure::of(FailureClass::PodsUnknown));
        }
        self.readings[index].clone()
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
        let observation = sight.of(policy, self.replicas, self.now);
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
