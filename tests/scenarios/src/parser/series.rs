//! Series in promtool's notation (`promql/parser/generated_parser.y`, `series_values`), one sample every step from zero on.

use jiff::SignedDuration;

use super::line::{Line, whole};
use super::{Found, ParseError, Statement, promql};
use crate::series::{Point, Series};
use crate::time;

/// A series of a scenario is never longer: a slip in a number must not fill the memory.
const MOST_POINTS: usize = 100_000;

const ITEM: &str = "a value such as 5, 5x3, 0+10x3, _, _x3 or stale";

/// The series of a `load`.
pub(super) fn load(statement: Statement<'_>) -> Result<Vec<Series>, ParseError> {
    let Statement {
        verb: _,
        mut words,
        block,
    } = statement;
    let line = words.line;
    let step = words.read("the time between two samples, above zero", |word| {
        time::parse(word).filter(|step| !step.is_zero())
    })?;
    words.end()?;
    if block.is_empty() {
        return Err(ParseError::new(line, "a series on an indented line", Found::EndOfLine));
    }
    let mut all: Vec<Series> = Vec::with_capacity(block.len());
    for line in &block {
        let read = series(line, step)?;
        if all.iter().any(|other| other.labels == read.labels) {
            return Err(line.words().refuse("a series that is not there yet"));
        }
        all.push(read);
    }
    Ok(all)
}

fn series(line: &Line<'_>, step: SignedDuration) -> Result<Series, ParseError> {
    let mut words = line.words();
    let labels = words.read("a series such as load or load{pod=\"web-0\"}", promql::series)?;
    let mut items: Vec<Option<Point>> = Vec::new();
    loop {
        let word = words.next(ITEM)?;
        let refuse = |expected: &str| ParseError::new(line.number, expected, Found::Text(word.to_owned()));
        let item = Item::of(word).ok_or_else(|| refuse(ITEM))?;
        if item.count() > MOST_POINTS - items.len() {
            return Err(refuse(&format!("at most {MOST_POINTS} samples in a series")));
        }
        items.extend(item.points());
        if words.peek().is_none() {
            break;
        }
    }
    let times = (0..).map(|number: i32| step.saturating_mul(number));
    let points: Vec<_> = times
        .zip(items)
        .filter_map(|(time, point)| Some((time, point?)))
        .collect();
    match points.last() {
        Some((last, _)) if *last > time::LONGEST => {
            let expected = format!("a series that ends within {}", time::text(time::LONGEST));
            Err(ParseError::new(line.number, expected, Found::Text(time::text(*last))))
        }
        _ => Ok(Series { labels, points }),
    }
}

/// One item of the notation.
enum Item {
    Gap { count: u32 },
    Stale,
    Values { first: f64, step: f64, more: u32 },
}

impl Item {
    fn of(word: &str) -> Option<Self> {
        if word == "stale" {
            return Some(Self::Stale);
        }
        let (values, count) = match word.rsplit_once('x') {
            Some((values, count)) => (values, Some(whole(count)?)),
            None => (word, None),
        };
        if values == "_" {
            return Some(Self::Gap {
                count: count.unwrap_or(1),
            });
        }
        let (first, step) = match (sign_within(values), count) {
            (Some(sign), Some(_)) => {
                let (first, step) = values.split_at(sign);
                (number(first)?, number(step).filter(|step| step.is_finite())?)
            }
            (Some(_), None) => return None,
            (None, _) => (number(values)?, 0.0),
        };
        let more = count.unwrap_or(0);
        Some(Self::Values { first, step, more })
    }

    fn count(&self) -> usize {
        let count = match self {
            Self::Gap { count } => *count,
            Self::Stale => 1,
            Self::Values { more, .. } => more.saturating_add(1),
        };
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// One more than the count behind the `x`, for values; exactly as many gaps.
    fn points(&self) -> Vec<Option<Point>> {
        match self {
            Self::Gap { .. } => vec![None; self.count()],
            Self::Stale => vec![Some(Point::Stale)],
            Self::Values { first, step, more } => (0..=*more)
                .map(|number| Some(Point::Value(first + step * f64::from(number))))
                .collect(),
        }
    }
}

/// Where the step of `3-1x2` begins: at a sign that neither begins the number nor its exponent.
fn sign_within(values: &str) -> Option<usize> {
    let bytes = values.as_bytes();
    (1..bytes.len()).find(|at| matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E'))
}

fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => return Some(f64::NAN),
        "Inf" | "+Inf" => return Some(f64::INFINITY),
        "-Inf" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let number: f64 = text.parse().ok().filter(|_| text.bytes().all(plain))?;
    number.is_finite().then_some(number)
}
