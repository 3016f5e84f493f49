//! Step 4: stabilization windows, as `stabilizeRecommendationWithBehaviors` in
//! `pkg/controller/podautoscaler/horizontal.go` has them: grow only as far as every live recommendation, shrink only as
//! far as every live recommendation, and never move against the present count.

use jiff::Timestamp;

use super::Pipeline;
use crate::decision::LimitCause;
use crate::{Direction, Limit, Replicas, Seconds};

impl Pipeline<'_> {
    pub(super) fn stabilize(&mut self, wanted: Replicas) -> Replicas {
        let Some(direction) = self.direction_to(wanted) else {
            return wanted;
        };
        let (window, held) = match direction {
            Direction::Up => {
                let window = self.policy.scale_up.window;
                let lowest = self.history.growth.lowest(self.now, window);
                (
                    window,
                    lowest.map(|(low, until)| (low.min(wanted).max(self.base), until)),
                )
            }
            Direction::Down => {
                let window = self.policy.scale_down.window;
                let highest = self.history.shrink.highest(self.now, window);
                (
                    window,
                    highest.map(|(high, until)| (high.max(wanted).min(self.base), until)),
                )
            }
        };
        let Some((allowed, until)) = held else {
            return wanted;
        };
        let uncertain = self.is_uncertain(window);
        let cause = LimitCause::Window {
            direction,
            window,
            uncertain,
        };
        self.limited(Limit {
            wanted,
            allowed,
            cause,
            until,
        })
    }

    /// Whether the window still reaches back to before an interruption.
    fn is_uncertain(&self, window: Seconds) -> bool {
        let since: Option<Timestamp> = self.history.uncertain_since;
        since.is_some_and(|since| self.now.duration_since(since) < window.duration())
    }
}
