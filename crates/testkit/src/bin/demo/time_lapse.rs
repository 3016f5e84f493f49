//! Answers: what does an example say when its time runs faster? Pure.
//!
//! Only durations change: loads, targets and bounds stay as they are written. 15 is the interval that autoscalers have by
//! default, in seconds, so that it becomes the shortest that the schema allows.

use serde_json::{Map, Value, json};

/// How many times as fast.
pub(crate) const FACTOR: u64 = 15;

/// Writes out the defaults that are durations, so that they run faster too.
pub(crate) fn spell_out(autoscaler: &mut Value) {
    let Some(spec) = autoscaler.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "intervalSeconds", json!(15));
    let behavior = section(spec, "behavior");
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let growth = section(behavior, "scaleUp");
    default(growth, "policies", json!([pods, percent]));
    let shrinking = section(behavior, "scaleDown");
    default(shrinking, "policies", json!([percent]));
    default(shrinking, "stabilizationWindowSeconds", json!(300));
}

/// Divides every duration: fields whose names end in `Seconds`, and the ranges of queries.
pub(crate) fn quicken(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| quicken_field(name, field)),
        Value::Array(items) => items.iter_mut().for_each(quicken),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn quicken_field(name: &str, field: &mut Value) {
    let is_duration = name.ends_with("Seconds");
    match field {
        Value::Number(seconds) if is_duration => {
            if let Some(seconds) = seconds.as_u64() {
                *field = json!(seconds.div_ceil(FACTOR));
            }
        }
        // Values of a ConfigMap are texts.
        Value::String(seconds) if is_duration => {
            if let Ok(seconds) = seconds.parse::<u64>() {
                *field = json!(seconds.div_ceil(FACTOR).to_string());
            }
        }
        Value::String(query) if name == "query" => *field = json!(quicken_ranges(query)),
        other => quicken(other),
    }
}

/// `rate(m[1m])` becomes `rate(m[4s])`.
fn quicken_ranges(query: &str) -> String {
    let mut parts = query.split('[');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('[');
        match part
            .split_once(']')
            .and_then(|(range, rest)| Some((milliseconds(range)?, rest)))
        {
            Some((range, rest)) => {
                let range = range.div_ceil(FACTOR);
                let shorter = match range % 1000 {
                    0 => format!("{}s", range / 1000),
                    _ => format!("{range}ms"),
                };
                text.extend([&shorter, "]", rest]);
            }
            None => text.push_str(part),
        }
    }
    text
}

/// Of a range in one unit.
fn milliseconds(range: &str) -> Option<u64> {
    let (digits, unit) = range.split_at(range.find(|character: char| !character.is_ascii_digit())?);
    let of_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(of_unit)
}

fn section<'a>(fields: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let found = fields.entry(name).or_insert_with(|| json!({}));
    if !found.is_object() {
        *found = json!({});
    }
    found.as_object_mut().expect("it was just made one")
}

fn default(fields: &mut Map<String, Value>, name: &str, value: Value) {
    fields.entry(name).or_insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_ranges_run_faster_and_nothing_else() {
        let mut object = json!({"spec": {
            "maxReplicas": 10,
            "cooldown": {"scaleUpSeconds": 30, "scaleDownSeconds": 300},
            "metrics": [{"prometheus": {"query": r#"sum(rate(m{a="1m"}[1m])) / count(m[90s:15s])"#}, "target": {"averageValue": "60m"}}],
        }});
        quicken(&mut object);
        assert_eq!(
            object,
            json!({"spec": {
                "maxReplicas": 10,
                "cooldown": {"scaleUpSeconds": 2, "scaleDownSeconds": 20},
                "metrics": [{"prometheus": {"query": r#"sum(rate(m{a="1m"}[4s])) / count(m[90s:15s])"#}, "target": {"averageValue": "60m"}}],
            }})
        );
    }

    #[test]
    fn a_range_that_does_not_divide_into_seconds_becomes_milliseconds() {
        assert_eq!(quicken_ranges("rate(m[10s])"), "rate(m[667ms])");
        assert_eq!(quicken_ranges("m[5m] and m[1h]"), "m[20s] and m[240s]");
    }

    #[test]
    fn texts_of_a_config_map_are_durations_too() {
        let mut object = json!({"data": {"periodSeconds": "600", "middle": "20"}});
        quicken(&mut object);
        assert_eq!(object, json!({"data": {"periodSeconds": "40", "middle": "20"}}));
    }

    #[test]
    fn defaults_are_spelled_out_and_what_is_written_stays() {
        let mut object = json!({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}});
        spell_out(&mut object);
        let spec = &object["spec"];
        assert_eq!(spec["intervalSeconds"], 15);
        assert_eq!(spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 60);
        assert_eq!(spec["behavior"]["scaleDown"]["policies"][0]["periodSeconds"], 15);
        assert_eq!(
            spec["behavior"]["scaleUp"]["policies"].as_array().map(Vec::len),
            Some(2)
        );
    }
}
