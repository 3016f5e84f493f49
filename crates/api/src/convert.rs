//! From a spec to the core's policy, with the defaults of `behavior` filled in.
//!
//! The API server has checked all of this already, by the schema. It is checked once more because the schema installed
//! may be older than this code: what slipped past is an error that names the field, never a panic (R23).

use autoscaler_core::per_pod::WarmUp;
use std::collections::BTreeSet;
use std::fmt::Display;

use autoscaler_core::policy::GROWTH_SETTLE;
use autoscaler_core::{
    Bounds, Cooldown, Fallback, MetricPolicy, Policy, PolicyError, Quantity, RatePolicy, RateUnit, Replicas, Seconds,
    Target, TargetKind,
};

use crate::limits::{
    MAX_DAY_SECONDS, MAX_INTERVAL_SECONDS, MAX_LABEL_NAME, MAX_METRIC_NAME, MAX_METRICS, MAX_PERIOD_SECONDS,
    MAX_POLICIES, MAX_QUERY, MAX_WINDOW_SECONDS,
};
use crate::{
    IntOrQuantity, Metric, MetricAutoscalerSpec, MetricTarget, PerPod, PolicyType, PrometheusQuery, ScalingPolicy,
    ScalingRules, SelectPolicy, SpecError, WhenMissing, WhenNan,
};

/// The policy of a spec. `look_back` tells how far a metric's query looks back: that needs a parser of PromQL, which this
/// crate is not.
pub fn policy(spec: &MetricAutoscalerSpec, look_back: impl Fn(&Metric) -> Seconds) -> Result<Policy, SpecError> {
    let behavior = spec.behavior.clone().unwrap_or_default();
    membership(spec)?;
    Ok(Policy {
        bounds: bounds(spec)?,
        metrics: metrics(&spec.metrics, look_back)?,
        scale_up: rules(
            "spec.behavior.scaleUp",
            behavior.scale_up,
            autoscaler_core::ScalingRules::default_scale_up(),
        )?,
        scale_down: rules(
            "spec.behavior.scaleDown",
            behavior.scale_down,
            autoscaler_core::ScalingRules::default_scale_down(),
        )?,
        cooldown: cooldown(spec)?,
        fallback: fallback(spec)?,
        interval: seconds("spec.intervalSeconds", spec.interval_seconds, 1, MAX_INTERVAL_SECONDS)?,
        growth_settle: GROWTH_SETTLE,
    })
}

/// Only the pods of a `StatefulSet` have an order.
fn membership(spec: &MetricAutoscalerSpec) -> Result<(), SpecError> {
    let target = &spec.scale_target_ref;
    if spec.membership.is_none() {
        return Ok(());
    }
    if target.group_version().0 != "apps" || target.kind != "StatefulSet" {
        return Err(SpecError::new("spec.membership", "is only for a StatefulSet"));
    }
    Ok(())
}

fn bounds(spec: &MetricAutoscalerSpec) -> Result<Bounds, SpecError> {
    let min = replicas("spec.minReplicas", spec.min_replicas)?;
    let max = replicas("spec.maxReplicas", spec.max_replicas)?;
    Bounds::new(min, max).map_err(|error| SpecError::new("spec.minReplicas", error.to_string()))
}

fn metrics(metrics: &[Metric], look_back: impl Fn(&Metric) -> Seconds) -> Result<Vec<MetricPolicy>, SpecError> {
    within("spec.metrics", metrics.len(), MAX_METRICS, "metrics")?;
    let mut names = BTreeSet::new();
    let mut policies = Vec::with_capacity(metrics.len());
    for (index, metric) in metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        if !names.insert(metric.name.as_str()) {
            return Err(SpecError::new(
                format!("{path}.name"),
                format!("{:?} is the name of another metric", metric.name),
            ));
        }
        policies.push(metric_policy(&path, metric, look_back(metric))?);
    }
    Ok(policies)
}

