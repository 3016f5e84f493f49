//! The one place where a decision becomes text: conditions, events, log lines and status all say the same thing.
//!
//! It answers "why N?" ([`summary`], [`metric`]) and "why not N+1?" ([`limit`]), with the numbers.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Basis, LimitCause, MetricStep, Part};
use crate::reading::{PartialCause, Question};
use crate::{Decision, Direction, Failure, Limit, Reading, Rollout, Step, TargetKind};

/// One sentence: what is done, what asks for it, what stands in its way.
pub fn summary(decision: &Decision) -> String {
    let mut text = act(decision);
    if decision.is_disabled() {
        text.push_str(": the target has spec.replicas 0, which pauses autoscaling");
        return text;
    }
    if let Some(limit) = telling_limit(decision) {
        let wanted = decision.merged().map_or(limit.wanted, |(_, wanted)| wanted);
        if wanted != decision.desired {
            put(&mut text, format_args!(", wants {wanted}"));
        }
    }
    if let Some(reason) = reason(decision) {
        put(&mut text, format_args!(": {reason}"));
    }
    if let Some(limit) = telling_limit(decision) {
        put(&mut text, format_args!("; {}", self::limit(limit)));
    }
    if decision.needs_probe {
        text.push_str("; the readings have not been verified yet");
    }
    text
}

/// "holding at 3", "growing from 3 to 6".
fn act(decision: &Decision) -> String {
    let (from, to) = (decision.current, decision.desired);
    match Direction::between(from, to) {
        None => format!("holding at {to}"),
        Some(Direction::Up) => format!("growing from {from} to {to}"),
        Some(Direction::Down) => format!("shrinking from {from} to {to}"),
    }
}

/// The limit to tell: the last that still binds; a bound only where nothing else does.
fn telling_limit(decision: &Decision) -> Option<&Limit> {
    let is_bound = |limit: &&Limit| matches!(limit.cause, LimitCause::Min | LimitCause::Max);
    decision
        .limits()
        .rfind(|limit| !is_bound(limit))
        .or_else(|| decision.limits().rfind(is_bound))
}

/// What asks for the count: a correction, the metric that won, or that nothing could be read.
pub fn reason(decision: &Decision) -> Option<String> {
    let corrected = decision.trail.iter().find_map(|step| match step {
        Step::Corrected { from, to } if from > to => Some(format!("{from} is above maxReplicas ({to})")),
        Step::Corrected { from, to } => Some(format!("{from} is below minReplicas ({to})")),
        _ => None,
    });
    let merged = decision
        .merged()
        .and_then(|(winner, _)| decision.metrics().find(|step| step.metric == winner));
    let asked = merged.map(metric).or_else(|| unread(decision));
    match (corrected, asked) {
        (Some(corrected), Some(asked)) if decision.desired != decision.current => Some(format!("{corrected}; {asked}")),
        (Some(corrected), _) => Some(corrected),
        (None, asked) => asked,
    }
}

fn unread(decision: &Decision) -> Option<String> {
    let since = decision.trail.iter().find_map(|step| match step {
        Step::Unread { since } => Some(*since),
        _ => None,
    })?;
    let floor = decision.trail.iter().find_map(|step| match step {
        Step::FellBack { floor } => Some(*floor),
        _ => None,
    });
    let metrics: Vec<String> = decision.metrics().map(metric).collect();
    let mut text = format!("no metric can be read since {} ({})", time(since), metrics.join("; "));
    if let Some(floor) = floor {
        put(&mut text, format_args!(", fallback.minReplicas {floor} is in force"));
    }
    Some(text)
}

/// One metric: "publish-rate is 173 per replica, target 100, asks for 6".
pub fn metric(step: &MetricStep) -> String {
    let mut text = format!("{} {}", step.metric, state(step));
    match step.part {
        Part::Counts => {}
        Part::AssumedZero => text.push_str(", counted as no load (whenMissing or whenNaN is Zero)"),
        Part::Ignored => text.push_str(", left out (whenMissing is Ignore)"),
        Part::BlocksShrink { since } => put(&mut text, format_args!(", blocks shrinking since {}", time(since))),
    }
    if let Some(proposal) = step.proposal {
        match proposal.basis {
            Basis::WithinTolerance => text.push_str(", within tolerance"),
            Basis::AboveTarget | Basis::BelowTarget => {
                put(&mut text, format_args!(", asks for {}", proposal.replicas));
            }
            Basis::AwaitsReplicas => text.push_str(", waiting for replicas that are still starting"),
        }
    }
    text
}

/// What the metric told, against its target.
fn state(step: &MetricStep) -> String {
    let per = match step.target.kind() {
        TargetKind::Value => "",
        TargetKind::AverageValue => " per replica",
    };
    let target = step.target.amount();
    let compared = step.proposal.map(|proposal| proposal.compared);
    match (&step.reading, compared) {
        (Reading::Partial { cause, .. }, Some(compared)) => {
            format!("is {compared}{per}, target {target}, and {}", partial(cause))
        }
        (Reading::Fresh { .. }, Some(compared)) => format!("is {compared}{per}, target {target}"),
        (reading, _) => self::reading(reading),
    }
}

