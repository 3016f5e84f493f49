//! The highest member leaves: gates, drain, proof, patch, and whatever is left of it.
//!
//! Before the commit any trouble takes it back, last step first; afterwards there is only forward, or waiting (M1).

mod abort;
mod after;
mod commit;
mod removal;

use jiff::Timestamp;

use super::operation::{AbortCause, Leave, Looks, Operation, Progress, Work};
use super::profile::{DrainStep, Profile};
use super::world::{Fact, World};
use super::{Effect, Ended, Reply, Step, Wait, act, end, has_passed, held_by_gate, look, wait};

/// One look at a member that leaves.
#[derive(Debug, Clone, Copy)]
struct Leaving<'a> {
    operation: &'a Operation,
    world: &'a World,
    profile: &'a Profile,
    now: Timestamp,
}

pub(super) fn step(operation: &Operation, at: Leave, world: &World, profile: &Profile, now: Timestamp) -> Step {
    let leaving = |operation| Leaving {
        operation,
        world,
        profile,
        now,
    };
    let noted = leaving(operation).noted();
    let leaving = leaving(&noted);
    match at {
        Leave::Gating => leaving.gating(),
        Leave::Draining { step, committed } => leaving.draining(step, committed),
        Leave::Drained { committed } => leaving.drained(committed),
        Leave::Patched => leaving.patched(),
        Leave::Gone => leaving.gone(),
        Leave::Verifying => leaving.verifying(),
        Leave::Aborting { left, cause } => leaving.aborting(left, cause),
    }
}

