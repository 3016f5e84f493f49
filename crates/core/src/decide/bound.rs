//! Minimum and maximum.
//!
//! What is asked for is bounded before it is limited, so that no limit is reported for a count that could never be. A
//! present count outside the bounds is corrected at once: that is not caused by data, so no lock or outage stops it
//! (R12).

use super::Pipeline;
use crate::decision::{LimitCause, Rescale};
use crate::{Limit, Replicas};

impl Pipeline<'_> {
    pub(super) fn bound(&mut self, wanted: Replicas) -> Replicas {
        if self.base != self.current {
            self.trail.corrected = Some(Rescale {
                from: self.current,
                to: self.base,
            });
        }
        let allowed = self.policy.bounds.clamp(wanted);
        let cause = if wanted > allowed {
            LimitCause::Max
        } else {
            LimitCause::Min
        };
        self.limited(Limit {
            wanted,
            allowed,
            cause,
            until: None,
        })
    }
}
