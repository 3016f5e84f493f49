//! The `CustomResourceDefinition`s as they are installed: what the derive makes, with its rough edges taken off.
//!
//! - An optional field is neither `nullable` nor has `null` among its values: then the API server prunes an explicit null
//!   and applies the default, as it does for its own kinds.
//! - Bounds that are whole numbers are written as such, and an integer that has them has no format besides: the server
//!   would say "Checked value must be of type integer with format int32" where the bound is a sentence.
//! - The items of a list are described by the list: `kubectl explain` prints one text behind the other.
//! - Descriptions are paragraphs, not lines of source code.

use kube::CustomResourceExt;
use serde_json::Value;

use crate::{MembershipProfile, MetricAutoscaler};

/// The definition of [`MetricAutoscaler`], exactly what stands in `crds/`.
pub fn custom_resource_definition() -> Value {
    definition::<MetricAutoscaler>()
}

/// The definition of [`MembershipProfile`], exactly what stands in `crds/`.
pub fn profile_definition() -> Value {
    definition::<MembershipProfile>()
}

fn definition<Kind: CustomResourceExt>() -> Value {
    let mut definition = serde_json::to_value(Kind::crd()).expect("a definition has only string keys");
    smooth(&mut definition);
    definition
}

fn smooth(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.shift_remove("nullable");
            }
            if fields.contains_key("maximum") {
                fields.shift_remove("format");
            }
            if let Some(Value::Object(items)) = fields.get_mut("items") {
                items.shift_remove("description");
            }
            for (key, field) in fields.iter_mut() {
                match (key.as_str(), &mut *field) {
                    ("enum", Value::Array(values)) => values.retain(|value| !value.is_null()),
                    ("minimum" | "maximum", bound) => *bound = whole(bound),
                    ("description", Value::String(text)) => *text = paragraphs(text),
                    (_, field) => smooth(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(smooth),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `3600.0` as `3600`.
fn whole(bound: &Value) -> Value {
    // Every bound of ours is a whole number far below 2^53, so its text up to the point is exact.
    let text = bound.to_string();
    match text.strip_suffix(".0").map(str::parse::<i64>) {
        Some(Ok(whole)) => Value::from(whole),
        Some(Err(_)) | None => bound.clone(),
    }
}

/// Lines joined, blank lines kept.
fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[cfg(test)]
mod tests;
