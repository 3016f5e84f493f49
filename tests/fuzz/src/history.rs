//! The stored history, which whoever may write status can edit: any text is read or refused, what was read is written
//! the same way for ever, and whatever is remembered on top of it, it does not outgrow its field in status.

use std::sync::LazyLock;

use autoscaler_api::policy;
use autoscaler_api::status::MAX_HISTORY;
use autoscaler_core::{
    Change, ChangeCause, Continuity, Evidence, History, MetricReading, Observation, Policy, Quantity, Reading,
    Replicas, Seconds, Standing, Stored, decide,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// More changes than would fit, were they all kept.
const CHANGES: usize = 400;

/// Reads one text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(history) = History::decode(text) else { return };
    let written = history.encode();
    let read = History::decode(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(read.encode(), written, "of {text:?}");
    check_growth(&as_long_as_fits(&written));
}

/// Goes on from a text as an operator does after a start, and remembers much.
fn check_growth(text: &str) {
    // Shortly after the times in the corpus.
    let now = Timestamp::from_millisecond(1_795_348_800_000).expect("a time of the year 2026");
    let replicas = Replicas::new(5);
    let stored = Stored::Memory {
        text,
        last_replicas: Some(replicas),
    };
    let history = History::resume(stored, Continuity::Broken, now, SignedDuration::from_secs(5));
    let mut history = decide(&POLICY, &observation(replicas), &history, now).history;
    for _ in 0..CHANGES {
        let change = Change {
            from: Replicas::MAX,
            to: replicas,
            at: now,
            cause: ChangeCause::Ours,
        };
        history.record_change(change, &POLICY);
    }
    let written = history.encode();
    assert!(written.len() <= MAX_HISTORY, "{} bytes of {text:?}", written.len());
}

/// The words of a history again and again, as many as its field in status takes.
fn as_long_as_fits(written: &str) -> String {
    let (version, words) = written.split_once(' ').unwrap_or((written, ""));
    let mut text = version.to_owned();
    while !words.is_empty() && text.len() + 1 + words.len() <= MAX_HISTORY {
        text.push(' ');
        text.push_str(words);
    }
    text
}

/// The longest windows that there are, so that nothing is forgotten for its age.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let longest = json!({"stabilizationWindowSeconds": 3600});
    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10,
        "metrics": [{"name": "rate", "prometheus": {"query": "rate"}, "target": {"averageValue": 1}}],
        "behavior": {"scaleUp": longest, "scaleDown": longest},
    });
    let spec = serde_json::from_value(spec).expect("the spec is well-formed");
    policy(&spec, |_| Seconds::new(300)).expect("the spec is valid")
});

fn observation(replicas: Replicas) -> Observation {
    let reading = Reading::Fresh {
        value: Quantity::from_units(7),
        evidence: Evidence::Probed,
    };
    Observation {
        replicas,
        ready: Some(replicas),
        pods: None,
        rollout: None,
        readings: vec![MetricReading::one("rate", reading)],
        clock_skew: None,
        standing: Standing::Acts,
    }
}