impl Leaving<'_> {
    fn gating(self) -> Step {
        let Self { operation, now, .. } = self;
        if let Some(cause) = self.hinders() {
            return end(operation, Ended::Aborted(cause));
        }
        match self.holds_at_start() {
            Some(_) if self.is_overdue() => end(operation, Ended::Aborted(AbortCause::Deadline)),
            Some(hold) => wait(operation, hold),
            None => look(operation.at(first(operation), now)),
        }
    }

    /// What must be waited for before the first act.
    fn holds_at_start(self) -> Option<Wait> {
        if !self.world.target.is_settled {
            return Some(Wait::Target);
        }
        if !self.profile.quorum.allows_leaving(self.operation.from) {
            return Some(Wait::Quorum);
        }
        if !self.world.is_whole() || !self.world.is_agreed().is_yes() {
            return Some(Wait::Agreement);
        }
        held_by_gate(self.world, true)
    }

    fn draining(self, step: usize, committed: bool) -> Step {
        let Self {
            operation, world, now, ..
        } = self;
        let Some(planned) = operation.plan.steps.get(step) else {
            return look(operation.at(Work::Leave(Leave::Drained { committed }), now));
        };
        let done = world.done.get(step).copied().unwrap_or(Fact::Unknown);
        // That it has left is no news from survivors that were made anew and know of nobody (M2).
        let is_hearsay = planned.commits && !committed && !self.are_of_the_cluster();
        if done.is_yes() && is_hearsay {
            return self.stopped().unwrap_or_else(|| {
                if self.is_overdue() {
                    self.abort(AbortCause::Deadline)
                } else {
                    wait(operation, Wait::NobodyAffirms)
                }
            });
        }
        if done.is_yes() {
            // Whoever did it: what commits cannot be taken back.
            let committed = committed || planned.commits;
            return look(operation.at(
                Work::Leave(Leave::Draining {
                    step: step + 1,
                    committed,
                }),
                now,
            ));
        }
        if committed {
            return self.overtaken().unwrap_or_else(|| self.in_doubt(step, planned));
        }
        if let Some(step) = self.stopped() {
            return step;
        }
        match operation.attempt {
            None => self.send(step, planned),
            Some(attempt) if attempt.reply == Some(Reply::Refused) => self.abort(AbortCause::Refused),
            Some(_) if self.is_stalled() || self.is_overdue() => self.abort(AbortCause::Deadline),
            Some(_) if planned.is_repeatable && operation.is_due(self.profile.times.retry, now) => {
                self.send(step, planned)
            }
            Some(_) => wait(operation, Wait::Step(planned.name.clone())),
        }
    }

    /// The act of a step, once what it intends is stored. That of a commit is in doubt from then on (M1).
    fn send(self, step: usize, planned: &DrainStep) -> Step {
        let Work::Leave(Leave::Draining { committed, .. }) = self.operation.work else {
            unreachable!("only a drain has steps to send");
        };
        let committed = committed || planned.commits;
        let mut sent = self.operation.intending(self.now);
        sent.work = Work::Leave(Leave::Draining { step, committed });
        sent.reached = sent.reached.max(step + 1);
        act(sent, Effect::Drain(step))
    }

    /// What an operation that can be taken back does instead of going on: it is, or it waits.
    fn stopped(self) -> Option<Step> {
        if let Some(cause) = self.hinders() {
            return Some(self.abort(cause));
        }
        let hold = self.holds_on_the_way()?;
        Some(if self.is_overdue() {
            self.abort(AbortCause::Deadline)
        } else {
            wait(self.operation, hold)
        })
    }

    /// What must be waited for on the way, before every act that can still be left out.
    fn holds_on_the_way(self) -> Option<Wait> {
        let leaver = self.operation.member.ordinal;
        let well = Fact::all(self.world.survivors(leaver).map(|view| view.is_healthy));
        let ready = self.world.target.ordinals().filter(|ordinal| *ordinal != leaver);
        let mut ready = ready.map(|ordinal| self.world.pod(ordinal).is_some_and(|pod| pod.is_ready));
        let is_one_cluster = self.world.is_known_among(|| self.survivors());
        if !well.is_yes() || !is_one_cluster.is_yes() || !ready.all(|ready| ready) {
            return Some(Wait::Agreement);
        }
        held_by_gate(self.world, false)
    }

    /// What takes back an operation that can be taken back.
    fn hinders(self) -> Option<AbortCause> {
        let Self {
            operation,
            world,
            profile,
            ..
        } = self;
        let (target, wish) = (&world.target, &world.wish);
        let is_gate_closed = || world.shut_gate(false).is_some_and(|gate| gate.is_open.is_no());
        let began = operation.work != Work::Leave(Leave::Gating);
        if let Some(cause) = operation.is_called_off(world, profile) {
            Some(cause)
        } else if !self.is_highest() {
            Some(AbortCause::TargetChanged)
        } else if world.subject.uid != operation.member.uid {
            Some(AbortCause::PodReplaced)
        } else if operation.to < wish.floor {
            Some(AbortCause::Bounds)
        } else if operation.looks.is_turned() {
            Some(AbortCause::Load)
        } else if began && !target.is_settled {
            Some(AbortCause::TargetChanged)
        } else if began && is_gate_closed() {
            Some(AbortCause::Gate)
        } else {
            None
        }
    }

    /// The operation with what this look adds to what the looks before it found.
    fn noted(self) -> Operation {
        let Self {
            operation, world, now, ..
        } = self;
        let is_turned = operation.can_abort() && world.wish.is_fresh && world.wish.desired > operation.to;
        let since = |holds: bool, since: Option<Timestamp>| if holds { since.or(Some(now)) } else { None };
        // What was sent and is under way may begin to work between two looks that both find nothing of it.
        let is_back = self.is_back() && !self.is_under_way();
        Operation {
            survivors: self.of_the_cluster(),
            progress: self.moved(),
            looks: Looks {
                turned: operation.looks.turned_by(&world.wish, is_turned),
                undone: since(is_back, operation.looks.undone),
                drained: since(self.proof().is_ok(), operation.looks.drained),
            },
            ..operation.clone()
        }
    }

    /// The number that shows it going on, as of this look.
    fn moved(self) -> Option<Progress> {
        match (self.world.progress, self.operation.progress) {
            (Some(value), Some(known)) if known.value == value => Some(known),
            (Some(value), _) => Some(Progress { value, since: self.now }),
            // Not known is not the same as not moving (M19).
            (None, known) => known,
        }
    }

    fn is_stalled(self) -> bool {
        let is_known = !self.profile.has_progress || self.world.progress.is_some();
        is_known && has_passed(Some(self.operation.last_moved()), self.profile.times.stall, self.now)
    }

    /// Whether the last act may still arrive.
    fn is_under_way(self) -> bool {
        let sent = self.operation.sent;
        sent.is_some() && !has_passed(sent, self.profile.times.in_flight, self.now)
    }

    fn is_overdue(self) -> bool {
        has_passed(Some(self.operation.started), self.profile.times.total, self.now)
    }
}

/// Where an operation goes from its gates.
fn first(operation: &Operation) -> Work {
    Work::Leave(if operation.plan.steps.is_empty() {
        Leave::Drained { committed: false }
    } else {
        Leave::Draining {
            step: 0,
            committed: false,
        }
    })
}