/// A reading without its target.
pub fn reading(reading: &Reading) -> String {
    match reading {
        Reading::Fresh { value, .. } => format!("is {value}"),
        Reading::Stale { age, limit } => {
            format!(
                "is stale: its newest sample is {} old, more than the {} allowed",
                span(*age),
                span(*limit)
            )
        }
        Reading::Missing { .. } => "has no series".to_owned(),
        Reading::NotANumber { .. } => "is not a number".to_owned(),
        Reading::TooMany { series } => format!("answers with {series} series where one is due"),
        Reading::Partial { value, cause } => format!("is {value}, and {}", partial(cause)),
        Reading::Failed(failure) => self::failure(failure),
    }
}

fn failure(failure: &Failure) -> String {
    let Failure {
        class,
        status,
        question,
        detail,
    } = failure;
    let what = match question {
        Question::Value => "cannot be read",
        Question::Probe => "was read, but the check of its age and coverage failed",
    };
    let why = detail.as_deref().unwrap_or_else(|| class.describe());
    match status {
        Some(status) => format!("{what}: {why} (HTTP {status})"),
        None => format!("{what}: {why}"),
    }
}

fn partial(cause: &PartialCause) -> String {
    match cause {
        PartialCause::Warning => "the source warns that the answer is not whole".to_owned(),
        PartialCause::FewerSeries { now, before } => {
            format!("covers only part of the load: {now} series now, {before} one look-back ago")
        }
        PartialCause::TargetsDown { down } => {
            format!("covers only part of the load: {down} scrape targets that had its series are down")
        }
        PartialCause::YoungSeries { look_back } => {
            format!(
                "reads low: its series are younger than its look-back of {}",
                span(*look_back)
            )
        }
        PartialCause::UnknownFill { class } => {
            format!(
                "may read low: whether its series fill its look-back could not be checked: {}",
                class.describe()
            )
        }
        PartialCause::FewerPods { covered, ready } => {
            format!("covers only part of the load: {covered} of {ready} ready pods have a series")
        }
    }
}

/// One limit: "the scaleDown window of 300 s still holds 6, until 2026-11-22T12:00:00Z".
pub fn limit(limit: &Limit) -> String {
    let allowed = limit.allowed;
    let mut text = match &limit.cause {
        LimitCause::MetricNotFresh { metric, class, since } => {
            format!(
                "{metric} is {} since {}, so nothing shrinks",
                class.as_str(),
                time(*since)
            )
        }
        LimitCause::Window {
            direction,
            window,
            uncertain: false,
        } => {
            format!(
                "the {} stabilization window of {window} holds {allowed}",
                rules(*direction)
            )
        }
        LimitCause::Window {
            direction,
            window,
            uncertain: true,
        } => format!(
            "history is uncertain after an interruption, so the {} stabilization window of {window} starts anew and \
             holds {allowed}",
            rules(*direction)
        ),
        LimitCause::Rate { direction } => format!("the {} policies allow {allowed} now", rules(*direction)),
        LimitCause::Cooldown { direction, length } => {
            format!("the {} cooldown of {length} holds {allowed}", rules(*direction))
        }
        LimitCause::Rollout(rollout) => format!("{}, so nothing shrinks", self::rollout(rollout)),
        LimitCause::ClockSkew { skew } => {
            format!(
                "the clock is {} apart from the API server's, so nothing shrinks",
                span(skew.abs())
            )
        }
        LimitCause::DataGap { metric } => {
            format!("{metric} had a gap and reads low for one look-back, so nothing shrinks")
        }
        LimitCause::Min => format!("minReplicas is {allowed}"),
        LimitCause::Max => format!("maxReplicas is {allowed}"),
    };
    if let Some(until) = limit.until {
        put(&mut text, format_args!(" until {}", time(until)));
    }
    text
}

fn rollout(rollout: &Rollout) -> String {
    match rollout {
        Rollout::GenerationLags => "the target's controller has not seen its newest generation".to_owned(),
        Rollout::Updating { updated, replicas, .. } => {
            format!("a rollout is under way ({updated} of {replicas} replicas updated)")
        }
    }
}

fn rules(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "scaleUp",
        Direction::Down => "scaleDown",
    }
}

/// The metrics against their targets, for a column: `173/100 (avg)`.
pub fn targets(decision: &Decision) -> String {
    let targets: Vec<String> = decision.metrics().map(target).collect();
    targets.join(", ")
}

/// One metric against its target: `173/100 (avg)`, `<Missing>/100`.
pub fn target(step: &MetricStep) -> String {
    let kind = match step.target.kind() {
        TargetKind::Value => "",
        TargetKind::AverageValue => " (avg)",
    };
    let amount = step.target.amount();
    match step.proposal {
        Some(proposal) => format!("{}/{amount}{kind}", proposal.compared),
        None => format!("<{}>/{amount}{kind}", step.reading.class().as_str()),
    }
}

/// A point in time, cut to the second as Kubernetes writes times.
pub fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
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