fn metric_policy(path: &str, metric: &Metric, look_back: Seconds) -> Result<MetricPolicy, SpecError> {
    within(
        &format!("{path}.name"),
        metric.name.chars().count(),
        MAX_METRIC_NAME,
        "characters",
    )?;
    let target = match &metric.prometheus {
        Some(prometheus) => {
            check_query(&format!("{path}.prometheus"), prometheus)?;
            Some(target(&format!("{path}.target"), metric)?)
        }
        None => None,
    };
    Ok(MetricPolicy {
        name: metric.name.clone(),
        target,
        when_missing: match metric.when_missing.unwrap_or_default() {
            WhenMissing::Hold => autoscaler_core::WhenMissing::Hold,
            WhenMissing::Zero => autoscaler_core::WhenMissing::Zero,
            WhenMissing::Ignore => autoscaler_core::WhenMissing::Ignore,
        },
        when_nan: match metric.when_nan.unwrap_or_default() {
            WhenNan::Hold => autoscaler_core::WhenNan::Hold,
            WhenNan::Zero => autoscaler_core::WhenNan::Zero,
        },
        look_back,
        warm_up: WarmUp::Sample,
    })
}

fn check_query(path: &str, prometheus: &PrometheusQuery) -> Result<(), SpecError> {
    let PrometheusQuery {
        query,
        max_sample_age_seconds,
        look_back_seconds,
        per_pod,
    } = prometheus;
    within(&format!("{path}.query"), query.chars().count(), MAX_QUERY, "characters")?;
    for (field, given) in [
        ("maxSampleAgeSeconds", max_sample_age_seconds),
        ("lookBackSeconds", look_back_seconds),
    ] {
        if let Some(given) = given {
            seconds(&format!("{path}.{field}"), *given, 1, MAX_DAY_SECONDS)?;
        }
    }
    per_pod
        .as_ref()
        .map_or(Ok(()), |labels| check_labels(&format!("{path}.perPod"), labels))
}

fn check_labels(path: &str, labels: &PerPod) -> Result<(), SpecError> {
    for (field, name) in [
        ("podLabel", labels.pod_label()),
        ("namespaceLabel", labels.namespace_label()),
    ] {
        let mut characters = name.chars();
        let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let is_label = first && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_label || name.len() > MAX_LABEL_NAME {
            let message = format!("{name:?} is not the name of a Prometheus label");
            return Err(SpecError::new(format!("{path}.{field}"), message));
        }
    }
    Ok(())
}

fn target(path: &str, metric: &Metric) -> Result<Target, SpecError> {
    let MetricTarget { value, average_value } = &metric.target;
    let (field, kind, amount) = match (value, average_value) {
        (Some(value), None) => ("value", TargetKind::Value, value),
        (None, Some(average)) => ("averageValue", TargetKind::AverageValue, average),
        (Some(_), Some(_)) | (None, None) => {
            return Err(SpecError::new(path, "set exactly one of value and averageValue"));
        }
    };
    let per_pod = metric
        .prometheus
        .as_ref()
        .and_then(|prometheus| prometheus.per_pod.as_ref());
    if per_pod.is_some() && kind == TargetKind::Value {
        return Err(SpecError::new(
            path,
            "with perPod set averageValue: what each pod should carry",
        ));
    }
    let path = format!("{path}.{field}");
    Target::new(&metric.name, kind, quantity(&path, amount)?)
        .map_err(|error: PolicyError| SpecError::new(path, error.to_string()))
}

/// Missing parts of what is given are the defaults of the direction (`copyHPAScalingRules`).
fn rules(
    path: &str,
    given: Option<ScalingRules>,
    defaults: autoscaler_core::ScalingRules,
) -> Result<autoscaler_core::ScalingRules, SpecError> {
    let ScalingRules {
        stabilization_window_seconds,
        select_policy,
        policies,
        tolerance,
    } = given.unwrap_or_default();
    let window_path = format!("{path}.stabilizationWindowSeconds");
    Ok(autoscaler_core::ScalingRules {
        window: match stabilization_window_seconds {
            Some(window) => seconds(&window_path, window, 0, MAX_WINDOW_SECONDS)?,
            None => defaults.window,
        },
        select: match select_policy {
            Some(SelectPolicy::Max) => autoscaler_core::SelectPolicy::Max,
            Some(SelectPolicy::Min) => autoscaler_core::SelectPolicy::Min,
            Some(SelectPolicy::Disabled) => autoscaler_core::SelectPolicy::Disabled,
            None => defaults.select,
        },
        policies: match policies {
            Some(policies) => rate_policies(&format!("{path}.policies"), &policies)?,
            None => defaults.policies,
        },
        tolerance: match tolerance {
            Some(tolerance) => not_negative(&format!("{path}.tolerance"), &tolerance)?,
            None => defaults.tolerance,
        },
    })
}

