//! Answers: is this JSON what a row of the contract means?

use serde_json::Value;

/// Whether a body has this shape: an object has at least these keys; `<text>`, `<number>`, `<boolean>` and `<any>` stand for
/// whatever is of that kind; `{<each>: shape}` is a list that is not empty and all of whose elements fit, `{<some>: shape}` one
/// of which at least one fits, `{<none>: shape}` one of which none does; `{<begins>: text}` is the beginning of a text.
pub(super) fn fits(shape: &Value, value: &Value) -> bool {
    if let Some((kind, of)) = quantified(shape) {
        let elements = || value.as_array().map(Vec::as_slice);
        return match kind {
            "<each>" => elements().is_some_and(|all| !all.is_empty() && all.iter().all(|value| fits(of, value))),
            "<some>" => elements().is_some_and(|all| all.iter().any(|value| fits(of, value))),
            "<none>" => elements().is_some_and(|all| !all.iter().any(|value| fits(of, value))),
            _ => value
                .as_str()
                .zip(of.as_str())
                .is_some_and(|(text, start)| text.starts_with(start)),
        };
    }
    match shape {
        Value::String(kind) if kind == "<any>" => true,
        Value::String(kind) if kind == "<text>" => value.is_string(),
        Value::String(kind) if kind == "<number>" => value.is_number(),
        Value::String(kind) if kind == "<boolean>" => value.is_boolean(),
        Value::Object(keys) => keys
            .iter()
            .all(|(key, shape)| value.get(key).is_some_and(|value| fits(shape, value))),
        Value::Array(shapes) => value.as_array().is_some_and(|values| {
            values.len() == shapes.len() && shapes.iter().zip(values).all(|(shape, value)| fits(shape, value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => shape == value,
    }
}

fn quantified(shape: &Value) -> Option<(&str, &Value)> {
    let (key, of) = shape.as_object().filter(|keys| keys.len() == 1)?.iter().next()?;
    ["<each>", "<some>", "<none>", "<begins>"]
        .contains(&key.as_str())
        .then_some((key, of))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes_fit_what_they_say_and_nothing_else() {
        let table = json!({"type": "table", "table": [{"Node": "x", "Running": true}]});
        assert!(fits(
            &json!({"table": {"<each>": {"Node": "<text>", "Running": "<boolean>"}}}),
            &table
        ));
        assert!(!fits(&json!({"table": {"<none>": {"Node": "x"}}}), &table));
        assert!(fits(&json!({"table": {"<some>": {"Node": {"<begins>": "x"}}}}), &table));
        assert!(!fits(&json!({"<each>": "<any>"}), &json!([])));
        assert!(!fits(&json!([1]), &json!([1, 2])));
    }
}
