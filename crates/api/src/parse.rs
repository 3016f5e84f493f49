//! From an object as the API server sent it to what is wanted and what is remembered, leniently: one bad object must never stop
//! the others, so a watch takes objects untyped and parses each by itself (R23).
//!
//! - A metric of a kind that this version does not know is kept, with nothing but its name.
//! - Everything else of a spec that does not parse is an error that names the field.
//! - A status is read whatever is wrong with the spec, field by field: what does not parse is left out and reported, and the
//!   others are kept, above all an operation on a member that is under way (M9).

use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{MetricAutoscalerSpec, MetricAutoscalerStatus, OperationStatus, ScaleTargetRef, SpecError};

/// One object, as far as it can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What is wanted, or what is wrong with it.
    pub spec: Result<MetricAutoscalerSpec, SpecError>,
    /// What is to be scaled, even where the rest of the spec cannot be read.
    pub reference: Option<ScaleTargetRef>,
    /// What is remembered.
    pub status: Option<MetricAutoscalerStatus>,
    /// Why something of the status was left out: what it remembered is lost, so history is uncertain (R16).
    pub status_error: Option<SpecError>,
}

/// Parses one object.
pub fn parse(object: &DynamicObject) -> Parsed {
    let spec = object.data.get("spec");
    let reference = spec.and_then(|spec| spec.get("scaleTargetRef"));
    let (status, status_error) = match object.data.get("status") {
        None | Some(Value::Null) => (None, None),
        Some(status) => read_status(status),
    };
    Parsed {
        spec: match spec {
            Some(spec) => at("spec", reduce_unknown_metrics(spec.clone())),
            None => Err(SpecError::new("spec", "is missing")),
        },
        reference: reference.and_then(|reference| serde_json::from_value(reference.clone()).ok()),
        status,
        status_error,
    }
}

/// The status without the fields that do not parse, and the error of the first of them.
fn read_status(status: &Value) -> (Option<MetricAutoscalerStatus>, Option<SpecError>) {
    let mut first_error = None;
    let mut readable = Map::new();
    for (field, value) in status.as_object().into_iter().flatten() {
        let alone = Value::Object(Map::from_iter([(field.clone(), value.clone())]));
        match at::<MetricAutoscalerStatus>("status", alone) {
            Ok(_) => {
                readable.insert(field.clone(), value.clone());
            }
            Err(error) => {
                first_error.get_or_insert(error);
                if field == "operation" {
                    readable.insert(field.clone(), json!(what_is_left_of(value)));
                }
            }
        }
    }
    match at("status", Value::Object(readable)) {
        Ok(read) if status.is_object() => (Some(read), first_error),
        Ok(_) => (None, Some(SpecError::new("status", "is not an object"))),
        Err(error) => (None, Some(error)),
    }
}

/// That there is an operation must never be forgotten: without what it goes by it cannot be read, and so nothing is done.
fn what_is_left_of(operation: &Value) -> OperationStatus {
    let text = |field: &str| operation.get(field).and_then(Value::as_str).map(ToOwned::to_owned);
    let word = |field: &str| text(field).unwrap_or_default();
    OperationStatus {
        began: None,
        doing: text("doing"),
        id: word("id"),
        kind: word("kind"),
        member: word("member"),
        phase: word("phase"),
        profile: text("profile"),
        record: word("record"),
        since: None,
    }
}

/// Leaves of a metric without a known source only its name: neither its source nor the shape of its target is ours to
/// judge.
fn reduce_unknown_metrics(mut spec: Value) -> Value {
    for metric in spec
        .get_mut("metrics")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let known = metric.get("prometheus").is_some_and(|source| !source.is_null());
        if let (false, Some(name)) = (known, metric.get("name")) {
            *metric = json!({ "name": name, "target": {} });
        }
    }
    spec
}

fn at<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, SpecError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => root.to_owned(),
            path => format!("{root}.{path}"),
        };
        SpecError::new(path, in_the_words_of_the_api(&error.inner().to_string()))
    })
}

/// Serde names Rust's types; a user knows those of the API.
fn in_the_words_of_the_api(message: &str) -> String {
    let message = message
        .replace("expected i32", "expected an integer")
        .replace("expected i64", "expected an integer");
    match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => message,
    }
}

#[cfg(test)]
mod tests;
