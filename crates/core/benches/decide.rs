//! How long one decision takes: three metrics, one of them of a hundred pods, and as much memory as a history can hold.
//!
//! `cargo bench --package autoscaler-core`. The aim is 20 us; a tick of ten thousand autoscalers is then 0.2 s of one core.

use std::collections::BTreeMap;

use autoscaler_core::per_pod::{Pod, PodPhase, PodReady, PodSample, PodSamples, WarmUp};
use autoscaler_core::policy::GROWTH_SETTLE;
use autoscaler_core::{
    Bounds, Change, ChangeCause, Cooldown, Decision, Evidence, History, MetricPolicy, MetricReading, Observation,
    Policy, Quantity, RatePolicy, Reading, Replicas, ScalingRules, Seconds, Standing, Target, TargetKind, WhenMissing,
    WhenNan, decide, explain,
};
use divan::Bencher;
use jiff::{SignedDuration, Timestamp};

fn main() {
    divan::main();
}

/// Replicas, and so pods.
const REPLICAS: u32 = 100;

/// One decision: holding, as nearly all are.
#[divan::bench]
fn hold(bencher: Bencher<'_, '_>) {
    run(bencher, &Case::of(100));
}

/// One decision to grow.
#[divan::bench]
fn grow(bencher: Bencher<'_, '_>) {
    run(bencher, &Case::of(160));
}

/// One decision to shrink, which windows and policies hold back.
#[divan::bench]
fn shrink(bencher: Bencher<'_, '_>) {
    run(bencher, &Case::of(40));
}

/// The sentence for people.
#[divan::bench]
fn explain(bencher: Bencher<'_, '_>) {
    let decision = Case::of(40).decide();
    bencher.bench(|| explain::summary(divan::black_box(&decision)));
}

/// The memory as text and back.
#[divan::bench]
fn store_and_load(bencher: Bencher<'_, '_>) {
    let history = Case::of(100).history;
    bencher.bench(|| History::decode(&divan::black_box(&history).encode()));
}

fn run(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench(|| divan::black_box(case).decide());
}

struct Case {
    policy: Policy,
    observation: Observation,
    history: History,
}

impl Case {
    /// So much of the target is used, in percent.
    fn of(percent: i64) -> Self {
        let policy = policy();
        let history = history(&policy);
        Self {
            observation: observation(percent),
            policy,
            history,
        }
    }

    fn decide(&self) -> Decision {
        decide(&self.policy, &self.observation, &self.history, at(0))
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_348_800 + seconds).expect("a time of this century")
}

/// Five policies a direction, with windows.
fn policy() -> Policy {
    let policies = || {
        (1..=5)
            .map(|number| RatePolicy::pods(20 * number, 60 * number))
            .collect()
    };
    let rules = |rules: ScalingRules| ScalingRules {
        window: Seconds::new(300),
        policies: policies(),
        ..rules
    };
    let metrics = [TargetKind::Value, TargetKind::AverageValue, TargetKind::AverageValue];
    let metric = |(number, kind): (usize, TargetKind)| {
        let name = format!("metric-{number}");
        MetricPolicy {
            target: Some(Target::new(&name, kind, Quantity::from_units(100)).expect("above zero")),
            name,
            when_missing: WhenMissing::Hold,
            when_nan: WhenNan::Hold,
            look_back: Seconds::new(60),
            warm_up: WarmUp::Sample,
        }
    };
    Policy {
        bounds: Bounds::new(Replicas::new(1), Replicas::new(1_000)).expect("in order"),
        metrics: metrics.into_iter().enumerate().map(metric).collect(),
        scale_up: rules(ScalingRules::default_scale_up()),
        scale_down: rules(ScalingRules::default_scale_down()),
        cooldown: Cooldown {
            up: Seconds::new(30),
            down: Seconds::new(300),
        },
        fallback: None,
        interval: Seconds::new(15),
        growth_settle: GROWTH_SETTLE,
    }
}

fn observation(percent: i64) -> Observation {
    let names: Vec<String> = (0..REPLICAS).map(|number| format!("web-{number}")).collect();
    let pod = |name: &String| Pod {
        name: name.clone(),
        phase: PodPhase::Running,
        terminating: false,
        started: Some(at(-3_600)),
        ready: Some(PodReady {
            status: Some(true),
            since: at(-3_590),
        }),
        request: None,
    };
    let sample = |name: &String| {
        let value = Quantity::from_units(percent);
        (name.clone(), PodSample { value, since: at(-60) })
    };
    let samples: PodSamples = names.iter().map(sample).collect::<BTreeMap<_, _>>();
    let fresh = |value: i64| Reading::Fresh {
        value: Quantity::from_units(value),
        evidence: Evidence::Probed,
    };
    let total = percent * i64::from(REPLICAS);
    Observation {
        replicas: Replicas::new(REPLICAS),
        ready: Some(Replicas::new(REPLICAS)),
        pods: Some(names.iter().map(pod).collect()),
        rollout: None,
        readings: vec![
            MetricReading::one("metric-0", fresh(percent)),
            MetricReading::one("metric-1", fresh(total)),
            MetricReading {
                pods: Some(samples),
                ..MetricReading::one("metric-2", fresh(total))
            },
        ],
        clock_skew: None,
        standing: Standing::Acts,
    }
}

/// Thirty changes up and thirty down, and a window full of recommendations.
fn history(policy: &Policy) -> History {
    let mut history = History::default();
    history.last_replicas = Some(Replicas::new(REPLICAS));
    history.acting = true;
    for number in 0..60_u32 {
        let (from, to) = if number % 2 == 0 { (99, 100) } else { (100, 99) };
        let change = Change {
            from: Replicas::new(from),
            to: Replicas::new(to),
            at: at(0) - SignedDuration::from_secs(i64::from(60 - number) * 5),
            cause: ChangeCause::Ours,
        };
        history.record_change(change, policy);
        let recommended = Replicas::new(95 + number % 7);
        history.shrink.record(recommended, change.at, policy.scale_down.window);
        history.growth.record(recommended, change.at, policy.scale_up.window);
    }
    history
}
