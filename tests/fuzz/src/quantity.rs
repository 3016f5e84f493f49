//! Quantities: exact by an independent computation with integers of any size, and floats close and in order.

use autoscaler_core::Quantity;
use num_bigint::BigInt;

/// Checks one text; the first eight bytes also serve as a float.
pub fn run(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let parsed = text.parse::<Quantity>().ok().map(Quantity::nanos);
        assert_eq!(parsed, exact_nanos(text), "{text:?}");
    }
    if let Some(bits) = input.first_chunk::<8>() {
        check_float(f64::from_le_bytes(*bits));
    }
}

fn check_float(value: f64) {
    let Some(quantity) = Quantity::from_f64(value) else {
        assert!(!value.is_finite(), "{value} was refused");
        return;
    };
    assert!(value.is_finite(), "{value} became {quantity}");
    assert_eq!(
        Quantity::from_f64(-value),
        Some(Quantity::from_nanos(-quantity.nanos()))
    );
    let above = Quantity::from_f64(value.next_up());
    assert!(
        above.is_none_or(|above| above >= quantity),
        "{value} is above its successor"
    );
    let largest = Quantity::MAX.as_f64();
    let allowed = value.abs() * 1e-11 + 1e-9;
    let clamped = value.clamp(-largest, largest);
    assert!(
        (quantity.as_f64() - clamped).abs() <= allowed,
        "{value} became {quantity}"
    );
}

/// The same by the grammar of `resource/quantity.go`, written for clearness and for nothing else. The cap is ours.
fn exact_nanos(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || digits.contains('.') {
        return None;
    }
    let (base, power) = scale(suffix)?;
    let digits: BigInt = digits.parse().expect("decimal digits are a number");
    let decimals = i64::try_from(fraction.len()).expect("an input is no longer than memory");
    // Beyond any number that an input can hold the power only says on which side of the cap it lies.
    let power = power.clamp(-100_000, 100_000);
    let ten_power = if base == 10 { power + 9 - decimals } else { 9 - decimals };
    let two_power = if base == 2 { power } else { 0 };
    let scaled = digits * BigInt::from(2).pow(size(two_power));
    let nanos = if ten_power >= 0 {
        scaled * BigInt::from(10).pow(size(ten_power))
    } else {
        let divisor = BigInt::from(10).pow(size(-ten_power));
        (scaled + &divisor - 1) / divisor
    };
    let capped = nanos.min(BigInt::from(Quantity::MAX.nanos()));
    let magnitude = i128::try_from(capped).expect("the cap fits");
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Base and power of a suffix.
fn scale(suffix: &str) -> Option<(u32, i64)> {
    const SI: [(&str, i64); 10] = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("", 0),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    const BINARY: [(&str, i64); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    let known = |table: &[(&str, i64)]| table.iter().find(|(name, _)| *name == suffix).map(|(_, power)| *power);
    if let Some(power) = known(&SI) {
        return Some((10, power));
    }
    if let Some(power) = known(&BINARY) {
        return Some((2, power));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = i64::from(unsigned.parse::<i32>().ok()?);
    Some((
        10,
        if exponent.starts_with('-') {
            -magnitude
        } else {
            magnitude
        },
    ))
}

fn size(power: i64) -> u32 {
    u32::try_from(power).expect("powers are clamped above")
}
