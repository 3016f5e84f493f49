//! "Why not more, or fewer?"

use super::{metrics, put, span, time};
use crate::decision::LimitCause;
use crate::{Direction, Limit, Rollout};

/// One limit: "the scaleDown stabilization window of 300 s holds 6 until 2026-11-22T12:00:00Z".
pub fn limit(limit: &Limit) -> String {
    let allowed = limit.allowed;
    let mut text = match &limit.cause {
        LimitCause::MetricNotFresh { metric, reading, since } => return metrics::blocker(metric, reading, *since),
        LimitCause::Rate { direction } => return rate(limit, *direction),
        LimitCause::Window {
            direction,
            window,
            uncertain,
        } => {
            let rules = rules(*direction);
            if *uncertain {
                format!("{UNCERTAIN}, so the {rules} stabilization window of {window} starts anew and holds {allowed}")
            } else {
                format!("the {rules} stabilization window of {window} holds {allowed}")
            }
        }
        LimitCause::Disabled { direction } => {
            let (rules, direction) = (rules(*direction), direction.as_str());
            format!("{rules}.selectPolicy is Disabled, so nothing scales {direction}")
        }
        LimitCause::Cooldown { direction, length } => {
            format!("the {} cooldown of {length} holds {allowed}", rules(*direction))
        }
        LimitCause::Rollout(rollout) => format!("{}, so nothing scales down", self::rollout(rollout)),
        LimitCause::ClockSkew { skew } => {
            let apart = span(skew.abs());
            format!("the clocks of the operator and the API server differ by {apart}, so nothing scales down")
        }
        LimitCause::DataGap { metric, uncertain } => {
            let gap = if *uncertain {
                format!("{UNCERTAIN}: metric {metric} may have had a gap and read low")
            } else {
                format!("metric {metric} had a gap and reads low")
            };
            format!("{gap}, so nothing scales down")
        }
        LimitCause::AwaitsSamples { metric } => {
            format!(
                "metric {metric} still looks back to before the last scale down, or a change by others, so nothing scales down"
            )
        }
        LimitCause::Min => format!("minReplicas is {allowed}"),
        LimitCause::Max => format!("maxReplicas is {allowed}"),
    };
    if let Some(until) = limit.until {
        put(&mut text, format_args!(" until {}", time(until)));
    }
    text
}

/// What an interruption leaves behind (R16).
const UNCERTAIN: &str = "history is uncertain after an interruption";

fn rate(limit: &Limit, direction: Direction) -> String {
    let most = match direction {
        Direction::Up => "at most",
        Direction::Down => "no fewer than",
    };
    let (rules, allowed) = (rules(direction), limit.allowed);
    match limit.until {
        Some(until) => format!("the {rules} policies allow {most} {allowed} before {}", time(until)),
        None => format!("the {rules} policies allow {most} {allowed} now"),
    }
}

fn rollout(rollout: &Rollout) -> String {
    match rollout {
        Rollout::GenerationLags => "the target's controller has not seen the newest spec of the target yet".to_owned(),
        Rollout::Updating { updated, replicas, .. } => {
            format!("a rollout is under way ({updated} of {replicas} replicas updated)")
        }
    }
}

const fn rules(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "scaleUp",
        Direction::Down => "scaleDown",
    }
}
