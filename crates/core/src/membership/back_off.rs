//! After an abort the next attempt waits, longer each time: a drain's own reconnects move the metric that asked for it
//! (M6).

use jiff::{SignedDuration, Timestamp};

/// The pause after the first abort.
const FIRST: SignedDuration = SignedDuration::from_mins(5);
/// The longest pause.
const LONGEST: SignedDuration = SignedDuration::from_hours(2);
/// So many aborts in a row are enough: a person has to look.
const ENOUGH: u32 = 3;

/// The aborts since the last operation that came to its end, or since a person changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Aborts {
    /// How many in a row.
    pub count: u32,
    /// When the last of them ended.
    pub last: Option<Timestamp>,
}

/// Whether another operation may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// At once.
    Now,
    /// Not before.
    After(Timestamp),
    /// Not until the spec or an annotation changes.
    Held,
}

impl Aborts {
    /// One more.
    #[must_use]
    pub fn and_another(self, now: Timestamp) -> Self {
        Self {
            count: self.count.saturating_add(1),
            last: Some(now),
        }
    }

    /// When the next operation may begin.
    pub fn retry(self, now: Timestamp) -> Retry {
        let Some(last) = self.last else { return Retry::Now };
        if self.count >= ENOUGH {
            return Retry::Held;
        }
        let doublings = self.count.saturating_sub(1).min(8);
        let pause = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        let after = last.saturating_add(pause).unwrap_or(Timestamp::MAX);
        if now >= after { Retry::Now } else { Retry::After(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn m6_each_abort_waits_twice_as_long_as_the_one_before() {
        let none = Aborts::default();
        assert_eq!(none.retry(at(0)), Retry::Now);
        let one = none.and_another(at(0));
        assert_eq!(one.retry(at(4)), Retry::After(at(5)));
        assert_eq!(one.retry(at(5)), Retry::Now);
        let two = one.and_another(at(5));
        assert_eq!(two.retry(at(14)), Retry::After(at(15)));
        assert_eq!(two.retry(at(15)), Retry::Now);
    }

    #[test]
    fn m6_after_three_aborts_a_person_has_to_look() {
        let three = Aborts::default()
            .and_another(at(0))
            .and_another(at(5))
            .and_another(at(15));
        assert_eq!(three.retry(at(10_000)), Retry::Held);
        assert_eq!(Aborts::default().retry(at(10_000)), Retry::Now);
    }
}
