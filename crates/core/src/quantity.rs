//! Exact amounts: what Kubernetes calls a quantity, in whole nano-units.
//!
//! Grammar and rounding are those of `k8s.io/apimachinery/pkg/api/resource/quantity.go`: decimal numbers with an SI suffix
//! (`n u m k M G T P E`), a binary suffix (`Ki` to `Ei`) or a decimal exponent; digits below a nano-unit round away from
//! zero. Kubernetes caps some numbers at 2^63-1 and not others (`9Ei`, not `12E`); here all are exact up to 100E, which is
//! what leaves room to multiply by any count of replicas, and capped there. Floats appear in one place only, where Prometheus' answer
//! comes in ([`Quantity::from_f64`]).

use std::fmt;
use std::str::FromStr;

use crate::Replicas;

/// Nano-units in one unit.
const NANOS: i128 = 1_000_000_000;

/// An exact amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i128);

/// A text that is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a quantity: write a number such as 100, 0.5, 60m, 1e3 or 2Gi")]
pub struct ParseQuantityError(String);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 100E.
    pub const MAX: Self = Self(100_000_000_000_000_000_000 * NANOS);
    /// The smallest.
    pub const MIN: Self = Self(-Self::MAX.0);

    /// So many whole units.
    pub const fn from_units(units: i64) -> Self {
        Self::capped(units as i128 * NANOS)
    }

    /// So many thousandths.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis as i128 * (NANOS / 1_000))
    }

    /// So many nano-units, capped at [`Quantity::MAX`].
    pub const fn from_nanos(nanos: i128) -> Self {
        Self::capped(nanos)
    }

    /// The amount in nano-units.
    pub const fn nanos(self) -> i128 {
        self.0
    }

    /// The value of a sample, or `None` for NaN and the infinities.
    ///
    /// Rounded to twelve significant decimal digits: a float carries fifteen, and summing series uses up some. Without
    /// it `0.1 + 0.2` against a target of `0.1` would ask for four replicas where three are meant.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let (negative, magnitude) = (value.is_sign_negative(), value.abs());
        let rounded = format!("{magnitude:.11e}");
        let amount = parse_unsigned(&rounded).unwrap_or(Self::MAX.0);
        Some(Self::capped(if negative { -amount } else { amount }))
    }

    /// The nearest float, for gauges and charts only.
    #[expect(clippy::cast_precision_loss, reason = "for display: decisions never read it back")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }

    /// No load below none: negative amounts count as zero (R6).
    #[must_use]
    pub fn or_zero_if_negative(self) -> Self {
        self.max(Self::ZERO)
    }

    /// A total per replica, rounded up to a nano-unit; no replicas count as one.
    #[must_use]
    pub fn shared_by(self, replicas: Replicas) -> Self {
        let count = replicas.as_i128().max(1);
        Self::from_nanos((self.0 + count - 1).div_euclid(count))
    }

    const fn capped(nanos: i128) -> Self {
        if nanos > Self::MAX.0 {
            Self::MAX
        } else if nanos < Self::MIN.0 {
            Self::MIN
        } else {
            Self(nanos)
        }
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let amount = parse_unsigned(unsigned).ok_or_else(|| ParseQuantityError(text.to_owned()))?;
        Ok(Self::capped(if negative { -amount } else { amount }))
    }
}

/// Nano-units of a number without a sign, rounded up, capped.
fn parse_unsigned(text: &str) -> Option<i128> {
    let suffix_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(suffix_at);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let scale = Scale::parse(suffix)?;
    Some(scale.apply(whole, fraction))
}

/// What a suffix multiplies by.
enum Scale {
    /// A power of ten.
    Decimal(i32),
    /// A power of two.
    Binary(u32),
}

