//! The one place where a decision becomes text: conditions, events, log lines and status all say the same thing.
//!
//! It answers "why N?" ([`summary`], [`metric`]) and "why not N+1?" ([`limit`]), with the numbers, in Kubernetes' words:
//! replicas are scaled up and down.

mod limits;
pub mod membership;
mod metrics;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Asked, LimitCause, Rescale};
use crate::history::Contention;
use crate::{Decision, Direction, Limit, Replicas};

pub use limits::limit;
pub use metrics::{blocking, metric, metrics, reading, target, targets};

/// One sentence: what is done, what asks for it, what stands in its way.
pub fn summary(decision: &Decision) -> String {
    let mut text = act(decision);
    if decision.is_disabled() {
        text.push_str(": the target has spec.replicas 0, which pauses autoscaling");
        return text;
    }
    let limit = telling_limit(decision);
    if let Some((_, wanted)) = decision.merged().filter(|(_, wanted)| *wanted != decision.desired)
        && limit.is_some()
    {
        put(&mut text, format_args!(", wants {wanted}"));
    }
    if let Some(reason) = reason(decision) {
        put(&mut text, format_args!(": {reason}"));
    }
    if let Some(limit) = limit.filter(|limit| !is_told_already(decision, limit)) {
        put(&mut text, format_args!("; {}", self::limit(limit)));
    }
    if decision.needs_probe {
        text.push_str("; the readings have not been verified yet");
    }
    text
}

/// The summary of what would be done if it were not a dry run.
pub fn dry_run(decision: &Decision) -> String {
    format!("dry run, nothing is written: {}", summary(decision))
}

/// "holding at 3", "scaling up from 3 to 6".
fn act(decision: &Decision) -> String {
    let (from, to) = (decision.current, decision.desired);
    match Direction::between(from, to) {
        None => format!("holding at {to}"),
        Some(direction) => format!("scaling {} from {from} to {to}", direction.as_str()),
    }
}

/// The limit to tell: the last that still binds; a bound only where nothing else does.
fn telling_limit(decision: &Decision) -> Option<&Limit> {
    decision
        .limits()
        .rfind(|limit| !limit.cause.is_bound())
        .or_else(|| decision.limits().rfind(|limit| limit.cause.is_bound()))
}

/// The reason has said it: that of a correction names the bound, that of a metric which blocks scaling down itself.
fn is_told_already(decision: &Decision, limit: &Limit) -> bool {
    let winner = decision.winner().map(|winner| winner.metric.as_str());
    match &limit.cause {
        LimitCause::MetricNotFresh { metric, .. } => winner == Some(metric),
        LimitCause::Window { .. }
        | LimitCause::Rate { .. }
        | LimitCause::Disabled { .. }
        | LimitCause::Cooldown { .. }
        | LimitCause::Rollout(_)
        | LimitCause::ClockSkew { .. }
        | LimitCause::DataGap { .. }
        | LimitCause::AwaitsSamples { .. } => false,
        LimitCause::Min | LimitCause::Max => decision.trail.corrected.is_some(),
    }
}

/// What asks for the count: a correction, the metric that won, or that nothing could be read.
pub fn reason(decision: &Decision) -> Option<String> {
    let asked = match decision.trail.asked {
        Asked::Merged { .. } => decision.winner().map(metric),
        Asked::Unread { since, floor } => Some(metrics::unread(decision, since, floor)),
        Asked::Nothing | Asked::Disabled => None,
    };
    let corrected = decision.trail.corrected.map(corrected);
    match (corrected, asked) {
        (Some(corrected), Some(asked)) => Some(format!("{corrected}; {asked}")),
        (corrected, asked) => corrected.or(asked),
    }
}

fn corrected(Rescale { from, to }: Rescale) -> String {
    if from > to {
        format!("{from} is above maxReplicas ({to})")
    } else {
        format!("{from} is below minReplicas ({to})")
    }
}

/// Why a change to this count is made: what asks for it, what cut it short, and that another count was written.
pub fn why(decision: &Decision, stored: Replicas) -> String {
    let mut text = reason(decision).unwrap_or_default();
    let cut = decision
        .limits()
        .rfind(|limit| Direction::between(decision.current, limit.wanted).is_some());
    if let Some(limit) = cut {
        put(&mut text, format_args!("; {}", self::limit(limit)));
    }
    text.push_str(&altered(decision, stored));
    text
}

/// A change of ours to the count that was stored, as a line of the list of decisions.
pub fn change(decision: &Decision, stored: Replicas) -> String {
    change_line(decision, stored, "")
}

/// A change that a dry run does not make, likewise.
pub fn change_of_dry_run(decision: &Decision) -> String {
    change_line(decision, decision.desired, " (dry run)")
}

fn change_line(decision: &Decision, to: Replicas, how: &str) -> String {
    let (at, from) = (time(decision.at), decision.current);
    format!("{at} {from} -> {to}{how}: {}", why(decision, to))
}

/// That the API server has stored another count than was written, if it has.
fn altered(decision: &Decision, stored: Replicas) -> String {
    if stored == decision.desired {
        return String::new();
    }
    format!(
        "; {} were written, and admission control made {stored} of them",
        decision.desired
    )
}

/// A change by somebody else, likewise; with who it was, if that is known.
pub fn foreign_change(Rescale { from, to }: Rescale, at: Timestamp, by: Option<&str>) -> String {
    let by = by.map_or(String::new(), |by| format!(" ({by})"));
    format!("{} {from} -> {to} by somebody else{by}", time(at))
}

/// A change to the count that was stored: "scaled up from 3 to 6 at 2026-11-22T12:00:00Z".
pub fn rescaled(decision: &Decision, stored: Replicas) -> String {
    let (from, at) = (decision.current, time(decision.at));
    let direction = Direction::between(from, stored).map_or("", Direction::as_str);
    format!(
        "scaled {direction} from {from} to {stored} at {at}{}",
        altered(decision, stored)
    )
}

/// What the metrics ask for, where no limit is worth telling.
pub fn asked(decision: &Decision) -> String {
    match decision.merged() {
        Some((_, wanted)) if wanted == decision.desired => {
            format!("the metrics ask for {wanted}, and nothing limits it")
        }
        Some((_, wanted)) => match decision.limits().find(|limit| limit.cause.is_bound()) {
            Some(bound) => format!(
                "the metrics ask for {wanted}, {}, and a stabilization window holds {}",
                limit(bound),
                decision.desired
            ),
            None => format!("the metrics ask for {wanted}, and only a stabilization window stands in the way"),
        },
        None => "no metric asks for anything".to_owned(),
    }
}

/// A fight over the replicas (R22), with who the other writer is, if that is known.
pub fn contended(contention: Contention, by: Option<&str>) -> String {
    format!(
        "{} undid the operator's changes of spec.replicas {} times within ten minutes: nothing is written until {}",
        by.unwrap_or("another writer"),
        contention.reversals,
        time(contention.until)
    )
}

/// A point in time, cut to the second as Kubernetes writes times.
pub fn time(at: Timestamp) -> String {
    whole_seconds(at).to_string()
}

/// The same instant without its fraction of a second, as Kubernetes stores it.
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A length of time in seconds, with a decimal below ten.
pub fn span(length: SignedDuration) -> String {
    let tenths = length.as_millis().div_euclid(100);
    if tenths.unsigned_abs() < 100 && tenths % 10 != 0 {
        return format!("{}.{} s", tenths / 10, tenths.unsigned_abs() % 10);
    }
    format!("{} s", length.as_secs())
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests;
