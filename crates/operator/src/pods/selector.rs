//! A label selector as a scale tells it, in the grammar of `labels.Parse` (`k8s.io/apimachinery/pkg/labels/selector.go`)
//! but for `<` and `>`, which no selector of a workload can have. Pure.

use kube::core::{Expression, Selector};

use crate::gate::shown;

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    /// Parentheses that do not match.
    #[error("its parentheses do not match")]
    Parentheses,
    /// Neither a key, nor one with an operator that we know.
    #[error("{0:?} is no requirement on a label")]
    Requirement(String),
    /// What no key of a label looks like.
    #[error("{0:?} is no key of a label")]
    Key(String),
    /// What no value of a label looks like.
    #[error("{0:?} is no value of a label")]
    Value(String),
}

/// Parses a selector.
pub(super) fn parse(text: &str) -> Result<Selector, SelectorError> {
    let requirements = requirements(text)?;
    requirements.into_iter().map(requirement).collect()
}

/// The parts between commas that stand in no parentheses.
fn requirements(text: &str) -> Result<Vec<&str>, SelectorError> {
    let (mut parts, mut begin, mut is_inside) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        match (character, is_inside) {
            ('(', false) => is_inside = true,
            (')', true) => is_inside = false,
            ('(' | ')', _) => return Err(SelectorError::Parentheses),
            (',', false) => {
                parts.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[begin..].trim());
    if is_inside {
        return Err(SelectorError::Parentheses);
    }
    Ok(parts)
}

fn requirement(text: &str) -> Result<Expression, SelectorError> {
    if let Some((before, values)) = text.split_once('(') {
        let values = values.strip_suffix(')').ok_or(SelectorError::Parentheses)?;
        let values = values.split(',').map(value).collect::<Result<_, _>>()?;
        let words: Vec<&str> = before.split_whitespace().collect();
        return match words.as_slice() {
            [name, "in"] => Ok(Expression::In(key(name)?, values)),
            [name, "notin"] => Ok(Expression::NotIn(key(name)?, values)),
            _ => Err(SelectorError::Requirement(shown(text))),
        };
    }
    if let Some((before, after)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(key(before)?, value(after)?));
    }
    if let Some((before, after)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Expression::Equal(key(before)?, value(after)?));
    }
    match text.strip_prefix('!') {
        Some(name) => Ok(Expression::DoesNotExist(key(name)?)),
        None => Ok(Expression::Exists(key(text)?)),
    }
}

fn key(text: &str) -> Result<String, SelectorError> {
    let text = text.trim();
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    if text.is_empty() || !text.chars().all(fits) {
        return Err(SelectorError::Key(shown(text)));
    }
    Ok(text.to_owned())
}

fn value(text: &str) -> Result<String, SelectorError> {
    let text = text.trim();
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !text.chars().all(fits) {
        return Err(SelectorError::Value(shown(text)));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("app=web", true)]
    #[case("app==web", true)]
    #[case("app = db", false)]
    #[case("app=web,tier=front", true)]
    #[case("app=web,tier=back", false)]
    #[case("app!=db", true)]
    #[case("absent!=x", true)]
    #[case("app in (db, web)", true)]
    #[case("app in(db,web),tier", true)]
    #[case("app in (db)", false)]
    #[case("app notin (db,queue)", true)]
    #[case("app notin (db,web)", false)]
    #[case("absent notin (x)", true)]
    #[case("example.com/part-of", true)]
    #[case("absent", false)]
    #[case("!absent", true)]
    #[case("! app", false)]
    #[case("empty=", true)]
    #[case("empty in (,x)", true)]
    fn a_selector_finds_what_the_api_server_would_find(#[case] text: &str, #[case] found: bool) {
        let labels = [
            ("app", "web"),
            ("tier", "front"),
            ("example.com/part-of", "shop"),
            ("empty", ""),
        ];
        let labels: BTreeMap<String, String> = labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(parse(text).unwrap().matches(&labels), found);
    }

    #[rstest]
    #[case("app in (web", "its parentheses do not match")]
    #[case("app in ((web))", "its parentheses do not match")]
    #[case("app in (web) x", "its parentheses do not match")]
    #[case("app is (web)", r#""app is (web)" is no requirement on a label"#)]
    #[case("size>3", r#""size>3" is no key of a label"#)]
    #[case("app=web,", r#""" is no key of a label"#)]
    #[case("=web", r#""" is no key of a label"#)]
    #[case("app=web front", r#""web front" is no value of a label"#)]
    #[case("{app: web}", r#""{app: web}" is no key of a label"#)]
    fn what_is_no_selector_says_why(#[case] text: &str, #[case] why: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), why);
    }
}
