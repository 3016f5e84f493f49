//! Runs a scenario and compares what is decided with what is expected.

use std::fmt;

use autoscaler_core::Continuity;
use jiff::SignedDuration;

use crate::operator::{Operator, Outcome};
use crate::scenario::{At, Entry, Event, Happening, Next, Scenario};
use crate::time;
use crate::world::World;

/// How a scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In one go.
    Uninterrupted,
    /// With the memory written to text and read back after every evaluation: a decision must not rest on anything that
    /// is not stored (R13).
    ThroughText,
}

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The line of the `at`.
    pub line: usize,
    /// How it was run.
    pub form: Form,
    /// As written.
    pub expected: String,
    /// In the same words.
    pub found: String,
}

/// Begins with the line, to be written behind the name of the file.
impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Uninterrupted => "",
            Form::ThroughText => " (with the memory stored and read back after every evaluation)",
        };
        write!(
            formatter,
            "{}{form}\n  expected: {}\n     found: {}",
            self.line, self.expected, self.found
        )
    }
}

/// Runs a scenario. No mismatch is a success.
pub fn run(scenario: &Scenario, form: Form) -> Vec<Mismatch> {
    let mut run = Run {
        world: World::new(scenario),
        operator: Operator::resume(form, &World::new(scenario), Continuity::Unbroken, SignedDuration::ZERO),
        form,
        interval: scenario.spec.interval.duration(),
        due: SignedDuration::ZERO,
        starts: Some(Continuity::Unbroken),
    };
    let mut mismatches = Vec::new();
    for entry in &scenario.timeline {
        match entry {
            Entry::Event(event) => run.happen(event),
            Entry::At(at) => mismatches.extend(run.check(at)),
        }
    }
    mismatches
}

struct Run<'a> {
    world: World<'a>,
    operator: Operator,
    form: Form,
    interval: SignedDuration,
    /// When the next evaluation is due.
    due: SignedDuration,
    /// The operator is down, and starts when the next evaluation is due.
    starts: Option<Continuity>,
}

impl Run<'_> {
    fn happen(&mut self, event: &Event) {
        self.evaluate_until(event.time);
        self.world.happen(event);
        match event.happening {
            Happening::Restart { graceful, down } => {
                let unbroken = graceful && self.operator.flushed && down <= self.interval;
                self.due = event.time + down;
                self.starts = Some(if unbroken {
                    Continuity::Unbroken
                } else {
                    Continuity::Broken
                });
            }
            // The spec was edited: evaluated at once.
            Happening::Policy(_) | Happening::Mode(_) if self.starts.is_none() => self.due = event.time,
            Happening::Policy(_)
            | Happening::Mode(_)
            | Happening::Replicas(_)
            | Happening::Recreated(_)
            | Happening::Ready(_)
            | Happening::Rollout(_)
            | Happening::Pods { .. }
            | Happening::Source { .. }
            | Happening::Skew(_)
            | Happening::Clock(_)
            | Happening::Status { .. } => {}
        }
    }

    fn check(&mut self, at: &At) -> Option<Mismatch> {
        self.evaluate_until(at.time);
        let found = if self.due == at.time {
            let outcome = self.evaluate();
            if is_met(at, &outcome) {
                return None;
            }
            sentence(at.time, &outcome)
        } else {
            format!(
                "no evaluation at {}; the next is at {}",
                time::text(at.time),
                time::text(self.due)
            )
        };
        Some(Mismatch {
            line: at.line,
            form: self.form,
            expected: sentence(at.time, &expected(at)),
            found,
        })
    }

    /// All evaluations before a time.
    fn evaluate_until(&mut self, end: SignedDuration) {
        while self.due < end {
            self.evaluate();
        }
    }

    /// The evaluation that is due. The next is due at the next multiple of the interval.
    fn evaluate(&mut self) -> Outcome {
        let now = self.due;
        if let Some(continuity) = self.starts.take() {
            self.operator = Operator::resume(self.form, &self.world, continuity, now);
        }
        let beats = now.as_secs() / self.interval.as_secs() + 1;
        self.due = SignedDuration::from_secs(beats * self.interval.as_secs());
        self.operator.evaluate(&mut self.world, now)
    }
}

