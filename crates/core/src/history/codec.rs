//! The stored form: words separated by blanks, times in milliseconds since 1970.
//!
//! ```text
//! 1                      version
//! acting                 the last decision was one to be carried out
//! d3@1795348773500+      shrink window: recommendation 3 from that time on (the open run)
//! d3-5@1795348770000+600 shrink window: 3 to 5, for 600 ms
//! u4@1795348773500+      growth window, likewise
//! c2>3@1795348773500o    a change of ours (o), somebody else's (f), or the start of acting (a)
//! x@1795348773500        changes up to then are not kept: they did not fit, or their times were not to be trusted
//! n@1795348773500        no metric readable since
//! h@1795348773500        memory incomplete since
//! b@1795348773500=rate   metric `rate` not Fresh since
//! g@1795348773500=rate   metric `rate` absent since
//! s@1795348773500=rate   metric `rate` may be absent since: nobody looked
//! l@1795348773500=rate   metric `rate` locks shrinking until
//! m@1795348773500=rate   likewise, after a gap that is not proven
//! ```

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Change, ChangeCause, Changes, Gap, History, Run, Runs};
use crate::Replicas;

const VERSION: &str = "1";

/// A stored text that this version cannot read: it is treated as lost, never guessed at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the stored history at {word:?}")]
pub struct DecodeHistoryError {
    /// The first word that made no sense.
    pub word: String,
}

impl History {
    /// The text for `status.history`. `last_replicas` has a field of its own in status.
    pub fn encode(&self) -> String {
        let mut text = String::from(VERSION);
        if self.acting {
            text.push_str(" acting");
        }
        encode_runs(&mut text, 'd', self.shrink.as_slice());
        encode_runs(&mut text, 'u', self.growth.as_slice());
        for change in self.changes.as_slice() {
            let cause = match change.cause {
                ChangeCause::Ours => 'o',
                ChangeCause::Foreign => 'f',
                ChangeCause::Activation => 'a',
            };
            word(
                &mut text,
                format_args!("c{}>{}@{}{cause}", change.from, change.to, change.at.as_millisecond()),
            );
        }
        let marks = [
            ('x', self.changes.forgotten()),
            ('n', self.unread_since),
            ('h', self.uncertain_since),
        ];
        for (mark, at) in marks.into_iter().filter_map(|(mark, at)| Some((mark, at?))) {
            word(&mut text, format_args!("{mark}@{}", at.as_millisecond()));
        }
        for (metric, at) in &self.not_fresh_since {
            word(&mut text, format_args!("b@{}={metric}", at.as_millisecond()));
        }
        for (metric, gap) in &self.gaps {
            let (mark, at) = match gap {
                Gap::Since(at) => ('g', at),
                Gap::Suspected(at) => ('s', at),
                Gap::LocksUntil {
                    until,
                    suspected: false,
                } => ('l', until),
                Gap::LocksUntil { until, suspected: true } => ('m', until),
            };
            word(&mut text, format_args!("{mark}@{}={metric}", at.as_millisecond()));
        }
        text
    }

    /// Reads a stored text back. Open runs last until they began; [`History::resume`] extends them to now.
    pub fn decode(text: &str) -> Result<Self, DecodeHistoryError> {
        let mut words = text.split_ascii_whitespace();
        let refuse = |word: &str| DecodeHistoryError {
            word: word.chars().take(64).collect(),
        };
        match words.next() {
            Some(VERSION) => {}
            other => return Err(refuse(other.unwrap_or_default())),
        }
        let mut parts = Parts::default();
        for word in words {
            parts.take(word).ok_or_else(|| refuse(word))?;
        }
        Ok(parts.finish())
    }
}

fn encode_runs(text: &mut String, mark: char, runs: &[Run]) {
    for (index, run) in runs.iter().enumerate() {
        let first = run.first.as_millisecond();
        let range = if run.min == run.max {
            run.min.to_string()
        } else {
            format!("{}-{}", run.min, run.max)
        };
        if index + 1 == runs.len() {
            word(text, format_args!("{mark}{range}@{first}+"));
        } else {
            word(
                text,
                format_args!("{mark}{range}@{first}+{}", run.last.as_millisecond() - first),
            );
        }
    }
}

fn word(text: &mut String, written: std::fmt::Arguments<'_>) {
    text.push(' ');
    text.write_fmt(written).expect("writing to a String cannot fail");
}

/// The words read so far.
#[derive(Default)]
struct Parts {
    history: History,
    shrink: Vec<Run>,
    growth: Vec<Run>,
    changes: Vec<Change>,
    forgotten: Option<Timestamp>,
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        if word == "acting" {
            self.history.acting = true;
            return Some(());
        }
        let mark = word.chars().next()?;
        let (body, rest) = word[mark.len_utf8()..].split_once('@')?;
        match mark {
            'd' => self.shrink.push(run(body, rest)?),
            'u' => self.growth.push(run(body, rest)?),
            'c' => self.changes.push(change(body, rest)?),
            'x' => self.forgotten = Some(time(rest)?),
            'n' => self.history.unread_since = Some(time(rest)?),
            'h' => self.history.uncertain_since = Some(time(rest)?),
            'b' => {
                let (at, metric) = of_metric(rest)?;
                self.history.not_fresh_since.insert(metric, at);
            }
            'g' => self.gap(rest, Gap::Since)?,
            's' => self.gap(rest, Gap::Suspected)?,
            'l' => self.gap(rest, |until| locks(until, false))?,
            'm' => self.gap(rest, |until| locks(until, true))?,
            _ => return None,
        }
        Some(())
    }

    fn gap(&mut self, rest: &str, gap: impl Fn(Timestamp) -> Gap) -> Option<()> {
        let (at, metric) = of_metric(rest)?;
        self.history.gaps.insert(metric, gap(at));
        Some(())
    }

    fn finish(self) -> History {
        let mut history = self.history;
        history.shrink = Runs::from_vec(self.shrink);
        history.growth = Runs::from_vec(self.growth);
        history.changes = Changes::from_parts(self.changes, self.forgotten);
        history
    }
}

const fn locks(until: Timestamp, suspected: bool) -> Gap {
    Gap::LocksUntil { until, suspected }
}

/// A time, and the metric it is about.
fn of_metric(rest: &str) -> Option<(Timestamp, String)> {
    let (at, metric) = rest.split_once('=')?;
    Some((time(at)?, metric.to_owned()))
}

fn run(range: &str, times: &str) -> Option<Run> {
    let (min, max) = range.split_once('-').unwrap_or((range, range));
    let (first, span) = times.split_once('+')?;
    let first = time(first)?;
    let last = if span.is_empty() {
        first
    } else {
        time_of(first.as_millisecond().checked_add(span.parse().ok()?)?)?
    };
    Some(Run {
        min: count(min)?,
        max: count(max)?,
        first,
        last,
    })
}

fn change(counts: &str, rest: &str) -> Option<Change> {
    let (from, to) = counts.split_once('>')?;
    let cause = match rest.as_bytes().last()? {
        b'o' => ChangeCause::Ours,
        b'f' => ChangeCause::Foreign,
        b'a' => ChangeCause::Activation,
        _ => return None,
    };
    Some(Change {
        from: count(from)?,
        to: count(to)?,
        at: time(&rest[..rest.len() - 1])?,
        cause,
    })
}

fn count(text: &str) -> Option<Replicas> {
    text.parse::<i32>().ok().filter(|count| *count >= 0).map(Replicas::from)
}

fn time(text: &str) -> Option<Timestamp> {
    time_of(text.parse().ok()?)
}

fn time_of(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}
