//! The few forms of PromQL that a scenario knows: names, labels, selectors, queries.

use jiff::SignedDuration;

use crate::query::Query;
use crate::series::{Labels, NAME, Selector};
use crate::time;

/// What is expected where a query is due.
pub(super) const QUERY: &str = "a query such as load, sum(load{pod=\"web-0\"}) or sum(rate(requests[1m]))";

/// Below it a range makes no sense, and the steps of a probe would be without number.
const SHORTEST_RANGE: SignedDuration = SignedDuration::from_secs(1);

/// A query, to its end.
pub(super) fn query(text: &str) -> Option<Query> {
    let (sum, inner) = match text.strip_prefix("sum(") {
        Some(inner) => (true, inner.strip_suffix(')')?),
        None => (false, text),
    };
    let (selector, range) = match inner.strip_prefix("rate(") {
        Some(inner) => {
            let (selector, range) = inner.strip_suffix("])")?.rsplit_once('[')?;
            let range = time::parse(range).filter(|range| *range >= SHORTEST_RANGE)?;
            (selector, Some(range))
        }
        None => (inner, None),
    };
    let matchers = labels_of(selector)?;
    Some(Query {
        text: text.to_owned(),
        sum,
        selector: Selector { matchers },
        range,
    })
}

/// A series: a name with its labels.
pub(super) fn series(text: &str) -> Option<Labels> {
    labels_of(text).filter(|labels| labels.contains_key(NAME))
}

/// The name of a metric in a policy, as the custom resource has it.
pub(super) fn metric_name(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!text.is_empty() && text.bytes().all(is_plain)).then_some(text)
}

/// `name{label="value"}`: a name, labels, or both.
fn labels_of(text: &str) -> Option<Labels> {
    let (name, braces) = text.split_at(text.find('{').unwrap_or(text.len()));
    let mut labels = Labels::new();
    if !name.is_empty() {
        labels.insert(NAME.to_owned(), is_name(name, ":").then(|| name.to_owned())?);
    }
    if !braces.is_empty() {
        let mut rest = braces.strip_prefix('{')?.strip_suffix('}')?;
        while !rest.is_empty() {
            let (label, tail) = rest.split_once("=\"")?;
            let (value, tail) = tail.split_once('"')?;
            let is_new =
                is_name(label, "") && label != NAME && labels.insert(label.to_owned(), value.to_owned()).is_none();
            if !is_new || value.is_empty() || value.contains('\\') {
                return None;
            }
            rest = match tail.strip_prefix(',') {
                Some("") => return None,
                Some(tail) => tail,
                None if tail.is_empty() => tail,
                None => return None,
            };
        }
    }
    (!labels.is_empty()).then_some(labels)
}

/// Letters, digits, `_` and what is given; no digit first.
fn is_name(text: &str, also: &str) -> bool {
    let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_' || also.contains(character);
    text.starts_with(is_letter)
        && text
            .chars()
            .all(|character| is_letter(character) || character.is_ascii_digit())
}
