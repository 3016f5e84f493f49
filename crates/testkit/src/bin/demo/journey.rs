//! Answers: has this target grown to its peak and shrunk again? Pure: it believes only the target itself, not its autoscaler.

use crate::follow::{Goal, Seen};

/// The sizes that one target has had.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) goal: Goal,
    sizes: Vec<u32>,
    peaked: bool,
    returned: bool,
}

impl Journey {
    pub(crate) fn new(goal: Goal) -> Self {
        Self {
            goal,
            sizes: Vec::new(),
            peaked: false,
            returned: false,
        }
    }

    pub(crate) fn observe(&mut self, seen: &Seen) {
        if self.sizes.last() != Some(&seen.replicas) {
            self.sizes.push(seen.replicas);
        }
        let began_low = self.sizes.first().is_some_and(|first| *first == self.goal.floor);
        self.peaked |= began_low && seen.ready == seen.replicas && seen.ready >= self.goal.peak;
        self.returned |= self.peaked && seen.ready == seen.replicas && seen.ready <= self.goal.floor;
    }

    /// Whether the peak has been there, every replica of it ready.
    pub(crate) fn has_peaked(&self) -> bool {
        self.peaked
    }

    /// Whether the peak has been there and is gone.
    pub(crate) fn is_complete(&self) -> bool {
        self.returned
    }

    /// `1 -> 4 -> 3 -> 2 -> 1`.
    pub(crate) fn path(&self) -> String {
        let sizes: Vec<String> = self.sizes.iter().map(u32::to_string).collect();
        sizes.join(" -> ")
    }

    /// What is lacking.
    pub(crate) fn lacks(&self) -> Option<String> {
        let Goal { name, floor, peak, .. } = self.goal;
        let lacks = match (self.peaked, self.returned) {
            (_, true) => return None,
            (false, false) => format!("did not grow from {floor} to {peak} ready replicas"),
            (true, false) => format!("grew to {peak}, but did not shrink to {floor} again"),
        };
        Some(format!("{name} {lacks} (its sizes were {})", self.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sizes: &[(u32, u32)]) -> Journey {
        let goal = Goal {
            name: "web",
            kind: "Deployment",
            floor: 1,
            peak: 3,
        };
        let mut journey = Journey::new(goal);
        for (replicas, ready) in sizes {
            journey.observe(&Seen {
                replicas: *replicas,
                ready: *ready,
                ..Seen::default()
            });
        }
        journey
    }

    #[test]
    fn up_and_down_again_is_a_journey() {
        let journey = after(&[(1, 1), (3, 1), (3, 3), (2, 3), (2, 2), (1, 1), (3, 3)]);
        assert!(journey.is_complete());
        assert_eq!(journey.lacks(), None);
        assert_eq!(journey.path(), "1 -> 3 -> 2 -> 1 -> 3");
    }

    #[test]
    fn a_peak_that_was_never_ready_does_not_count() {
        let journey = after(&[(1, 1), (3, 2), (1, 1)]);
        assert!(!journey.has_peaked());
        assert_eq!(
            journey.lacks().as_deref(),
            Some("web did not grow from 1 to 3 ready replicas (its sizes were 1 -> 3 -> 1)")
        );
    }

    #[test]
    fn a_target_that_was_large_from_the_start_has_not_grown() {
        assert!(!after(&[(3, 3), (1, 1)]).is_complete());
    }

    #[test]
    fn a_shrink_that_is_only_wanted_does_not_count() {
        let journey = after(&[(1, 1), (3, 3), (1, 3)]);
        assert_eq!(
            journey.lacks().as_deref(),
            Some("web grew to 3, but did not shrink to 1 again (its sizes were 1 -> 3 -> 1)")
        );
    }
}
