//! The operator: it looks, stores, and sends acts, which are carried out and judged here.

use autoscaler_core::Replicas;
use autoscaler_core::membership::{Effect, Ended, Event, Operation, Profile, Reply, Then, Work, adopt, begin};

use super::view::uid_text;
use super::{Cluster, Flight, HARD, Leaving, Machine, ORDINALS, Pod, SOFT, bounded, name, now, profile};

impl Cluster {
    pub(in super::super) fn look(&mut self, machine: Machine) {
        let profile = profile(self.profile);
        let world = self.world();
        self.waits = None;
        let Some(stored) = self.stored.clone() else {
            let left = self.adopted(&profile).map(bounded);
            self.stored = left.or_else(|| begin(&world, &profile, Replicas::new(3), name, "op", now()).ok());
            return;
        };
        let step = machine(&stored, &Event::Looked(Box::new(world)), &profile, now());
        self.stored = Some(bounded(step.operation));
        match step.then {
            Then::Act(effect) => self.send(&stored, effect),
            Then::Look => {}
            Then::Wait(wait) => self.waits = Some(wait),
            Then::End(ended) => {
                self.judge_end(&stored, ended);
                self.stored = None;
            }
        }
    }

    /// What is left of an operation of which no status tells, of the highest pod that has something of it.
    fn adopted(&self, profile: &Profile) -> Option<Operation> {
        let mut ordinals = (0..ORDINALS).rev();
        ordinals.find_map(|at| {
            let ordinal = u32::try_from(at).unwrap_or(u32::MAX);
            adopt(&self.world_about(at), profile, ordinal, name, "left", now())
        })
    }

    pub(super) fn send(&mut self, operation: &Operation, effect: Effect) {
        let ordinal = u8::try_from(operation.member.ordinal).unwrap_or_default();
        let at = usize::from(ordinal);
        let pod = self.pods.get(at).copied().flatten();
        let is_lower = matches!(effect, Effect::Lower { .. });
        let is_other = |pod: Pod| {
            operation
                .member
                .uid
                .as_ref()
                .is_some_and(|uid| *uid != uid_text(at, pod.uid))
        };
        if is_lower && pod.is_some_and(is_other) {
            self.wrong = self.wrong.or(Some("another pod was removed than the one that left"));
        }
        if effect == Effect::Forget && pod.is_some() {
            self.wrong = self.wrong.or(Some("a member was forgotten whose pod is there"));
        }
        self.flights.push(Flight {
            effect,
            ordinal,
            uid: pod.map(|pod| pod.uid),
            is_proven: !self.is_member(at) && !pod.is_some_and(|pod| pod.is_ready),
            is_late: false,
            is_stale: false,
            age: 0,
        });
    }

    pub(super) fn deliver(&mut self, index: usize, machine: Machine) {
        let flight = self.flights.remove(index);
        let at = usize::from(flight.ordinal);
        let is_that_pod = self.pods[at].is_some_and(|pod| Some(pod.uid) == flight.uid && pod.is_up);
        match flight.effect {
            Effect::Drain(SOFT) if is_that_pod => self.with(at, |pod, _| {
                if pod.leaving == Leaving::No {
                    (pod.leaving, pod.is_ready) = (Leaving::Soft, false);
                }
            }),
            Effect::Drain(HARD) if is_that_pod && self.is_member(at) => self.hard(at),
            Effect::Undo(SOFT) if is_that_pod => self.with(at, |pod, _| {
                if pod.leaving == Leaving::Soft {
                    pod.leaving = Leaving::No;
                }
            }),
            Effect::Drain(_) | Effect::Undo(_) => {}
            Effect::Lower { from, to } => self.lowered(&flight, from, to),
            Effect::Raise { from, to } => {
                if to.get() != from.get() + 1 {
                    self.wrong = self.wrong.or(Some("more than one was added"));
                }
                if u32::from(self.replicas) == from.get() && !flight.is_stale {
                    self.set_replicas(u8::try_from(to.get()).unwrap_or(u8::MAX));
                }
            }
            Effect::Forget => self.forgotten(at),
        }
        if !flight.is_late
            && let Some(stored) = &self.stored
        {
            let reply = Event::Replied(Reply::Unclear);
            let step = machine(stored, &reply, &profile(self.profile), now());
            self.stored = Some(bounded(step.operation));
        }
    }

    pub(super) fn hard(&mut self, at: usize) {
        if (0..ORDINALS).any(|other| other != at && self.pods[other].is_some_and(|pod| pod.leaving == Leaving::Hard)) {
            self.wrong = self.wrong.or(Some("two members leave at once"));
        }
        if self.pods[at].is_some_and(|pod| pod.leaving == Leaving::Hard) {
            self.wrong = self.wrong.or(Some("a leave was begun a second time"));
        }
        if self.members & !(1 << at) == 0 {
            self.wrong = self.wrong.or(Some("the last member is made to leave"));
        }
        self.with(at, |pod, _| (pod.leaving, pod.is_ready) = (Leaving::Hard, false));
    }

    pub(super) fn lowered(&mut self, flight: &Flight, from: Replicas, to: Replicas) {
        if u32::from(self.replicas) != from.get() {
            return;
        }
        if !flight.is_proven {
            self.wrong = self.wrong.or(Some("a member was removed that had not left, or served"));
        } else if to.get() + 1 != from.get() {
            self.wrong = self.wrong.or(Some("more than one was removed"));
        } else if to == Replicas::ZERO {
            self.wrong = self.wrong.or(Some("below the minimum"));
        }
        self.set_replicas(u8::try_from(to.get()).unwrap_or(u8::MAX));
    }

    pub(super) fn forgotten(&mut self, at: usize) {
        // To forget a member that runs is to ask it to leave softly: its listeners are closed.
        if self.pods[at].is_none() {
            self.members &= !(1 << at);
        }
    }

    /// What an operation leaves behind when it says it is at its end.
    pub(super) fn judge_end(&mut self, operation: &Operation, ended: Ended) {
        let at = usize::try_from(operation.member.ordinal).unwrap_or_default();
        let uid = operation.member.uid.clone();
        let pod = self.pods.get(at).copied().flatten();
        let is_that_pod = pod.is_some_and(|pod| Some(uid_text(at, pod.uid)) == uid);
        let is_leave = matches!(operation.work, Work::Leave(_));
        // Of one that sent nothing it is what an operation before it left, whose record was lost.
        let residue = operation.reached > 0 && pod.is_some_and(|pod| pod.leaving != Leaving::No && pod.is_up);
        match ended {
            Ended::Aborted(_) if is_leave && is_that_pod && residue => {
                self.wrong = self.wrong.or(Some("something is left after an abort"));
            }
            Ended::Aborted(_) if is_leave && is_that_pod && !self.is_member(at) && operation.reached > HARD => {
                self.wrong = self.wrong.or(Some("an operation was aborted after its commit"));
            }
            Ended::Done if is_leave && self.is_member(at) && at >= self.ends_at() => {
                self.wrong = self.wrong.or(Some("a member that is gone is still listed"));
            }
            Ended::Overtaken if !self.is_member(at) => {
                self.wrong = self.wrong.or(Some("it ended although who had left is no member again"));
            }
            Ended::Done | Ended::Aborted(_) | Ended::Withdrawn | Ended::Overtaken => {}
        }
    }
}