/// What is not written about `next` and `summary` is not compared.
fn is_met(at: &At, outcome: &Outcome) -> bool {
    let Outcome {
        from,
        to,
        wants,
        because,
        next,
        summary,
    } = outcome;
    (at.from, at.to, at.wants) == (*from, *to, *wants)
        && at.because == *because
        && at.next.is_none_or(|expected| expected == *next)
        && (at.summary.is_none() || at.summary == *summary)
}

fn expected(at: &At) -> Outcome {
    Outcome {
        from: at.from,
        to: at.to,
        wants: at.wants,
        because: at.because.clone(),
        next: at.next.unwrap_or(Next::Never),
        summary: at.summary.clone(),
    }
}

/// An outcome as an `at` would say it.
fn sentence(time: SignedDuration, outcome: &Outcome) -> String {
    let mut words = vec![format!("at {} {}", time::text(time), outcome.from)];
    if outcome.to != outcome.from {
        words.push(format!("-> {}", outcome.to));
    }
    words.extend(outcome.wants.map(|wants| format!("wants {wants}")));
    words.push(format!("because {}", outcome.because.join(" ")));
    words.push(match outcome.next {
        Next::At(next) => format!("next {}", time::text(next)),
        Next::Never => "next never".to_owned(),
    });
    words.extend(outcome.summary.as_ref().map(|summary| format!("summary {summary:?}")));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// What is said of `ats` about three replicas with a load of 300, and 500 from the third sample on.
    fn mismatches(ats: &str) -> Vec<String> {
        let text = format!(
            "scenario x\npolicy\n bounds 1 10\n metric load averageValue 100 of sum(load)\nload 15s\n load 300x1 500x9\n\
             event 0s replicas 3\n{ats}\n"
        );
        let scenarios = parse(&text).unwrap();
        let mismatches = run(&scenarios[0], Form::Uninterrupted);
        mismatches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_met_is_not_told() {
        assert_eq!(
            mismatches("at 15s 3 because within-tolerance\nat 30s 3 -> 5 because above-target"),
            [""; 0]
        );
    }

    #[test]
    fn every_part_that_is_not_met_is_told_with_its_line() {
        let found = "\n     found: at 30s 3 -> 5 because above-target next never summary \"scaling up from 3 to 5: metric load: \
                     166.667 per replica, target 100, asks for 5\"";
        for wrong in [
            "3 because above-target",
            "3 -> 4 because above-target",
            "2 -> 5 because above-target",
            "3 -> 5 wants 6 because above-target",
            "3 -> 5 because below-target",
            "3 -> 5 because above-target scale-up-policies",
        ] {
            let expected = format!("8\n  expected: at 30s {wrong} next never{found}");
            assert_eq!(mismatches(&format!("at 30s {wrong}")), [expected], "{wrong}");
        }
        let next = format!("8\n  expected: at 30s 3 -> 5 because above-target next 1m{found}");
        assert_eq!(mismatches("at 30s 3 -> 5 because above-target next 1m"), [next]);
        let summary =
            format!("8\n  expected: at 30s 3 -> 5 because above-target next never summary \"scaling up\"{found}");
        assert_eq!(
            mismatches("at 30s 3 -> 5 because above-target\n summary \"scaling up\""),
            [summary]
        );
    }

    #[test]
    fn an_at_off_the_beat_is_told_with_the_next_evaluation() {
        let told = "8\n  expected: at 20s 3 because within-tolerance next never\n     found: no evaluation at 20s; the next \
                    is at 30s";
        assert_eq!(mismatches("at 20s 3 because within-tolerance"), [told]);
    }

    #[test]
    fn while_the_operator_is_down_there_is_no_evaluation() {
        let told = "9\n  expected: at 15s 3 because within-tolerance next never\n     found: no evaluation at 15s; the next \
                    is at 42s";
        let ats =
            "event 12s restart crash for 30s\nat 15s 3 because within-tolerance\nat 42s 3 -> 5 because above-target";
        assert_eq!(mismatches(ats), [told]);
    }
}