fn rate_policies(path: &str, policies: &[ScalingPolicy]) -> Result<Vec<RatePolicy>, SpecError> {
    within(path, policies.len(), MAX_POLICIES, "policies")?;
    let convert = |(index, policy): (usize, &ScalingPolicy)| {
        let path = format!("{path}[{index}]");
        let ScalingPolicy {
            r#type,
            value,
            period_seconds,
        } = policy;
        Ok(RatePolicy {
            unit: match r#type {
                PolicyType::Pods => RateUnit::Pods,
                PolicyType::Percent => RateUnit::Percent,
            },
            value: in_range(&format!("{path}.value"), *value, 1, i32::MAX)?,
            period: seconds(&format!("{path}.periodSeconds"), *period_seconds, 1, MAX_PERIOD_SECONDS)?,
        })
    };
    policies.iter().enumerate().map(convert).collect()
}

fn cooldown(spec: &MetricAutoscalerSpec) -> Result<Cooldown, SpecError> {
    let given = spec.cooldown.clone().unwrap_or_default();
    let length = |field, given: Option<i32>| {
        seconds(
            &format!("spec.cooldown.{field}"),
            given.unwrap_or_default(),
            0,
            MAX_DAY_SECONDS,
        )
    };
    Ok(Cooldown {
        up: length("scaleUpSeconds", given.scale_up_seconds)?,
        down: length("scaleDownSeconds", given.scale_down_seconds)?,
    })
}

fn fallback(spec: &MetricAutoscalerSpec) -> Result<Option<Fallback>, SpecError> {
    let Some(given) = &spec.fallback else { return Ok(None) };
    let path = "spec.fallback.minReplicas";
    let min_replicas = replicas(path, given.min_replicas)?;
    if given.min_replicas > spec.max_replicas {
        let message = format!(
            "fallback.minReplicas ({min_replicas}) must not be larger than maxReplicas ({})",
            spec.max_replicas
        );
        return Err(SpecError::new(path, message));
    }
    let after = seconds("spec.fallback.afterSeconds", given.after_seconds, 1, MAX_DAY_SECONDS)?;
    Ok(Some(Fallback { after, min_replicas }))
}

fn replicas(path: &str, given: i32) -> Result<Replicas, SpecError> {
    in_range(path, given, 1, i32::MAX).map(Replicas::new)
}

fn seconds(path: &str, given: i32, min: i32, max: i32) -> Result<Seconds, SpecError> {
    in_range(path, given, min, max).map(Seconds::new)
}

fn in_range(path: &str, given: i32, min: i32, max: i32) -> Result<u32, SpecError> {
    match u32::try_from(given) {
        Ok(value) if (min..=max).contains(&given) => Ok(value),
        Ok(_) | Err(_) if max == i32::MAX => Err(SpecError::new(path, format!("must be at least {min}, not {given}"))),
        Ok(_) | Err(_) => Err(SpecError::new(
            path,
            format!("must be from {min} to {max}, not {given}"),
        )),
    }
}

fn within(path: &str, length: usize, max: usize, what: impl Display) -> Result<(), SpecError> {
    if (1..=max).contains(&length) {
        return Ok(());
    }
    Err(SpecError::new(
        path,
        format!("must have 1 to {max} {what}, not {length}"),
    ))
}

fn not_negative(path: &str, given: &IntOrQuantity) -> Result<Quantity, SpecError> {
    let amount = quantity(path, given)?;
    if amount < Quantity::ZERO {
        return Err(SpecError::new(path, format!("must be 0 or above, not {given}")));
    }
    Ok(amount)
}

fn quantity(path: &str, given: &IntOrQuantity) -> Result<Quantity, SpecError> {
    given.parse().map_err(|error| SpecError::new(path, error.to_string()))
}

#[cfg(test)]
mod tests;
