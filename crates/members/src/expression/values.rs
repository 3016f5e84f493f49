//! Between JSON and CEL: what an expression reads is bounded, whoever wrote it.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};
use serde_json::Value as Json;

/// Most values in one answer, whatever their depth.
pub(crate) const MAX_VALUES: usize = 4_000;
/// Most items in one list.
pub(crate) const MAX_ITEMS: usize = 500;
/// Longest text in bytes.
pub(crate) const MAX_TEXT: usize = 4_096;
/// Deepest nesting.
pub(crate) const MAX_DEPTH: usize = 16;

/// An answer as an expression reads it; none if it is too large.
///
/// Whole numbers become `int`, as in CEL's own literals: the crate would bind them as `uint`, to which nothing can be
/// added.
pub(crate) fn of_json(json: &Json) -> Option<Value> {
    let mut left = MAX_VALUES;
    convert(json, MAX_DEPTH, &mut left)
}

fn convert(json: &Json, depth: usize, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    let below = |depth: usize| depth.checked_sub(1);
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(float)) => Value::Float(float),
            (None, None) => return None,
        },
        Json::String(text) => text_of(text)?,
        Json::Array(items) if items.len() <= MAX_ITEMS => {
            let items = items.iter().map(|item| convert(item, below(depth)?, left));
            Value::List(Arc::new(items.collect::<Option<Vec<_>>>()?))
        }
        Json::Array(_) => return None,
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| {
                let key = (name.len() <= MAX_TEXT).then(|| Key::String(Arc::new(name.clone())))?;
                Some((key, convert(field, below(depth)?, left)?))
            });
            Value::Map(Map {
                map: Arc::new(fields.collect::<Option<HashMap<_, _>>>()?),
            })
        }
    })
}

fn text_of(text: &str) -> Option<Value> {
    (text.len() <= MAX_TEXT).then(|| Value::String(Arc::new(text.to_owned())))
}

/// A map of texts and numbers.
pub(crate) fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value));
    Value::Map(Map {
        map: Arc::new(HashMap::from(fields)),
    })
}

/// A text.
pub(crate) fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

/// A list of texts.
pub(crate) fn texts(texts: &[String]) -> Value {
    Value::List(Arc::new(texts.iter().map(|one| text(one)).collect()))
}

/// A boolean, or nothing.
pub(crate) fn as_bool(value: &Value) -> Option<bool> {
    if let Value::Bool(value) = value {
        Some(*value)
    } else {
        None
    }
}

/// A list of texts, or nothing.
pub(crate) fn as_texts(value: &Value) -> Option<Vec<String>> {
    let Value::List(items) = value else { return None };
    items.iter().map(as_text).collect()
}

fn as_text(value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        Some(text.to_string())
    } else {
        None
    }
}

/// A number without its fraction, or nothing: not a number and infinities are none.
pub(crate) fn as_whole(value: &Value) -> Option<i64> {
    // Beyond this a float does not tell one whole number from the next.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Int(whole) => Some(*whole),
        Value::UInt(whole) => i64::try_from(*whole).ok(),
        Value::Float(float) if float.abs() <= EXACT => format!("{:.0}", float.trunc()).parse().ok(),
        _ => None,
    }
}

/// What a template makes of a field of an item: texts and whole numbers.
pub(crate) fn as_field(value: &Value) -> Option<String> {
    match value {
        Value::Int(whole) => Some(whole.to_string()),
        Value::UInt(whole) => Some(whole.to_string()),
        other => as_text(other),
    }
}

/// A field of an object.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(map) = value else { return None };
    map.map.get(&Key::String(Arc::new(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_those_of_cel() {
        assert_eq!(of_json(&json!(3)), Some(Value::Int(3)));
        assert_eq!(of_json(&json!(-3)), Some(Value::Int(-3)));
        assert_eq!(of_json(&json!(0.5)), Some(Value::Float(0.5)));
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        assert!(of_json(&json!(vec![0; MAX_ITEMS])).is_some());
        assert!(of_json(&json!(vec![0; MAX_ITEMS + 1])).is_none());
        assert!(of_json(&json!("a".repeat(MAX_TEXT))).is_some());
        assert!(of_json(&json!("a".repeat(MAX_TEXT + 1))).is_none());
        assert!(of_json(&json!(vec![vec![0; 499]; 8])).is_none(), "4,001 values");
        let deep = |levels: usize| (0..levels).fold(json!(0), |inner, _| json!([inner]));
        assert!(of_json(&deep(MAX_DEPTH)).is_some());
        assert!(of_json(&deep(MAX_DEPTH + 1)).is_none());
    }

    #[test]
    fn a_number_that_is_none_is_not_known() {
        assert_eq!(as_whole(&Value::Float(2.9)), Some(2));
        assert_eq!(as_whole(&Value::Float(-0.4)), Some(0));
        assert_eq!(as_whole(&Value::Float(f64::NAN)), None);
        assert_eq!(as_whole(&Value::Float(f64::INFINITY)), None);
        assert_eq!(as_whole(&Value::UInt(u64::MAX)), None);
    }
}
