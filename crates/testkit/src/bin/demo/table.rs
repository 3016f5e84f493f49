//! Answers: what is new since the last line about a target, and how does it read?

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::follow::{Condition, Goal, Seen};
use crate::screen::Tone;

/// Columns, with two spaces between them: 119 in all. The last one wraps.
const TIME: usize = 4;
const WORKLOAD: usize = 11;
const METRIC: usize = 18;
const DESIRED: usize = 7;
const REPLICAS: usize = 8;
const REASON: usize = 61;

/// How long a change may take to show everywhere before a line shows it half done: pods become ready in a moment.
const HALF_DONE: Duration = Duration::from_millis(1500);

/// How long a target may be without a line.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// One line, or a few when the reason is long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// What the words of the table mean.
pub(crate) const LEGEND: &str = "\
METRIC/TARGET is the metric against its target, both per replica (avg); 60m is 0.060. DESIRED is what the operator
decides, REPLICAS what the workload has: # is ready, . is starting or stopping. REASON is from the status, shortened.";

/// The line above the table.
pub(crate) fn heading() -> String {
    line(["TIME", "WORKLOAD", "METRIC/TARGET", "DESIRED", "REPLICAS", "REASON"])
}

/// Tells of one target.
#[derive(Debug)]
pub(crate) struct Teller {
    goal: Goal,
    clock: Clock,
    told: Option<(Seen, Instant)>,
    half_done: Option<Instant>,
}

impl Teller {
    pub(crate) fn new(goal: Goal, clock: Clock) -> Self {
        Self {
            goal,
            clock,
            told: None,
            half_done: None,
        }
    }

    /// What has happened since the last line, if anything has.
    pub(crate) fn news(&mut self, seen: &Seen) -> Option<Row> {
        if seen.is_settled() {
            self.half_done = None;
        } else if self.half_done.get_or_insert_with(Instant::now).elapsed() < HALF_DONE {
            return None;
        }
        let (tone, reason) = match &self.told {
            Some((last, _)) => difference(last, seen)?,
            None => (Tone::Plain, "no load yet".to_owned()),
        };
        let before = self.told.as_ref().map_or(seen.desired, |(last, _)| last.desired);
        let desired = if before == seen.desired {
            before.to_string()
        } else {
            format!("{before} -> {}", seen.desired)
        };
        Some(self.row(seen, tone, &seen.targets, &desired, &reason))
    }

    /// Whether there has been no line for a while.
    pub(crate) fn is_silent(&self) -> bool {
        self.told.as_ref().is_some_and(|(_, at)| at.elapsed() >= HEARTBEAT)
    }

    /// A line without news. The metric is what Prometheus says now: a status at rest is not written again.
    pub(crate) fn heartbeat(&mut self, seen: &Seen, total: Option<f64>) -> Row {
        let average = total.map(|total| total / f64::from(seen.replicas.max(1)));
        let metric = format!("{}/{} (avg)", average.map_or("?".to_owned(), figure), seen.target);
        let reason = match &seen.hold {
            Some(hold) => hold.message.clone(),
            None => "nothing to change".to_owned(),
        };
        self.row(seen, Tone::Faint, &metric, &seen.desired.to_string(), &reason)
    }

    fn row(&mut self, seen: &Seen, tone: Tone, metric: &str, desired: &str, reason: &str) -> Row {
        self.told = Some((seen.clone(), Instant::now()));
        let cells = [
            &self.clock.now(),
            self.goal.name,
            metric,
            desired,
            &replicas(seen),
            &self.clock.translate(reason),
        ];
        Row {
            tone,
            text: line(cells),
        }
    }
}

/// What is different, the most telling first.
fn difference(told: &Seen, seen: &Seen) -> Option<(Tone, String)> {
    if reason(seen.trouble.as_ref()) != reason(told.trouble.as_ref()) {
        return Some(match &seen.trouble {
            Some(trouble) => (Tone::Trouble, trouble.message.clone()),
            None => (Tone::Plain, "works again".to_owned()),
        });
    }
    if seen.desired != told.desired || seen.decisions != told.decisions {
        let grows = seen.desired > told.desired;
        let tone = if grows { Tone::Growth } else { Tone::Shrinking };
        return Some((tone, short(seen.why().unwrap_or_default())));
    }
    let untold = seen.hold.as_ref().filter(|hold| !is_in_decision(seen, hold));
    match untold {
        Some(hold) if reason(untold) != reason(told.hold.as_ref()) => Some((Tone::Plain, hold.message.clone())),
        _ if (seen.replicas, seen.ready) != (told.replicas, told.ready) => {
            Some((Tone::Plain, format!("{} of {} ready", seen.ready, seen.replicas)))
        }
        _ => None,
    }
}

fn reason(condition: Option<&Condition>) -> Option<&str> {
    condition.map(|condition| condition.reason.as_str())
}

/// Whether the last decision was told with the same hold, but for its time.
fn is_in_decision(seen: &Seen, hold: &Condition) -> bool {
    let gist = hold.message.split(" until ").next().unwrap_or_default();
    let gist = gist.split(" before ").next().unwrap_or_default();
    seen.why().is_some_and(|why| why.contains(gist))
}

/// `metric fake-load: 22.4 per replica, target 20, asks for 3` without the numbers, which have a column of their own.
fn short(reason: &str) -> String {
    let metric = reason.strip_prefix("metric ").and_then(|rest| rest.split_once(": "));
    match metric.zip(reason.split_once(", asks for ")) {
        Some(((metric, _), (_, asked))) => format!("{metric} asks for {asked}"),
        None => reason.to_owned(),
    }
}

/// `4 ###.`
fn replicas(seen: &Seen) -> String {
    let times = |mark: &str, count: u32| mark.repeat(usize::try_from(count).unwrap_or(0));
    let ready = seen.ready.min(seen.replicas);
    let others = seen.replicas.max(seen.ready) - ready;
    format!("{} {}{}", seen.replicas, times("#", ready), times(".", others))
}

/// As the operator writes them: thousandths below one.
fn figure(value: f64) -> String {
    let (value, unit) = if value.abs() < 1.0 {
        (value * 1000.0, "m")
    } else {
        (value, "")
    };
    let digits = format!("{value:.3}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    if digits == "0" {
        "0".to_owned()
    } else {
        format!("{digits}{unit}")
    }
}

fn line([time, workload, metric, desired, replicas, reason]: [&str; 6]) -> String {
    let front =
        format!("{time:>TIME$}  {workload:WORKLOAD$}  {metric:METRIC$}  {desired:DESIRED$}  {replicas:REPLICAS$}");
    let indent = format!("\n{:width$}  ", "", width = front.chars().count());
    format!("{front}  {}", wrap(reason, REASON).join(&indent))
}

/// Breaks a text between words into lines of at most `width`; a number and its unit stay together.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = text.replace(" s ", "\u{a0}s ");
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = word.replace('\u{a0}', " ");
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            *last = word;
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
