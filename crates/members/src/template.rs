//! Texts with variables: `$(pod)`, as Kubernetes writes them in the command of a container.
//!
//! What a variable stands for is written in the manner of the place where it stands, so that no value can end a path, a
//! part of a query, or a text of JSON or PromQL. Nothing here knows what the variables mean.

use std::fmt::Write as _;

/// Longest text that comes of a template, in bytes.
const MAX_RENDERED: usize = 8 << 10;

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// How a value is written where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As it is.
    Plain,
    /// In a path or a query of a URL.
    Url,
    /// In a text of JSON.
    Json,
    /// In a text of PromQL.
    PromQl,
}

impl Template {
    /// Compiles a template whose variables are all known.
    pub(crate) fn compile(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("$$(") {
                literal.push_str("$(");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("$(") {
                let (name, after) = after.split_once(')').ok_or("$( without )")?;
                if !is_known(name) {
                    return Err(format!("there is no variable {name:?} here"));
                }
                parts.extend((!literal.is_empty()).then(|| Part::Text(std::mem::take(&mut literal))));
                parts.push(Part::Variable(name.to_owned()));
                rest = after;
            } else {
                literal.push('$');
                rest = &rest[1..];
            }
        }
        literal.push_str(rest);
        parts.extend((!literal.is_empty()).then_some(Part::Text(literal)));
        Ok(Self(parts))
    }

    /// The text, if every variable has a value and it is not too long.
    pub(crate) fn render(&self, place: Place, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Variable(name) => place.write(&mut text, &value(name)?),
            }
            if text.len() > MAX_RENDERED {
                return None;
            }
        }
        Some(text)
    }

    /// What is written as it stands, without the variables.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(literal) => Some(literal.as_str()),
            Part::Variable(_) => None,
        })
    }
}

impl Place {
    fn write(self, text: &mut String, value: &str) {
        match self {
            Self::Plain => text.push_str(value),
            Self::Url => percent_encode(text, value),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
            Self::PromQl => text.push_str(&value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")),
        }
    }
}

/// RFC 3986: what is unreserved stays, and so do `@` and `:`, which may stand in a path and in a query alike and do stand
/// in the names of Erlang's nodes.
fn percent_encode(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes everything");
        }
    }
}

/// The same for a text that is not a variable's.
pub(crate) fn encoded(value: &str) -> String {
    let mut text = String::new();
    percent_encode(&mut text, value);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn rendered(template: &str, place: Place, value: &str) -> Option<String> {
        let compiled = Template::compile(template, |name| name == "x").unwrap();
        compiled.render(place, |_| Some(value.to_owned()))
    }

    #[rstest]
    #[case::none("plain", "plain")]
    #[case::one("a$(x)b", "aVb")]
    #[case::escaped("$$(x)", "$(x)")]
    #[case::lone("a$b$", "a$b$")]
    #[case::doubled("$$$(x)", "$$(x)")]
    #[case::braces(r#"{"a": "$(x)"}"#, r#"{"a": "V"}"#)]
    fn variables_are_written_as_in_kubernetes(#[case] template: &str, #[case] text: &str) {
        assert_eq!(rendered(template, Place::Plain, "V").as_deref(), Some(text));
    }

    #[rstest]
    #[case::unknown("$(y)", "there is no variable \"y\" here")]
    #[case::open("$(x", "$( without )")]
    #[case::empty("$()", "there is no variable \"\" here")]
    fn what_is_no_template_is_told(#[case] template: &str, #[case] message: &str) {
        assert_eq!(Template::compile(template, |name| name == "x").unwrap_err(), message);
    }

    #[test]
    fn a_value_ends_neither_a_path_nor_a_query_nor_a_text() {
        let value = "a@b:1/?&=%\"\\\n ";
        assert_eq!(
            rendered("$(x)", Place::Url, value).unwrap(),
            "a@b:1%2F%3F%26%3D%25%22%5C%0A%20"
        );
        assert_eq!(rendered("$(x)", Place::Json, value).unwrap(), r#"a@b:1/?&=%\"\\\n "#);
        assert_eq!(rendered("$(x)", Place::PromQl, value).unwrap(), r#"a@b:1/?&=%\"\\\n "#);
    }

    #[test]
    fn a_variable_without_a_value_or_too_long_a_text_gives_nothing() {
        let compiled = Template::compile("$(x)", |_| true).unwrap();
        assert_eq!(compiled.render(Place::Plain, |_| None), None);
        assert_eq!(rendered("$(x)", Place::Plain, &"v".repeat(MAX_RENDERED + 1)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,64}|[$()x]{0,16}") {
            if let Ok(template) = Template::compile(&text, |_| true) {
                template.render(Place::Url, |name| Some(name.to_owned()));
            }
        }

        #[test]
        fn a_json_text_stays_one(value in any::<String>()) {
            let text = rendered("\"$(x)\"", Place::Json, &value).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        }
    }
}
