//! Short ways to say what is observed and what is asked for.

use crate::per_pod::WarmUp;
use jiff::{SignedDuration, Timestamp};

use crate::*;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_348_000 + seconds).unwrap()
}

pub(super) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(super) fn fresh(value: &str) -> Reading {
    Reading::Fresh {
        value: quantity(value),
        evidence: Evidence::Probed,
    }
}

pub(super) fn unprobed(value: &str) -> Reading {
    Reading::Fresh {
        value: quantity(value),
        evidence: Evidence::Unprobed,
    }
}

pub(super) fn metric(name: &str, kind: TargetKind, target: &str) -> MetricPolicy {
    MetricPolicy {
        name: name.to_owned(),
        target: Some(Target::new(name, kind, quantity(target)).unwrap()),
        when_missing: WhenMissing::Hold,
        when_nan: WhenNan::Hold,
        look_back: Seconds::new(60),
        warm_up: WarmUp::Sample,
    }
}

/// One metric `load` with a target of 100 per replica, 1 to 10 replicas, no windows, no rate limits.
pub(super) fn policy() -> Policy {
    let free = |rules: ScalingRules| ScalingRules {
        window: Seconds::ZERO,
        policies: vec![RatePolicy::pods(1_000_000, 15)],
        ..rules
    };
    Policy {
        bounds: Bounds::new(Replicas::new(1), Replicas::new(10)).unwrap(),
        metrics: vec![metric("load", TargetKind::AverageValue, "100")],
        scale_up: free(ScalingRules::default_scale_up()),
        scale_down: free(ScalingRules::default_scale_down()),
        cooldown: Cooldown::default(),
        fallback: None,
        interval: Seconds::new(15),
        growth_settle: policy::GROWTH_SETTLE,
    }
}

/// The same behind a window of 300 s against shrinking.
pub(super) fn windowed() -> Policy {
    let mut policy = policy();
    policy.scale_down.window = Seconds::new(300);
    policy
}

pub(super) fn by_value(mut policy: Policy) -> Policy {
    policy.metrics = vec![metric("load", TargetKind::Value, "100")];
    policy
}

pub(super) fn observe(replicas: u32, reading: Reading) -> Observation {
    Observation {
        replicas: Replicas::new(replicas),
        ready: Some(Replicas::new(replicas)),
        pods: None,
        rollout: None,
        readings: vec![MetricReading::one("load", reading)],
        clock_skew: None,
        standing: Standing::Acts,
    }
}

/// A memory that is acting on `replicas` already and remembers nothing else.
pub(super) fn settled(replicas: u32) -> History {
    History {
        last_replicas: Some(Replicas::new(replicas)),
        acting: true,
        ..History::default()
    }
}

/// The count decided for one reading with a settled memory.
pub(super) fn desired(policy: &Policy, replicas: u32, reading: Reading) -> u32 {
    decide(policy, &observe(replicas, reading), &settled(replicas), at(0))
        .desired
        .get()
}

pub(super) fn change(from: u32, to: u32, at: Timestamp, cause: ChangeCause) -> Change {
    let (from, to) = (Replicas::new(from), Replicas::new(to));
    Change { from, to, at, cause }
}

/// Evaluates and carries out every `step` seconds, as the operator does, and returns the counts.
pub(super) struct Run {
    pub(super) policy: Policy,
    pub(super) history: History,
    pub(super) replicas: u32,
    pub(super) now: Timestamp,
}

impl Run {
    pub(super) fn new(policy: Policy, replicas: u32) -> Self {
        Self {
            policy,
            history: settled(replicas),
            replicas,
            now: at(0),
        }
    }

    pub(super) fn step(&mut self, seconds: i64, reading: Reading) -> Decision {
        self.now += SignedDuration::from_secs(seconds);
        let decision = decide(&self.policy, &observe(self.replicas, reading), &self.history, self.now);
        self.history = decision.history.clone();
        if let Some((from, to)) = decision.change() {
            self.history.record_change(
                Change {
                    from,
                    to,
                    at: self.now,
                    cause: ChangeCause::Ours,
                },
                &self.policy,
            );
            self.replicas = to.get();
        }
        decision
    }
}

/// These policies in both directions, and room for a thousand replicas.
pub(super) fn with_rules(policies: Vec<RatePolicy>, select: SelectPolicy) -> Policy {
    let mut policy = policy();
    policy.bounds = Bounds::new(Replicas::new(1), Replicas::new(1000)).unwrap();
    policy.scale_up = ScalingRules {
        select,
        policies: policies.clone(),
        ..policy.scale_up
    };
    policy.scale_down = ScalingRules {
        select,
        policies,
        ..policy.scale_down
    };
    policy
}
