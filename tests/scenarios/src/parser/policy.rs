//! The settings of a policy. Bounds of numbers are those of the custom resource's schema.

use autoscaler_core::per_pod::WarmUp;
use autoscaler_core::{
    Bounds, Cooldown, Fallback, MetricPolicy, RatePolicy, RateUnit, Replicas, ScalingRules, Seconds, SelectPolicy,
    Target, TargetKind, WhenMissing, WhenNan,
};

use super::line::Words;
use super::{Found, ParseError, Statement, promql};
use crate::scenario::{Metric, Setting, Spec};

const DEFAULT_INTERVAL: Seconds = Seconds::new(15);
const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;

const WHEN_MISSING: [(&str, WhenMissing); 3] = [
    ("Hold", WhenMissing::Hold),
    ("Zero", WhenMissing::Zero),
    ("Ignore", WhenMissing::Ignore),
];
const WHEN_NAN: [(&str, WhenNan); 2] = [("Hold", WhenNan::Hold), ("Zero", WhenNan::Zero)];
const SELECT: [(&str, SelectPolicy); 3] = [
    ("Max", SelectPolicy::Max),
    ("Min", SelectPolicy::Min),
    ("Disabled", SelectPolicy::Disabled),
];

/// The policy of a scenario.
pub(super) fn spec(statement: Statement<'_>) -> Result<Spec, ParseError> {
    let Statement { verb: _, words, block } = statement;
    let line = words.line;
    words.end()?;
    let mut settings: Vec<Setting> = Vec::new();
    for line in &block {
        let mut words = line.words();
        let read = setting(&mut words)?;
        words.end()?;
        if settings.iter().any(|earlier| is_same(earlier, &read)) {
            return Err(line.words().refuse("each setting once"));
        }
        settings.push(read);
    }
    let bounds = settings.iter().find_map(|setting| {
        let Setting::Bounds(bounds) = setting else {
            return None;
        };
        Some(*bounds)
    });
    let last = block.last().map_or(line, |line| line.number);
    let lacks = |expected: &str| ParseError::new(last, expected, Found::Text("the end of the policy".to_owned()));
    let mut spec = Spec {
        bounds: bounds.ok_or_else(|| lacks("the setting bounds"))?,
        interval: DEFAULT_INTERVAL,
        metrics: Vec::new(),
        scale_up: ScalingRules::default_scale_up(),
        scale_down: ScalingRules::default_scale_down(),
        cooldown: Cooldown::default(),
        fallback: None,
    };
    for setting in settings {
        spec.set(setting);
    }
    if spec.metrics.is_empty() {
        return Err(lacks("a setting metric"));
    }
    Ok(spec)
}

