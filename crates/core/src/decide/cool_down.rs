//! Rest after a change, with two clocks (R19). Growth rests after growth; shrinking rests after any change, a
//! manual one too.

use jiff::Timestamp;

use super::Pipeline;
use crate::decision::LimitCause;
use crate::{Direction, Limit, Replicas, Seconds};

impl Pipeline<'_> {
    pub(super) fn cool_down(&mut self, wanted: Replicas) -> Replicas {
        let Some(direction) = self.direction_to(wanted) else {
            return wanted;
        };
        let length = self.cooldown(direction);
        match self.rests_until(direction) {
            Some(ends) => self.limited(Limit {
                wanted,
                allowed: self.base,
                cause: LimitCause::Cooldown { direction, length },
                until: Some(ends),
            }),
            None => wanted,
        }
    }

    /// The end of the cooldown of one direction, if it is not over.
    pub(super) fn rests_until(&self, direction: Direction) -> Option<Timestamp> {
        let began = match direction {
            Direction::Up => self.history.changes.last_growth(),
            Direction::Down => self.history.changes.last(),
        };
        let ends = began?.checked_add(self.cooldown(direction).duration()).ok()?;
        (self.now < ends).then_some(ends)
    }

    const fn cooldown(&self, direction: Direction) -> Seconds {
        match direction {
            Direction::Up => self.policy.cooldown.up,
            Direction::Down => self.policy.cooldown.down,
        }
    }
}
