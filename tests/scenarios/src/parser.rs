//! From text to scenarios. Strict: what the grammar in `README.md` does not know is refused, with its line.

mod line;
mod policy;
mod promql;
mod series;
#[cfg(test)]
mod tests;
mod timeline;

use std::fmt;

use line::{Line, Words};

use crate::scenario::{At, Entry, Event, Happening, Scenario};
use crate::time;

/// A text that is no scenario file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Where, counted from 1.
    pub line: usize,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub found: Found,
}

/// What was found in place of what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A text.
    Text(String),
    /// Nothing more in this line.
    EndOfLine,
    /// Nothing more in the scenario.
    EndOfScenario,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::EndOfLine => formatter.write_str("the end of the line"),
            Self::EndOfScenario => formatter.write_str("the end of the scenario"),
        }
    }
}

impl ParseError {
    fn new(line: usize, expected: impl Into<String>, found: Found) -> Self {
        Self {
            line,
            expected: expected.into(),
            found,
        }
    }
}

/// A verb with its line, and the indented lines below it.
struct Statement<'a> {
    verb: &'a str,
    words: Words<'a>,
    block: Vec<Line<'a>>,
}

/// Reads all scenarios of a file, in their order.
pub fn parse(text: &str) -> Result<Vec<Scenario>, ParseError> {
    let mut statements = statements(text)?.into_iter().peekable();
    let mut scenarios: Vec<Scenario> = Vec::new();
    while let Some(statement) = statements.next() {
        let (line, title) = title(&statement)?;
        if scenarios.iter().any(|other| other.title == title) {
            return Err(ParseError::new(line, "a title of its own", Found::Text(title)));
        }
        let mut parts = Vec::new();
        while let Some(part) = statements.next_if(|next| next.verb != "scenario") {
            parts.push(part);
        }
        scenarios.push(scenario(line, title, parts)?);
    }
    Ok(scenarios)
}

fn statements(text: &str) -> Result<Vec<Statement<'_>>, ParseError> {
    let mut statements: Vec<Statement<'_>> = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let Some(line) = Line::of(index + 1, text)? else {
            continue;
        };
        match (line.indented, statements.last_mut()) {
            (true, Some(statement)) => statement.block.push(line),
            (true, None) => return Err(line.words().refuse("a verb at the beginning of the line")),
            (false, _) => {
                let mut words = line.words();
                let verb = words.next("a verb")?;
                if !["scenario", "policy", "load", "event", "at"].contains(&verb) {
                    let expected = "one of the verbs scenario, policy, load, event and at";
                    return Err(line.words().refuse(expected));
                }
                let block = Vec::new();
                statements.push(Statement { verb, words, block });
            }
        }
    }
    Ok(statements)
}

fn title(statement: &Statement<'_>) -> Result<(usize, String), ParseError> {
    let line = statement.words.line;
    if statement.verb != "scenario" {
        let found = Found::Text(statement.verb.to_owned());
        return Err(ParseError::new(line, "a scenario before anything else", found));
    }
    if let Some(indented) = statement.block.first() {
        return Err(indented.words().refuse("no indented line below a scenario"));
    }
    match statement.words.rest() {
        "" => Err(ParseError::new(line, "a title, which is a sentence", Found::EndOfLine)),
        title => Ok((line, title.to_owned())),
    }
}

fn scenario(line: usize, title: String, parts: Vec<Statement<'_>>) -> Result<Scenario, ParseError> {
    let mut parts = parts.into_iter().peekable();
    let Some(policy) = parts.next_if(|part| part.verb == "policy") else {
        return Err(misplaced(line, "the policy first", parts.next()));
    };
    let spec = policy::spec(policy)?;
    let series = match parts.next_if(|part| part.verb == "load") {
        Some(load) => series::load(load)?,
        None => Vec::new(),
    };
    let mut timeline = Vec::new();
    let mut last = line;
    for part in parts {
        last = part.words.line;
        let entry = match part.verb {
            "event" => Entry::Event(timeline::event(part)?),
            "at" => Entry::At(timeline::at(part)?),
            _ => {
                return Err(misplaced(
                    line,
                    "one policy, then at most one load, then events and ats",
                    Some(part),
                ));
            }
        };
        in_order(timeline.last(), &entry)?;
        timeline.push(entry);
    }
    match timeline.last() {
        Some(Entry::At(_)) => {}
        Some(Entry::Event(_)) | None => {
            return Err(ParseError::new(
                last,
                "an at after the last event",
                Found::EndOfScenario,
            ));
        }
    }
    let scenario = Scenario {
        title,
        line,
        spec,
        series,
        timeline,
    };
    names_of_sources(&scenario)?;
    Ok(scenario)
}

fn misplaced(line: usize, expected: &str, part: Option<Statement<'_>>) -> ParseError {
    match part {
        Some(part) => ParseError::new(part.words.line, expected, Found::Text(part.verb.to_owned())),
        None => ParseError::new(line, expected, Found::EndOfScenario),
    }
}

/// Times never go back; what happens at the time of an `at` stands before it; the first thing told is the count.
fn in_order(before: Option<&Entry>, entry: &Entry) -> Result<(), ParseError> {
    let (line, time) = match entry {
        Entry::Event(Event { line, time, .. }) | Entry::At(At { line, time, .. }) => (*line, *time),
    };
    let earliest = match before {
        None => {
            let is_start = matches!(
                entry,
                Entry::Event(Event {
                    happening: Happening::Replicas(_),
                    ..
                })
            );
            if is_start && time.is_zero() {
                return Ok(());
            }
            let found = Found::Text(format!("something at {}", time::text(time)));
            return Err(ParseError::new(line, "\"event 0s replicas <count>\" first", found));
        }
        Some(Entry::Event(event)) => (event.time <= time).then_some(()).ok_or(event.time),
        Some(Entry::At(at)) => (at.time < time).then_some(()).ok_or(at.time),
    };
    earliest.map_err(|earliest| {
        let expected = match before {
            Some(Entry::At(_)) => format!("a time after {}, the at above", time::text(earliest)),
            Some(Entry::Event(_)) | None => format!("a time not before {}, the event above", time::text(earliest)),
        };
        ParseError::new(line, expected, Found::Text(time::text(time)))
    })
}

/// A source fails for a metric that there is.
fn names_of_sources(scenario: &Scenario) -> Result<(), ParseError> {
    let mut spec = scenario.spec.clone();
    for entry in &scenario.timeline {
        let Entry::Event(Event { line, happening, .. }) = entry else {
            continue;
        };
        match happening {
            Happening::Policy(setting) => spec.set(setting.clone()),
            Happening::Source {
                metric: Some(metric), ..
            } if spec.metrics.iter().all(|known| known.policy.name != *metric) => {
                return Err(ParseError::new(
                    *line,
                    "a metric of the policy",
                    Found::Text(metric.clone()),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
