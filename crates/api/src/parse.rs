//! From an object as the API server sent it to a [`MetricAutoscaler`], leniently: one bad object must never stop the
//! others, so a watch takes objects untyped and parses each by itself (R23).
//!
//! - A metric of a kind that this version does not know is kept, with nothing but its name.
//! - A status that does not parse is left out and reported: the operator would write a new one anyway.
//! - Everything else that does not parse is an error that names the field.

use kube::core::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{MetricAutoscaler, MetricAutoscalerSpec, MetricAutoscalerStatus, SpecError};

/// An object that could be parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The autoscaler. Its status is absent if it did not parse.
    pub autoscaler: MetricAutoscaler,
    /// Why the status was left out: what it remembered is lost, so history is uncertain (R16).
    pub status_error: Option<SpecError>,
}

/// Parses one object.
pub fn parse(object: &DynamicObject) -> Result<Parsed, SpecError> {
    let spec = object
        .data
        .get("spec")
        .ok_or_else(|| SpecError::new("spec", "is missing"))?;
    let spec: MetricAutoscalerSpec = at("spec", reduce_unknown_metrics(spec.clone()))?;
    let (status, status_error) = match object.data.get("status") {
        None | Some(Value::Null) => (None, None),
        Some(status) => match at::<MetricAutoscalerStatus>("status", status.clone()) {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        },
    };
    let autoscaler = MetricAutoscaler {
        metadata: object.metadata.clone(),
        spec,
        status,
    };
    Ok(Parsed {
        autoscaler,
        status_error,
    })
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
