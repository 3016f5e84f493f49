//! What happens, and what is expected.

use autoscaler_core::{FailureClass, Replicas};
use jiff::SignedDuration;

use super::line::{Line, Words, whole};
use super::{Found, ParseError, Statement, policy, promql};
use crate::probe::STATEFUL_SET;
use crate::reasons;
use crate::scenario::{Answers, At, Event, Happening, Mode, Next, PodState, Readiness, RolloutSeen, Setting};
use crate::time;

/// What is expected where a pod is due.
const POD: &str = "a pod such as web-0";

/// An `event`.
pub(super) fn event(statement: Statement<'_>) -> Result<Event, ParseError> {
    let Statement {
        verb: _,
        mut words,
        block,
    } = statement;
    if let Some(line) = block.first() {
        return Err(line.words().refuse("no indented line below an event"));
    }
    let line = words.line;
    let time = words.duration()?;
    let read = words.one_of::<fn(&mut Words<'_>) -> Result<Happening, ParseError>>(&[
        ("replicas", |words| words.count().map(Happening::Replicas)),
        ("recreated", |words| words.count().map(Happening::Recreated)),
        ("ready", ready),
        ("rollout", rollout),
        ("pods", pods),
        ("source", source),
        ("skew", |words| signed(words).map(Happening::Skew)),
        ("clock", |words| signed(words).map(Happening::Clock)),
        ("mode", mode),
        ("policy", edit),
        ("status", status),
        ("restart", restart),
    ])?;
    let happening = read(&mut words)?;
    words.end()?;
    Ok(Event { line, time, happening })
}

fn ready(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    if let Some(delay) = words.behind("after", Words::duration)? {
        return Ok(Happening::Ready(Readiness::After(delay)));
    }
    let readiness = words.read("a count, unknown, at-once or after", |word| match word {
        "unknown" => Some(Readiness::Unknown),
        "at-once" => Some(Readiness::After(SignedDuration::ZERO)),
        word => whole(word).map(|count| Readiness::Fixed(Replicas::new(count))),
    })?;
    Ok(Happening::Ready(readiness))
}

fn rollout(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    if words.take("over") {
        return Ok(Happening::Rollout(None));
    }
    if words.take("unobserved") {
        return Ok(Happening::Rollout(Some(RolloutSeen::Unobserved)));
    }
    let updated = words.read("a count, unobserved or over", whole).map(Replicas::new)?;
    words.keyword("of")?;
    let replicas = words.count()?;
    if updated >= replicas {
        let found = Found::Text(format!("{updated} of {replicas}"));
        return Err(ParseError::new(
            words.line,
            "fewer updated replicas than replicas",
            found,
        ));
    }
    let until = words.behind("until", Words::duration)?;
    Ok(Happening::Rollout(Some(RolloutSeen::Updating {
        updated,
        replicas,
        until,
    })))
}

fn pods(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    let state = words.one_of(&[
        ("pending", PodState::Pending),
        ("running", PodState::Running),
        ("terminating", PodState::Terminating),
        ("failed", PodState::Failed),
        ("succeeded", PodState::Succeeded),
        ("gone", PodState::Gone),
    ])?;
    let mut ordinals = vec![words.read(POD, ordinal)?];
    while words.peek().is_some() {
        ordinals.push(words.read(POD, ordinal)?);
    }
    Ok(Happening::Pods { state, ordinals })
}

/// The number of a pod of the target.
fn ordinal(word: &str) -> Option<u32> {
    whole(word.strip_prefix(STATEFUL_SET)?.strip_prefix('-')?)
}

fn source(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    let failures = FailureClass::ALL.map(|class| (reasons::of_failure(class), Answers::Fails(class)));
    let well = [("answers", Answers::Well), ("warns", Answers::WithWarning)];
    let answers = words.one_of(&[&well[..], &failures[..]].concat())?;
    let metric = words.behind("for", |words| words.next("the name of a metric").map(str::to_owned))?;
    Ok(Happening::Source { answers, metric })
}

fn signed(words: &mut Words<'_>) -> Result<SignedDuration, ParseError> {
    words.read("a duration such as 20s or -20s", |word| match word.strip_prefix('-') {
        Some(behind) => time::parse(behind).map(|skew| -skew),
        None => time::parse(word),
    })
}

fn mode(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    let modes = [
        ("Active", Mode::Active),
        ("DryRun", Mode::DryRun),
        ("Paused", Mode::Paused),
    ];
    words.one_of(&modes).map(Happening::Mode)
}

fn edit(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    if words.peek() == Some("interval") {
        return Err(words.refuse("a setting other than interval"));
    }
    let setting: Setting = policy::setting(words)?;
    Ok(Happening::Policy(setting))
}

fn status(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    let accepted = words.one_of(&[("accepted", true), ("refused", false)])?;
    Ok(Happening::Status { accepted })
}

fn restart(words: &mut Words<'_>) -> Result<Happening, ParseError> {
    let graceful = words.one_of(&[("graceful", true), ("crash", false)])?;
    words.keyword("for")?;
    let down = words.duration()?;
    Ok(Happening::Restart { graceful, down })
}

/// An `at`.
pub(super) fn at(statement: Statement<'_>) -> Result<At, ParseError> {
    let Statement {
        verb: _,
        mut words,
        block,
    } = statement;
    let line = words.line;
    let time = words.duration()?;
    let from = words.count()?;
    let other = |count: Replicas| move |word| whole(word).map(Replicas::new).filter(|read| *read != count);
    let to = words
        .behind("->", |words| words.read("another count", other(from)))?
        .unwrap_or(from);
    let expected = "a count other than the one decided";
    let wants = words.behind("wants", |words| words.read(expected, other(to)))?;
    words.keyword("because")?;
    let mut because = vec![words.read("a reason of the README", reason)?.to_owned()];
    while words.peek().is_some_and(|word| word != "next") {
        because.push(words.read("a reason of the README, or next", reason)?.to_owned());
    }
    let next = words.behind("next", next)?;
    words.end()?;
    let summary = summary(&block)?;
    Ok(At {
        line,
        time,
        from,
        to,
        wants,
        because,
        next,
        summary,
    })
}

/// The one line that may stand below an `at`.
fn summary(block: &[Line<'_>]) -> Result<Option<String>, ParseError> {
    let Some((line, more)) = block.split_first() else {
        return Ok(None);
    };
    let mut words = line.words();
    words.keyword("summary")?;
    let summary = words.string()?;
    words.end()?;
    match more.first() {
        Some(line) => Err(line.words().refuse("nothing more below the at")),
        None => Ok(Some(summary)),
    }
}

/// A word of the list, with the name of a metric or without.
fn reason(word: &str) -> Option<&str> {
    let plain = match word.split_once(':') {
        Some((metric, plain)) => promql::metric_name(metric).map(|_| plain)?,
        None => word,
    };
    reasons::WORDS.iter().any(|(known, _)| *known == plain).then_some(word)
}

fn next(words: &mut Words<'_>) -> Result<Next, ParseError> {
    if words.take("never") {
        return Ok(Next::Never);
    }
    words.duration().map(Next::At)
}
