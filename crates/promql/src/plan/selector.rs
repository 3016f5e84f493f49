//! A vector selector as text that can be asked again: without its time modifiers, with another offset or range.

use jiff::SignedDuration;
use promql_parser::label::{METRIC_NAME, MatchOp, Matcher};
use promql_parser::parser::VectorSelector;

use super::PlanError;
use super::literals::Lifted;
use crate::probe::quoted;

/// A metric name and label matchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The name in front of the braces; empty if the name stands within them.
    name: String,
    /// Matchers as PromQL writes them.
    matchers: Vec<String>,
}

impl Selector {
    /// The selector, if the probes can be asked about it.
    pub(super) fn of(selector: &VectorSelector, query: &Lifted<'_>) -> Result<Self, PlanError> {
        let VectorSelector {
            name,
            matchers,
            offset: _,
            at: _,
        } = selector;
        if !matchers.or_matchers.is_empty() {
            return Err(PlanError::AlternativeMatchers);
        }
        let mut written: Vec<String> = matchers
            .matchers
            .iter()
            .map(|matcher| written(matcher, query))
            .collect();
        written.sort();
        written.dedup();
        let written = Self {
            name: name.clone().unwrap_or_default(),
            matchers: written,
        };
        // `timestamp()` and `count_over_time()` drop the name: two metrics with equal labels would collide, and
        // Prometheus refuses the whole probe ("vector cannot contain metrics with the same labelset").
        if name.is_none() && !matchers.matchers.iter().any(names_one_metric) {
            return Err(PlanError::NoMetricName {
                selector: written.text(&[]),
            });
        }
        Ok(written)
    }

    /// The same, of one value of a label only.
    #[must_use]
    pub fn within(&self, label: &str, value: &str) -> Self {
        let mut matchers = self.matchers.clone();
        matchers.push(format!("{label}={}", quoted(value)));
        matchers.sort();
        matchers.dedup();
        Self {
            name: self.name.clone(),
            matchers,
        }
    }

    /// As an instant vector, `offset` into the past.
    pub fn instant(&self, offset: SignedDuration) -> String {
        format!("{}{}", self.text(&[]), offset_text(offset))
    }

    /// As an instant vector with further matchers.
    pub fn narrowed(&self, matchers: &[String], offset: SignedDuration) -> String {
        format!("{}{}", self.text(matchers), offset_text(offset))
    }

    /// As a range.
    pub fn range(&self, range: SignedDuration, offset: SignedDuration) -> String {
        format!("{}[{}]{}", self.text(&[]), duration_text(range), offset_text(offset))
    }

    fn text(&self, further: &[String]) -> String {
        let matchers: Vec<&str> = self.matchers.iter().chain(further).map(String::as_str).collect();
        if matchers.is_empty() {
            self.name.clone()
        } else {
            format!("{}{{{}}}", self.name, matchers.join(","))
        }
    }
}

/// A matcher with the user's own strings.
fn written(matcher: &Matcher, query: &Lifted<'_>) -> String {
    let Matcher { op, name, value } = matcher;
    let name = query.literal(name).unwrap_or(name);
    format!("{name}{op}{}", query.literal(value).unwrap_or_default())
}

fn names_one_metric(matcher: &Matcher) -> bool {
    matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal
}

/// The modifier that shifts a selector or a subquery into the past; nothing for no offset.
pub(crate) fn offset_text(offset: SignedDuration) -> String {
    if offset.is_zero() {
        String::new()
    } else {
        format!(" offset {}", duration_text(offset))
    }
}

/// A duration as PromQL writes it, exact to the millisecond, which is Prometheus' own resolution.
pub(super) fn duration_text(duration: SignedDuration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}
