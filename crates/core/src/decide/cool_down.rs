//! Step 6: rest after a change, with two clocks (R19). Growth rests after growth; shrinking rests after any change, a
//! manual one too.

use super::Pipeline;
use crate::decision::LimitCause;
use crate::{Direction, Limit, Replicas};

impl Pipeline<'_> {
    pub(super) fn cool_down(&mut self, wanted: Replicas) -> Replicas {
        let Some(direction) = self.direction_to(wanted) else {
            return wanted;
        };
        let (length, began) = match direction {
            Direction::Up => (self.policy.cooldown.up, self.history.changes.last_growth()),
            Direction::Down => (self.policy.cooldown.down, self.history.changes.last()),
        };
        let ends = began.and_then(|at| at.checked_add(length.duration()).ok());
        match ends.filter(|ends| self.now < *ends) {
            Some(ends) => self.limited(Limit {
                wanted,
                allowed: self.base,
                cause: LimitCause::Cooldown { direction, length },
                until: Some(ends),
            }),
            None => wanted,
        }
    }
}
