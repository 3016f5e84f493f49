//! Durations of PromQL: as long as Prometheus reads them, by an independent computation, or not planned at all.

use autoscaler_promql::QueryPlan;
use autoscaler_promql::plan::MAX_LOOK_BACK;
use jiff::SignedDuration;
use num_bigint::BigInt;

/// The units in the order in which they may follow each other, in milliseconds (`model.ParseDuration` of
/// prometheus/common).
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const DAY: i64 = 86_400_000;

/// Reads one text as a range and as an offset.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // Anything else is no duration but a part of the query around it.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    {
        return;
    }
    let expected = millis(text);
    // A number alone that begins with 0 is octal, where it can be (`strconv.ParseInt` of Go with base 0).
    if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    // Prometheus refuses a range of nothing.
    if expected == Some(BigInt::ZERO) {
        return;
    }
    if let Some(range) = planned(&format!("rate(m[{text}])"), |range, _| range) {
        // A number alone that begins with 0 is octal, where it can be (`strconv.ParseInt` of Go with base 0).
        if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        // Prometheus refuses a range of nothing, whatever is planned of it.
        let is_nothing = expected == Some(BigInt::ZERO);
        assert!(
            is_nothing || Some(&range) == expected.as_ref(),
            "as a range, {text:?} is {range} ms"
        );
    } else if let Some(expected) = &expected {
        let longest = BigInt::from(MAX_LOOK_BACK.as_millis());
        let may_be_refused = *expected > longest || has_a_long_number(text);
        assert!(may_be_refused, "{text:?} is not planned");
    }
    if let Some(offset) = planned(&format!("m offset {text}"), |_, offset| Some(offset)) {
        assert_eq!(Some(offset), expected, "as an offset, {text:?}");
    }
}

/// What the plan of a query says of its only selector.
fn planned(
    query: &str,
    part: impl FnOnce(Option<SignedDuration>, SignedDuration) -> Option<SignedDuration>,
) -> Option<BigInt> {
    let plan = QueryPlan::of(query).ok()?;
    let [leaf] = plan.leaves.as_slice() else {
        panic!("{query:?} has {} selectors", plan.leaves.len());
    };
    part(leaf.range, leaf.offset).map(|duration| BigInt::from(duration.as_millis()))
}

/// Its milliseconds. A number alone is seconds.
fn millis(text: &str) -> Option<BigInt> {
    if let Ok(seconds) = text.parse::<BigInt>() {
        return Some(seconds * 1_000);
    }
    let (mut rest, mut total, mut units) = (text, BigInt::ZERO, UNITS.iter());
    while !rest.is_empty() {
        let (digits, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (name, after) = behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        let (_, length) = units.find(|(unit, _)| *unit == name)?;
        total += digits.parse::<BigInt>().ok()? * length;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// Numbers beyond 32 bits may be refused.
fn has_a_long_number(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.any(|digits| !digits.is_empty() && digits.parse::<u32>().is_err())
}
