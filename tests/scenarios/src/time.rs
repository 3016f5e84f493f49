//! Virtual time: a length of time since zero, written as Prometheus writes durations.

use jiff::{SignedDuration, Timestamp};

/// Zero of virtual time, in milliseconds since 1970: the beginning of 2026. A midnight, because Prometheus aligns the
/// steps of subqueries with the clock.
const ZERO: i64 = 1_767_225_600_000;

/// No time in a scenario lies beyond this, so that no arithmetic on times overflows.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The units of a duration, largest first.
const UNITS: [(&str, i64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The point in time so long after zero.
pub fn timestamp(since_zero: SignedDuration) -> Timestamp {
    let milliseconds = i64::try_from(since_zero.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds.saturating_add(ZERO)).unwrap_or(Timestamp::MAX)
}

/// How long after zero a point in time lies.
pub fn since_zero(at: Timestamp) -> SignedDuration {
    at.duration_since(timestamp(SignedDuration::ZERO))
}

/// Reads `0s`, `90s`, `1m30s`, `1h`, `500ms`: units from large to small, each at most once.
pub fn parse(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut milliseconds: i64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        let amount = number.parse::<i64>().ok()?.checked_mul(*size)?;
        milliseconds = milliseconds.checked_add(amount)?;
        rest = tail;
    }
    let duration = SignedDuration::from_millis(milliseconds);
    (!text.is_empty() && duration <= LONGEST).then_some(duration)
}

/// The duration as it is written in a scenario.
pub fn text(duration: SignedDuration) -> String {
    let mut left = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let sign = if left < 0 { "-" } else { "" };
    left = left.saturating_abs();
    let mut parts = vec![sign.to_owned()];
    for (unit, size) in UNITS {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_prometheus_does() {
        for (written, seconds) in [("0s", 0), ("90s", 90), ("1m30s", 90), ("1h", 3600), ("1h0m1s", 3601)] {
            assert_eq!(parse(written), Some(SignedDuration::from_secs(seconds)), "{written}");
        }
        assert_eq!(parse("500ms"), Some(SignedDuration::from_millis(500)));
        let shown = |seconds| text(SignedDuration::from_secs(seconds));
        assert_eq!(
            [shown(0), shown(90), shown(3600), shown(-20)],
            ["0s", "1m30s", "1h", "-20s"]
        );
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5s5m",
            "5s5s",
            "1.5s",
            "5d",
            "9999h",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
