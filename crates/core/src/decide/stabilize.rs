//! Stabilization windows, as `stabilizeRecommendationWithBehaviors` in
//! `pkg/controller/podautoscaler/horizontal.go` has them: grow only as far as every live recommendation, shrink only as
//! far as every live recommendation, and never move against the present count.

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
                (window, self.history.growth.lowest(self.now, window, self.base))
            }
            Direction::Down => {
                let window = self.policy.scale_down.window;
                (window, self.history.shrink.highest(self.now, window, self.base))
            }
        };
        let Some((recommended, until)) = held else {
            return wanted;
        };
        let allowed = direction.farther(direction.nearer(recommended, wanted), self.base);
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
        let since = self.history.uncertain_since;
        since.is_some_and(|since| self.now.duration_since(since) < window.duration())
    }
}
