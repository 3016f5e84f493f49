//! What the HPA saw and did, one record for each time it looked, from three witnesses with one clock.
//!
//! - The audit log has the scale that it read.
//! - The served metrics API has what it answered.
//! - The controller's own log has the instant of its proposal (the line comes just before it looks at its windows,
//!   `normalizeDesiredReplicasWithBehaviors` in `pkg/controller/podautoscaler/horizontal.go`), and that of a change (just
//!   after it was stored, `storeScaleEvent`).

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::case::Case;
use crate::keeper::Known;
use crate::pods::{PodLoad, Pods};
use crate::series::Sample;
use crate::stage::Stage;

/// One look of the HPA at one target.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// When it read the scale.
    pub(crate) began: Timestamp,
    /// When it decided.
    pub(crate) at: Timestamp,
    /// `spec.replicas` of the scale.
    pub(crate) spec: u32,
    /// `status.replicas` of the scale.
    pub(crate) status: u32,
    /// The pods; the first are right unless one changed at that moment.
    pub(crate) pods: Vec<Pods>,
    /// What it was told, in the order of the metrics; if it did not ask, what it would have been told.
    pub(crate) samples: Vec<Sample>,
    /// And of each pod, if each is measured.
    pub(crate) loads: Vec<PodLoad>,
    /// Whether it asked.
    pub(crate) asked: bool,
    /// The count that the metrics ask for, as it logs it. None if they could not be read, or it did not ask.
    pub(crate) proposed: Option<i64>,
    /// `spec.replicas` afterwards, and since when if that is new.
    pub(crate) result: u32,
    pub(crate) changed: Option<Timestamp>,
}

/// Something a witness saw.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Read { spec: u32, status: u32 },
    Served { metric: usize },
    Proposed(i64),
    Rescaled(u32),
    Held,
}

type Testimony = BTreeMap<String, Vec<(Timestamp, Seen)>>;

/// How long a pod's change may take to reach the HPA's cache, in milliseconds; generous, since the machine may be busy. Of
/// what it may have seen in that time its own proposal says what it saw.
const CACHE: i64 = 1500;

/// The looks at each case, in their order.
pub(crate) fn collect(stage: &Stage, cases: &[Case], known: &BTreeMap<String, Vec<Known>>) -> Vec<Vec<Look>> {
    let mut testimony = Testimony::new();
    audit(stage, &mut testimony);
    served(stage, &mut testimony);
    controller_log(stage, &mut testimony);
    let looks = cases.iter().map(|case| {
        let mut seen = testimony.remove(&case.name).unwrap_or_default();
        seen.sort_by_key(|(at, _)| *at);
        let pods = known.get(&case.name).map_or(&[][..], Vec::as_slice);
        looks(case, pods, &seen)
    });
    looks.collect()
}

fn audit(stage: &Stage, testimony: &mut Testimony) {
    for event in lines(&stage.plane.audit_log_path()) {
        let scale = &event["responseObject"];
        if scale["kind"] != "Scale" {
            continue;
        }
        // Zero is left out on the wire.
        let count = |part: &str| u32::try_from(scale[part]["replicas"].as_u64().unwrap_or(0)).unwrap();
        let (spec, status) = (count("spec"), count("status"));
        let at: Timestamp = text(&event["stageTimestamp"]).parse().unwrap();
        let case = text(&event["objectRef"]["name"]).to_owned();
        testimony
            .entry(case)
            .or_default()
            .push((at, Seen::Read { spec, status }));
    }
}

fn served(stage: &Stage, testimony: &mut Testimony) {
    for served in stage.metrics.served() {
        let Some((case, metric)) = served.asked.metric.split_once("-metric-") else {
            continue;
        };
        let metric = metric.parse().unwrap();
        let at = Timestamp::try_from(served.at).unwrap();
        testimony
            .entry(case.to_owned())
            .or_default()
            .push((at, Seen::Served { metric }));
    }
}

