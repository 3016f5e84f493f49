//! Counts of replicas and whole seconds, as types that cannot be negative.

use std::fmt;

use jiff::SignedDuration;

/// A number of replicas, 0 to 2147483647 (the API type is an `int32`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Replicas(u32);

impl Replicas {
    /// No replicas: on a target it means that a person paused the workload.
    pub const ZERO: Self = Self(0);
    /// The largest count that fits the API type.
    pub const MAX: Self = Self(i32::MAX.unsigned_abs());

    /// A count, saturating at [`Replicas::MAX`].
    pub const fn new(count: u32) -> Self {
        if count > Self::MAX.0 { Self::MAX } else { Self(count) }
    }

    /// A count from arithmetic that may leave the range: negative becomes 0, too large becomes [`Replicas::MAX`].
    pub fn saturating(count: i128) -> Self {
        u32::try_from(count.clamp(0, i128::from(Self::MAX.0))).map_or(Self::MAX, Self)
    }

    /// The count as the API writes it.
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// The count for arithmetic.
    pub fn as_i128(self) -> i128 {
        i128::from(self.0)
    }

    /// The count.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<i32> for Replicas {
    /// Negative counts, which the API server refuses, become 0.
    fn from(count: i32) -> Self {
        Self::saturating(i128::from(count))
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// A length of time in whole seconds, as every duration of the API is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(u32);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The number of seconds.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The same length as a duration.
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.0))
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_saturate_and_never_wrap() {
        assert_eq!(Replicas::saturating(-1), Replicas::ZERO);
        assert_eq!(Replicas::saturating(i128::MAX), Replicas::MAX);
        assert_eq!(Replicas::new(u32::MAX), Replicas::MAX);
        assert_eq!(Replicas::from(i32::MIN), Replicas::ZERO);
        assert_eq!(Replicas::MAX.as_i32(), i32::MAX);
    }

    #[test]
    fn seconds_are_told_as_they_were_given() {
        let seconds = Seconds::new(300);
        assert_eq!((seconds.get(), seconds.to_string().as_str()), (300, "300 s"));
        assert_eq!(seconds.duration(), SignedDuration::from_mins(5));
    }
}
