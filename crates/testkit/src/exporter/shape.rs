//! Answers: how large is it after so much time, and how much has come together by then? Pure.

use std::f64::consts::TAU;
use std::time::Duration;

/// A function of the time since it was set.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Always the same.
    Constant(f64),
    /// Starts in the middle and rises first.
    Sinusoid {
        /// The mean.
        middle: f64,
        /// How far it goes up and down from there.
        amplitude: f64,
        /// From one rise through the middle to the next.
        period: Duration,
    },
    /// One level after the other, each for so long; the last one stays.
    Steps(Vec<(Duration, f64)>),
}

impl Shape {
    /// The value after `elapsed`.
    pub fn at(&self, elapsed: Duration) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Sinusoid {
                middle,
                amplitude,
                period,
            } => middle + amplitude * (TAU * elapsed.as_secs_f64() / period.as_secs_f64()).sin(),
            Self::Steps(steps) => {
                let mut end = Duration::ZERO;
                let current = steps.iter().find(|(length, _)| {
                    end += *length;
                    elapsed < end
                });
                current.or(steps.last()).map_or(0.0, |(_, value)| *value)
            }
        }
    }

    /// The integral from zero to `elapsed`: what a counter with this rate has counted.
    pub fn integral(&self, elapsed: Duration) -> f64 {
        match self {
            Self::Constant(value) => value * elapsed.as_secs_f64(),
            Self::Sinusoid {
                middle,
                amplitude,
                period,
            } => {
                let (seconds, period) = (elapsed.as_secs_f64(), period.as_secs_f64());
                middle * seconds + amplitude * period / TAU * (1.0 - (TAU * seconds / period).cos())
            }
            Self::Steps(steps) => {
                let mut left = elapsed;
                let through = |(length, value): &(Duration, f64)| {
                    let spent = left.min(*length);
                    left -= spent;
                    value * spent.as_secs_f64()
                };
                let sum: f64 = steps.iter().map(through).sum();
                sum + steps.last().map_or(0.0, |(_, value)| value * left.as_secs_f64())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn shapes() -> [Shape; 3] {
        [
            Shape::Constant(7.5),
            Shape::Sinusoid {
                middle: 30.0,
                amplitude: 25.0,
                period: 8 * SECOND,
            },
            Shape::Steps(vec![(2 * SECOND, 10.0), (3 * SECOND, 0.0), (SECOND, 50.0)]),
        ]
    }

    fn close(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance
    }

    #[test]
    fn a_sinusoid_starts_in_the_middle_and_rises_first() {
        let [_, sinusoid, _] = shapes();
        let expected = [(0, 30.0), (2, 55.0), (4, 30.0), (6, 5.0), (8, 30.0)];
        assert!(
            expected
                .iter()
                .all(|(second, value)| close(sinusoid.at(*second * SECOND), *value, 1e-9))
        );
    }

    #[test]
    fn steps_change_at_their_ends_and_the_last_one_stays() {
        let [_, _, steps] = shapes();
        let values: Vec<f64> = [0, 1, 2, 4, 5, 6, 100].map(|second| steps.at(second * SECOND)).to_vec();
        assert_eq!(values, [10.0, 10.0, 0.0, 0.0, 50.0, 50.0, 50.0]);
        assert!(close(Shape::Steps(Vec::new()).at(SECOND), 0.0, 0.0));
    }

    /// Against a sum of thin slices.
    #[test]
    fn the_integral_is_the_sum_of_the_values() {
        let slice = Duration::from_millis(1);
        for shape in shapes() {
            let mut sum = 0.0;
            for number in 0..9_000_u32 {
                assert!(
                    close(shape.integral(number * slice), sum, 0.1),
                    "{shape:?} at {number} ms"
                );
                sum += shape.at(number * slice) * slice.as_secs_f64();
            }
        }
    }
}