fn controller_log(stage: &Stage, testimony: &mut Testimony) {
    for line in lines(&stage.plane.controller_manager.log_path()) {
        let count = line["desiredReplicas"].as_i64();
        let target = || {
            text(&line["scaleTarget"])
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let (case, seen) = match text(&line["msg"]) {
            "Proposing desired replicas" => (target(), Seen::Proposed(count.unwrap())),
            "Decided not to scale" => (target(), Seen::Held),
            "Successfully rescaled" => {
                let replicas = u32::try_from(count.unwrap()).unwrap();
                (text(&line["HPA"]["name"]).to_owned(), Seen::Rescaled(replicas))
            }
            _ => continue,
        };
        testimony.entry(case).or_default().push((instant(&line["ts"]), seen));
    }
}

/// Milliseconds with four decimals. A float of that size is good for a quarter of a microsecond.
fn instant(milliseconds: &Value) -> Timestamp {
    let number = milliseconds.to_string();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let nanoseconds: i128 = format!("{whole}{fraction:0<6.6}").parse().unwrap();
    Timestamp::from_nanosecond(nanoseconds).unwrap()
}

fn lines(path: &std::path::Path) -> impl Iterator<Item = Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    lines.into_iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What is known of a look that is not over.
#[derive(Debug, Default)]
struct Open {
    scale: Option<(u32, u32)>,
    served: Vec<usize>,
    proposed: Option<i64>,
    /// Whether it was told how the look ended, and with which new size if any.
    ended: bool,
    rescaled: Option<u32>,
    began: Timestamp,
    at: Timestamp,
    changed: Option<Timestamp>,
}

impl Open {
    /// A read in the midst of a look is that of a write which is tried again.
    const fn is_under_way(&self) -> bool {
        self.scale.is_some() && !self.ended && (self.proposed.is_some() || self.served.is_empty())
    }
}

/// The last look may be incomplete, and is left out.
fn looks(case: &Case, pods: &[Known], seen: &[(Timestamp, Seen)]) -> Vec<Look> {
    let mut looks = Vec::new();
    let mut next = vec![0; case.metrics.len()];
    let mut open = Open::default();
    for (at, seen) in seen {
        match *seen {
            Seen::Read { .. } if open.is_under_way() => {}
            Seen::Read { spec, status } => {
                looks.extend(close(&std::mem::take(&mut open), case, pods, &mut next));
                open.scale = Some((spec, status));
                (open.began, open.at) = (*at, *at);
            }
            Seen::Served { metric } => {
                open.served.push(metric);
                open.at = *at;
            }
            Seen::Proposed(count) => (open.proposed, open.at) = (Some(count), *at),
            Seen::Rescaled(count) => (open.ended, open.rescaled, open.changed) = (true, Some(count), Some(*at)),
            Seen::Held => open.ended = true,
        }
    }
    looks
}

fn close(open: &Open, case: &Case, pods: &[Known], next: &mut [usize]) -> Option<Look> {
    let (spec, status) = open.scale?;
    let sample = |(samples, next): (&Vec<Sample>, &usize)| samples[(*next).min(samples.len() - 1)];
    let samples = case.metrics.iter().zip(next.iter()).map(sample).collect();
    let loads = case.loads(next[0]).to_vec();
    for metric in &open.served {
        next[*metric] += 1;
    }
    Some(Look {
        began: open.began,
        at: open.at,
        spec,
        status,
        pods: pods_at(pods, open.at),
        samples,
        loads,
        asked: !open.served.is_empty(),
        proposed: open.proposed,
        result: open.rescaled.unwrap_or(spec),
        changed: open.changed,
    })
}

/// What was surely known of pods at that time, and what may have been.
fn pods_at(pods: &[Known], at: Timestamp) -> Vec<Pods> {
    let settled = |known: &&Known| at.duration_since(known.answered).as_millis() > i128::from(CACHE);
    let sure = pods.iter().rfind(settled);
    let unsure = pods.iter().filter(|known| !settled(known) && known.sent <= at);
    sure.into_iter().chain(unsure).map(|known| known.pods.clone()).collect()
}