impl Scale {
    fn parse(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "n" => Self::Decimal(-9),
            "u" => Self::Decimal(-6),
            "m" => Self::Decimal(-3),
            "" => Self::Decimal(0),
            "k" => Self::Decimal(3),
            "M" => Self::Decimal(6),
            "G" => Self::Decimal(9),
            "T" => Self::Decimal(12),
            "P" => Self::Decimal(15),
            "E" => Self::Decimal(18),
            "Ki" => Self::Binary(10),
            "Mi" => Self::Binary(20),
            "Gi" => Self::Binary(30),
            "Ti" => Self::Binary(40),
            "Pi" => Self::Binary(50),
            "Ei" => Self::Binary(60),
            _ => Self::Decimal(exponent(suffix)?),
        })
    }

    fn apply(&self, whole: &str, fraction: &str) -> i128 {
        match *self {
            Self::Decimal(power) => decimal_nanos(whole, fraction, power),
            Self::Binary(bits) => binary_nanos(whole, fraction, bits),
        }
        .min(Quantity::MAX.0)
    }
}

/// `e3`, `E-2`, `e+5`.
fn exponent(suffix: &str) -> Option<i32> {
    let text = suffix.strip_prefix(['e', 'E'])?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Kubernetes keeps it in an int32, and refuses what does not fit.
    let magnitude = unsigned.parse::<i32>().ok()?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn all_zero(digits: &str) -> bool {
    digits.bytes().all(|b| b == b'0')
}

/// Nano-units of `whole.fraction * 10^power`, rounded up.
fn decimal_nanos(whole: &str, fraction: &str, power: i32) -> i128 {
    if all_zero(whole) && all_zero(fraction) {
        return 0;
    }
    let all = [whole, fraction].concat();
    let significant = all.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    let dropped = i64::try_from(significant.len() - trimmed.len()).unwrap_or(i64::MAX);
    let decimals = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    // The value is `trimmed * 10^shift` nano-units.
    let shift = i64::from(power) + 9 - decimals + dropped;
    let length = i64::try_from(trimmed.len()).unwrap_or(i64::MAX);
    // The cap has 30 digits.
    if length + shift > 30 {
        return Quantity::MAX.0;
    }
    if length + shift < 1 {
        return 1;
    }
    if let Ok(zeros) = usize::try_from(shift) {
        // At most 30 digits, so the number fits.
        let digits = format!("{trimmed}{}", "0".repeat(zeros));
        return digits.parse().unwrap_or(Quantity::MAX.0);
    }
    // Digits below a nano-unit remain: cut them and round up.
    let keep = usize::try_from(length + shift).unwrap_or(0);
    trimmed[..keep].parse::<i128>().unwrap_or(Quantity::MAX.0) + 1
}

/// Nano-units of `whole.fraction * 2^bits`, rounded up.
fn binary_nanos(whole: &str, fraction: &str, bits: u32) -> i128 {
    let scale = NANOS << bits;
    let units = match whole.trim_start_matches('0') {
        "" => 0,
        digits => digits.parse::<i128>().unwrap_or(i128::MAX),
    };
    // The fraction times the scale, digit by digit from the right as on paper, so that no length is too long for it.
    let (carry, rest) = fraction.bytes().rev().fold((0, false), |(carry, rest), digit| {
        let product = i128::from(digit - b'0') * scale + carry;
        (product / 10, rest || product % 10 != 0)
    });
    units.saturating_mul(scale).saturating_add(carry + i128::from(rest))
}

/// What amounts are shown in, the largest first, with its nano-units.
const SHOWN: [(&str, u128); 9] = [
    ("E", 10_u128.pow(27)),
    ("P", 10_u128.pow(24)),
    ("T", 10_u128.pow(21)),
    ("G", 10_u128.pow(18)),
    ("M", 10_u128.pow(15)),
    ("", 10_u128.pow(9)),
    ("m", 1_000_000),
    ("u", 1_000),
    ("n", 1),
];

impl fmt::Display for Quantity {
    /// For people: at most three decimals; `M`, `G` and so on from a million on; `m`, `u` and `n` below one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let Some((suffix, unit)) = SHOWN.iter().find(|(_, unit)| *unit <= magnitude) else {
            return formatter.write_str("0");
        };
        let thousandths = (magnitude * 1_000 + unit / 2) / unit;
        let (whole, fraction) = (thousandths / 1_000, thousandths % 1_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(formatter, "{sign}{whole}{suffix}");
        }
        let fraction = format!("{fraction:03}");
        write!(formatter, "{sign}{whole}.{}{suffix}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests;