/// Whether a second setting would replace the first.
fn is_same(one: &Setting, other: &Setting) -> bool {
    match (one, other) {
        (Setting::Metric(one), Setting::Metric(other)) => one.policy.name == other.policy.name,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// One setting.
pub(super) fn setting(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    let read = words.one_of::<fn(&mut Words<'_>) -> Result<Setting, ParseError>>(&[
        ("bounds", bounds),
        ("interval", interval),
        ("metric", metric),
        ("scaleUp", |words| {
            rules(words, ScalingRules::default_scale_up()).map(Setting::ScaleUp)
        }),
        ("scaleDown", |words| {
            rules(words, ScalingRules::default_scale_down()).map(Setting::ScaleDown)
        }),
        ("cooldown", cooldown),
        ("fallback", fallback),
    ])?;
    read(words)
}

fn bounds(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    let (line, min, max) = (words.line, words.count()?, words.count()?);
    Bounds::new(min, max).map(Setting::Bounds).map_err(|_| {
        let expected = "a lowest count that is not above the highest, both at least 1";
        ParseError::new(line, expected, Found::Text(format!("{min} {max}")))
    })
}

fn interval(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    words.seconds(1, HOUR).map(Setting::Interval)
}

fn metric(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    let name = words.read("the name of a metric", promql::metric_name)?;
    let kind = words.one_of(&[("value", TargetKind::Value), ("averageValue", TargetKind::AverageValue)])?;
    let amount = words.quantity()?;
    let target = Target::new(name, kind, amount)
        .map(Some)
        .map_err(|_| ParseError::new(words.line, "a target above zero", Found::Text(amount.to_string())))?;
    words.keyword("of")?;
    let query = words.read(promql::QUERY, promql::query)?;
    let when_missing = words.behind("whenMissing", |words| words.one_of(&WHEN_MISSING))?;
    let when_nan = words.behind("whenNaN", |words| words.one_of(&WHEN_NAN))?;
    let look_back = words
        .behind("lookBack", |words| words.seconds(1, DAY))?
        .map(Seconds::duration);
    let max_sample_age = words
        .behind("maxSampleAge", |words| words.seconds(1, DAY))?
        .map(Seconds::duration);
    if words.peek() == Some("perPod") && (kind != TargetKind::AverageValue || query.sum) {
        return Err(words.refuse("perPod with averageValue and a query without sum only"));
    }
    let per_pod = words.take("perPod");
    if words.peek().is_some() {
        return Err(words.refuse("whenMissing, whenNaN, lookBack, maxSampleAge, perPod, in this order"));
    }
    let reach = look_back.unwrap_or_else(|| query.look_back());
    let reach = Seconds::new(u32::try_from(reach.as_millis().unsigned_abs().div_ceil(1000)).unwrap_or(DAY));
    Ok(Setting::Metric(Box::new(Metric {
        policy: MetricPolicy {
            name: name.to_owned(),
            target,
            when_missing: when_missing.unwrap_or_default(),
            when_nan: when_nan.unwrap_or_default(),
            look_back: reach,
            warm_up: WarmUp::Sample,
        },
        query,
        look_back,
        max_sample_age: max_sample_age.unwrap_or_else(|| reach.duration()),
        per_pod,
    })))
}

/// Rules of one direction: what is given replaces what is there by default, the policies as a whole.
fn rules(words: &mut Words<'_>, defaults: ScalingRules) -> Result<ScalingRules, ParseError> {
    let expected = "window, tolerance, select, then pods or percent, in this order";
    if words.peek().is_none() {
        return Err(words.refuse(expected));
    }
    let window = words.behind("window", |words| words.seconds(0, HOUR))?;
    let tolerance = words.behind("tolerance", Words::quantity)?;
    let select = words.behind("select", |words| words.one_of(&SELECT))?;
    let mut policies = Vec::new();
    while words.peek().is_some() {
        let unit = words.read(expected, |word| match word {
            "pods" => Some(RateUnit::Pods),
            "percent" => Some(RateUnit::Percent),
            _ => None,
        })?;
        policies.push(rate(words, unit)?);
    }
    Ok(ScalingRules {
        window: window.unwrap_or(defaults.window),
        select: select.unwrap_or(defaults.select),
        policies: if policies.is_empty() {
            defaults.policies
        } else {
            policies
        },
        tolerance: tolerance.unwrap_or(defaults.tolerance),
    })
}

fn rate(words: &mut Words<'_>, unit: RateUnit) -> Result<RatePolicy, ParseError> {
    let value = words.number(1, Replicas::MAX.get())?;
    words.keyword("per")?;
    let period = words.seconds(1, HOUR / 2)?;
    Ok(RatePolicy { unit, value, period })
}

fn cooldown(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    let up = words.behind("up", |words| words.seconds(0, DAY))?;
    let down = words.behind("down", |words| words.seconds(0, DAY))?;
    if up.or(down).is_none() {
        return Err(words.refuse("up or down"));
    }
    Ok(Setting::Cooldown(Cooldown {
        up: up.unwrap_or_default(),
        down: down.unwrap_or_default(),
    }))
}

fn fallback(words: &mut Words<'_>) -> Result<Setting, ParseError> {
    words.keyword("after")?;
    let after = words.seconds(1, DAY)?;
    words.keyword("minReplicas")?;
    let min_replicas = Replicas::new(words.number(1, Replicas::MAX.get())?);
    Ok(Setting::Fallback(Fallback { after, min_replicas }))
}
