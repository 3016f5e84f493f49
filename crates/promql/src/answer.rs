//! What a source answered, from the raw body: the envelope of `/api/v1/query`, its warnings and its errors.
//!
//! The typed answer of the client crate drops warnings (R3), fails on strings and native histograms and knows only
//! some error classes, so the envelope is parsed here. Nothing of a body ever leaves this module but numbers, labels
//! and classes: error texts of a source may hold what a tenant must not see.

use std::fmt;

use autoscaler_core::{Evidence, Failure, FailureClass, PartialCause, Quantity, Reading};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

mod per_pod;

pub use per_pod::{OfPods, OwnSeries, PodLabels};

/// A successful answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What came.
    pub value: Value,
    /// Whether the source said that the answer is not whole: by a warning that is not mere advice (R3), or in a field.
    pub warned: bool,
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number without labels (`scalar(…)`, `1 + 1`).
    Scalar(f64),
    /// Any number of series.
    Vector(Vec<Series>),
    /// Strings and ranges: well-formed, and never a metric.
    Other,
}

/// One series of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its sample; `None` is a native histogram.
    pub sample: Option<f64>,
}

/// Labels of one series, as a list: a large answer holds a hundred thousand of them, and a map each would be ten
/// times the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// The value of a label, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(label, _)| label == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads an answer of any status, with any body.
pub fn parse(status: u16, body: &[u8]) -> Result<Answer, Failure> {
    let failure = |class| Failure::of(class).with_status(status);
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        return Err(failure(class_of_status(status)));
    };
    let Envelope {
        status: said,
        data,
        warnings,
        is_partial,
        error_type,
    } = envelope;
    match said {
        Status::Error => Err(failure(class(status, error_type.as_deref().unwrap_or_default()))),
        Status::Success => {
            let value = data.filter(|_| is_success(status)).and_then(Data::value);
            let said = is_partial.unwrap_or_default();
            let warned = said || warnings.unwrap_or_default().iter().any(|text| !is_advice(text));
            value
                .map(|value| Answer { value, warned })
                .ok_or_else(|| failure(class_of_status(status)))
        }
    }
}

impl Answer {
    /// The reading that the answer is by itself (R4). `evidence` is what a number is given along.
    ///
    /// A native histogram, a string or a range is a failure: the source is well, and only another query can help.
    pub fn reading(&self, evidence: Evidence) -> Reading {
        let sample = match &self.value {
            Value::Scalar(value) => Some(*value),
            Value::Vector(series) => match series.as_slice() {
                [] => return Reading::Missing { source_proven: false },
                [one] => one.sample,
                several => {
                    return Reading::TooMany {
                        series: several.len(),
                        pod: None,
                    };
                }
            },
            Value::Other => None,
        };
        let Some(sample) = sample else {
            return Reading::Failed(Failure::of(FailureClass::WrongResultType));
        };
        match Quantity::from_f64(sample) {
            None => Reading::NotANumber { source_proven: false },
            Some(value) if self.warned => Reading::Partial {
                value,
                cause: PartialCause::Warning,
            },
            Some(value) => Reading::Fresh { value, evidence },
        }
    }
}

/// `infos` were among the warnings before Prometheus 2.54, marked by this prefix (`util/annotations/annotations.go`).
fn is_advice(warning: &str) -> bool {
    warning.starts_with("PromQL info:")
}

/// The envelope of any answer. `infos` are advice, and not even read.
#[derive(Deserialize)]
struct Envelope {
    status: Status,
    data: Option<Data>,
    warnings: Option<Vec<String>>,
    /// `VictoriaMetrics`' word on an answer that lacks some of its storage nodes; it warns of nothing.
    #[serde(rename = "isPartial")]
    is_partial: Option<bool>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar(Sample),
    Vector(Vec<RawSeries>),
    Matrix(IgnoredAny),
    String(IgnoredAny),
}

/// Time and value. The time is the evaluation's, never the sample's (R1), so it is not kept.
#[derive(Deserialize)]
struct Sample(IgnoredAny, String);

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: Labels,
    value: Option<Sample>,
    histogram: Option<IgnoredAny>,
}

impl Data {
    /// The value, or `None` where it is not what Prometheus writes.
    fn value(self) -> Option<Value> {
        match self {
            Self::Scalar(sample) => sample.number().map(Value::Scalar),
            Self::Vector(series) => series
                .into_iter()
                .map(RawSeries::series)
                .collect::<Option<_>>()
                .map(Value::Vector),
            Self::Matrix(_) | Self::String(_) => Some(Value::Other),
        }
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::new();
        while let Some(label) = map.next_entry()? {
            labels.push(label);
        }
        Ok(Labels(labels))
    }
}

impl RawSeries {
    fn series(self) -> Option<Series> {
        let Self {
            metric: labels,
            value,
            histogram,
        } = self;
        match (value, histogram) {
            (Some(sample), _) => Some(Series {
                labels,
                sample: Some(sample.number()?),
            }),
            (None, Some(_)) => Some(Series { labels, sample: None }),
            (None, None) => None,
        }
    }
}

impl Sample {
    fn number(&self) -> Option<f64> {
        self.1.parse().ok()
    }
}

/// The class of an error that the source itself explained (`errorType` of `web/api/v1/api.go`; other servers write
/// the status there, so a type not known here leaves it to the status).
fn class(status: u16, error_type: &str) -> FailureClass {
    match error_type {
        "bad_data" => FailureClass::BadQuery,
        "execution" => FailureClass::Execution,
        "timeout" => FailureClass::Timeout,
        "canceled" | "unavailable" | "too_many_requests" => FailureClass::Unavailable,
        _ => match status {
            400 => FailureClass::BadQuery,
            422 => FailureClass::Execution,
            _ if is_success(status) => FailureClass::HttpStatus,
            _ => class_of_status(status),
        },
    }
}

/// The class of an answer that explains nothing. 400 and 422 are not blamed on the query here: whoever answered
/// (a proxy that expected TLS, say) did not speak for Prometheus.
fn class_of_status(status: u16) -> FailureClass {
    match status {
        401 | 403 => FailureClass::Unauthorized,
        429 | 502 | 503 | 504 => FailureClass::Unavailable,
        _ if is_success(status) => FailureClass::MalformedAnswer,
        _ => FailureClass::HttpStatus,
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests;
