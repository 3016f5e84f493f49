//! Load relative to the target, compared and multiplied without rounding.
//!
//! The HPA does this in binary64, where 14 % of 50 replicas is 7.000000000000001 and becomes 8. Here a ratio stays a
//! pair of integers until the one rounding that is meant: up, to whole replicas.

use std::cmp::Ordering;
use std::fmt;

use crate::{Quantity, Replicas};

/// `load / goal`; the goal is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    load: u128,
    goal: u128,
}

impl Ratio {
    /// The ratio of a load to a goal. Negative loads count as zero (R6); a goal of zero or less counts as one nano-unit,
    /// which no validated policy contains.
    pub fn new(load: Quantity, goal: Quantity) -> Self {
        Self {
            load: load.or_zero_if_negative().nanos().unsigned_abs(),
            goal: goal.nanos().max(1).unsigned_abs(),
        }
    }

    /// The same load against `count` times the goal.
    #[must_use]
    pub fn per(self, count: Replicas) -> Self {
        Self {
            load: self.load,
            goal: self.goal.saturating_mul(u128::from(count.get().max(1))),
        }
    }

    /// Compared with exactly one.
    pub fn cmp_one(self) -> Ordering {
        self.load.cmp(&self.goal)
    }

    /// Whether it lies in `[1 - down, 1 + up]`, both ends included
    /// (`pkg/controller/podautoscaler/replica_calculator.go`, `Tolerances.isWithin`).
    pub fn is_within(self, down: Quantity, up: Quantity) -> bool {
        let one = Quantity::from_units(1).nanos();
        let low = (one - down.nanos()).max(0).unsigned_abs();
        let high = (one + up.nanos()).max(0).unsigned_abs();
        let one = one.unsigned_abs();
        cmp_products((self.load, one), (self.goal, low)).is_ge()
            && cmp_products((self.load, one), (self.goal, high)).is_le()
    }

    /// `ceil(ratio * count)`, saturating.
    pub fn times_ceil(self, count: Replicas) -> Replicas {
        // load <= 10^29 < 2^97 and count < 2^31: the product fits.
        let product = self.load.saturating_mul(u128::from(count.get()));
        let replicas = product.div_ceil(self.goal.max(1));
        Replicas::saturating(i128::try_from(replicas).unwrap_or(i128::MAX))
    }

    /// For display.
    #[expect(clippy::cast_precision_loss, reason = "for display: decisions never read it back")]
    pub fn as_f64(self) -> f64 {
        self.load as f64 / self.goal as f64
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.2}", self.as_f64())
    }
}

/// Compares `a.0 * a.1` with `b.0 * b.1` without overflow.
fn cmp_products(a: (u128, u128), b: (u128, u128)) -> Ordering {
    wide_product(a.0, a.1).cmp(&wide_product(b.0, b.1))
}

/// The 256-bit product as (high, low).
fn wide_product(a: u128, b: u128) -> (u128, u128) {
    const HALF: u32 = 64;
    const MASK: u128 = (1 << HALF) - 1;
    let (a_high, a_low) = (a >> HALF, a & MASK);
    let (b_high, b_low) = (b >> HALF, b & MASK);
    let low = a_low * b_low;
    let (middle_one, middle_two) = (a_high * b_low, a_low * b_high);
    let carry = (low >> HALF) + (middle_one & MASK) + (middle_two & MASK);
    let high = a_high * b_high + (middle_one >> HALF) + (middle_two >> HALF) + (carry >> HALF);
    (high, (carry << HALF) | (low & MASK))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(load: i64, goal: i64) -> Ratio {
        Ratio::new(Quantity::from_millis(load), Quantity::from_millis(goal))
    }

    #[test]
    fn both_ends_of_the_tolerance_are_within() {
        let tenth = Quantity::from_millis(100);
        assert!(ratio(900, 1_000).is_within(tenth, tenth));
        assert!(ratio(1_100, 1_000).is_within(tenth, tenth));
        assert!(!ratio(899, 1_000).is_within(tenth, tenth));
        assert!(!ratio(1_101, 1_000).is_within(tenth, tenth));
    }

    #[test]
    fn a_tolerance_of_one_or_more_never_shrinks() {
        assert!(ratio(0, 1_000).is_within(Quantity::from_units(1), Quantity::ZERO));
        assert!(ratio(0, 1_000).is_within(Quantity::from_units(7), Quantity::ZERO));
    }

    #[test]
    fn what_is_exactly_seven_stays_seven() {
        // K5 of the conformance table: binary64 gives 8 here.
        assert_eq!(ratio(7, 50).times_ceil(Replicas::new(50)), Replicas::new(7));
        assert_eq!(ratio(44, 80).times_ceil(Replicas::new(100)), Replicas::new(55));
    }

    #[test]
    fn r6_negative_load_is_none_and_overflow_saturates() {
        assert_eq!(ratio(-5, 1).times_ceil(Replicas::new(5)), Replicas::ZERO);
        let huge = Ratio::new(Quantity::MAX, Quantity::from_nanos(1));
        assert_eq!(huge.times_ceil(Replicas::MAX), Replicas::MAX);
        assert!(!huge.is_within(Quantity::MAX, Quantity::from_units(1)));
    }

    #[test]
    fn a_ratio_is_shown_with_two_decimals() {
        assert_eq!(ratio(1_730, 1_000).to_string(), "1.73");
        assert_eq!(ratio(1, 3).to_string(), "0.33");
        assert!((ratio(7, 2).as_f64() - 3.5).abs() < 1e-12);
    }

    #[test]
    fn the_widest_product_is_exact() {
        // (2^128 - 1)^2 = 2^256 - 2^129 + 1
        assert_eq!(wide_product(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
        assert_eq!(wide_product(1 << 127, 6), (3, 0));
    }

    proptest! {
        #[test]
        fn wide_products_agree_with_narrow_ones(a in 0_u128..1 << 63, b in 0_u128..1 << 63) {
            prop_assert_eq!(wide_product(a, b), (0, a * b));
        }

        #[test]
        fn wide_products_are_monotone(a in any::<u128>(), b in 1..u128::MAX) {
            prop_assert!(wide_product(a, b) >= wide_product(a, b - 1));
            prop_assert_eq!(wide_product(a, b), wide_product(b, a));
        }
    }
}
