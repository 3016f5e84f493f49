//! `docs/reference/metricautoscaler.md` and `membershipprofile.md`: every field, read off the schema that is installed.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What stands above the fields of an autoscaler.
pub(super) const AUTOSCALER: &str = "\
<!-- Generated from crates/api by `make generate`. Do not edit. -->
# MetricAutoscaler

`metricautoscaler.dev/v1alpha1`, namespaced, short name `mas`, in category `all`. The same text is in
`kubectl explain mas.spec --recursive` and `kubectl explain mas.spec.metrics`.

Durations are whole seconds. Quantities are those of Kubernetes: integers, or strings such as `60m`, `1e3`, `2Gi`;
fractions must be quoted (`\"0.5\"`). A field that is neither required nor has a default may be left out, and its
description says what that means.
";

/// What stands above the fields of a profile.
pub(super) const PROFILE: &str = "\
<!-- Generated from crates/api by `make generate`. Do not edit. -->
# MembershipProfile

`metricautoscaler.dev/v1alpha1`, of the cluster, short name `mpf`. The same text is in `kubectl explain mpf.spec
--recursive`. What templates and expressions mean is in [profiles.md](profiles.md).

Durations are whole seconds. Every list is in order.
";

pub(super) fn markdown(introduction: &str, definition: &Value) -> Result<String> {
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut text = introduction.to_owned();
    for part in ["spec", "status"] {
        let object = &schema["properties"][part];
        section(&mut text, part, object, object)?;
    }
    Ok(text)
}

/// One object: its text (or that of the list it stands in), a table of its fields, what else must hold, and then the
/// objects inside it.
fn section(text: &mut String, path: &str, described: &Value, object: &Value) -> Result<()> {
    let properties = object["properties"]
        .as_object()
        .with_context(|| format!("{path} has no fields"))?;
    writeln!(text, "\n## {path}\n")?;
    if let Some(description) = described["description"].as_str() {
        writeln!(text, "{description}\n")?;
    }
    writeln!(
        text,
        "| field | type | required or default | bounds | description |\n|---|---|---|---|---|"
    )?;
    for (name, field) in properties {
        writeln!(
            text,
            "| `{name}` | {} | {} | {} | {} |",
            kind(field),
            presence(object, name, field),
            bounds(field).join("; "),
            cell(field["description"].as_str().unwrap_or_default()),
        )?;
    }
    rules(text, object, properties)?;
    for (name, field) in properties {
        if field["properties"].is_object() {
            section(text, &format!("{path}.{name}"), field, field)?;
        } else if field["items"]["properties"].is_object() {
            section(text, &format!("{path}.{name}[]"), field, &field["items"])?;
        }
    }
    Ok(())
}

/// The sentences with which the API server refuses what the bounds alone would let pass.
fn rules(text: &mut String, object: &Value, properties: &Map<String, Value>) -> Result<()> {
    let mut sentences = messages(object);
    for (name, field) in properties {
        // An object inside has a section of its own, but a rule on the list around it has not.
        let own = if field["properties"].is_object() {
            Vec::new()
        } else {
            messages(field)
        };
        sentences.extend(own.into_iter().map(|message| format!("`{name}`: {message}")));
    }
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nRefused with a message otherwise:\n")?;
    for sentence in sentences {
        writeln!(text, "- {sentence}")?;
    }
    Ok(())
}

fn messages(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    rules
        .iter()
        .filter_map(|rule| {
            let computed = rule["messageExpression"]
                .as_str()
                .and_then(|expression| expression.split('\'').nth(1));
            rule["message"]
                .as_str()
                .or(computed)
                .map(|message| message.replace(" (%d)", ""))
        })
        .collect()
}

fn kind(field: &Value) -> String {
    if field["x-kubernetes-int-or-string"] == true {
        return "quantity".to_owned();
    }
    match (field["type"].as_str(), field["format"].as_str()) {
        (Some("array"), _) => format!("list of {}s", kind(&field["items"])),
        (_, Some("date-time")) => "time".to_owned(),
        (kind, _) => kind.unwrap_or("any").to_owned(),
    }
}

fn presence(object: &Value, name: &str, field: &Value) -> String {
    let required = object["required"]
        .as_array()
        .is_some_and(|names| names.iter().any(|required| required == name));
    match (required, field.get("default")) {
        (true, _) => "required".to_owned(),
        (false, Some(Value::String(default))) => format!("`{default}`"),
        (false, Some(default)) => format!("`{default}`"),
        (false, None) => String::new(),
    }
}

fn bounds(field: &Value) -> Vec<String> {
    let number = |key: &str| field[key].as_i64();
    let values = field["enum"].as_array().map(|values| {
        let values: Vec<String> = values
            .iter()
            .filter_map(Value::as_str)
            .map(|value| format!("`{value}`"))
            .collect();
        values.join(", ")
    });
    let range = |min: &str, max: &str, unit: &str| match (number(min), number(max)) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}{unit}")),
        (Some(min), None) => Some(format!("at least {min}{unit}")),
        (None, Some(max)) => Some(format!("at most {max}{unit}")),
        (None, None) => None,
    };
    let of_list = range("minItems", "maxItems", " items");
    let of_text = range("minLength", "maxLength", " characters");
    [values, range("minimum", "maximum", ""), of_list, of_text]
        .into_iter()
        .flatten()
        .collect()
}

/// A text within one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br><br>")
}
