//! What may happen to the cluster, and what follows from it.

use autoscaler_core::membership::{Effect, Operation};

use super::view::uid_text;
use super::{Action, Cluster, GOSSIP, Leaving, Machine, ORDINALS, Pod, older};

impl Cluster {
    /// Everything that may happen now.
    pub(in super::super) fn actions(&self) -> Vec<Action> {
        if self.wrong.is_some() {
            return Vec::new();
        }
        let mut actions = Vec::new();
        if self.pods.iter().flatten().all(|pod| pod.lag + 1 < GOSSIP) {
            actions.push(Action::Tick);
        }
        if self.flights.iter().all(|flight| flight.is_late) {
            actions.push(Action::Look);
        }
        for (index, flight) in self.flights.iter().enumerate() {
            actions.push(Action::Deliver(index));
            if !flight.is_late {
                actions.push(Action::Lose(index));
                if self.budget.late > 0 {
                    actions.push(Action::Late(index));
                }
            }
        }
        if self.control().is_some() {
            actions.push(Action::Control);
        }
        for ordinal in 0..ORDINALS {
            self.actions_of_pod(ordinal, &mut actions);
        }
        self.actions_of_people(&mut actions);
        actions
    }

    pub(in super::super) fn actions_of_pod(&self, at: usize, actions: &mut Vec<Action>) {
        let Some(pod) = self.pods[at] else { return };
        if pod.is_terminating {
            actions.push(Action::Vanish(at));
        }
        if !pod.is_up {
            if !pod.is_terminating {
                actions.push(Action::Start(at));
            }
            return;
        }
        if pod.view != self.members && self.is_member(at) {
            actions.push(Action::Gossip(at));
        }
        if pod.leaving == Leaving::Hard {
            actions.push(Action::Leave(at));
        }
        if !self.is_member(at) && !pod.is_terminating {
            if !pod.has_left {
                actions.push(Action::Join(at));
            } else if self.budget.rejoin > 0 {
                actions.push(Action::Rejoin(at));
            }
        }
        if !pod.is_ready && pod.is_warm && !pod.is_terminating && pod.leaving == Leaving::No {
            actions.push(Action::Ready(at));
        }
        if self.budget.crash > 0 {
            actions.push(Action::Crash(at));
        }
        if self.budget.evict > 0 && !pod.is_terminating {
            actions.push(Action::Evict(at));
        }
    }

    pub(in super::super) fn actions_of_people(&self, actions: &mut Vec<Action>) {
        let sizes = 1..=u8::try_from(ORDINALS).unwrap_or(u8::MAX);
        let budget = self.budget;
        if budget.takeover > 0 {
            actions.push(Action::Takeover);
        }
        if budget.human > 0 {
            actions.extend(sizes.clone().filter(|size| *size != self.replicas).map(Action::Human));
        }
        if budget.flip > 0 {
            actions.extend(sizes.filter(|size| *size != self.desired).map(Action::Flip));
        }
        if budget.wipe > 0 && self.stored.is_some() {
            actions.push(Action::Wipe);
        }
        if budget.edit > 0 {
            actions.push(Action::Edit);
        }
        if budget.pause > 0 {
            actions.push(Action::Pause);
        }
    }

    /// What is after an action.
    pub(in super::super) fn after(&self, action: Action, machine: Machine) -> Self {
        let mut next = self.clone();
        next.act(action, machine);
        next
    }

    pub(super) fn act(&mut self, action: Action, machine: Machine) {
        match action {
            Action::Tick => self.tick(),
            Action::Look => self.look(machine),
            Action::Deliver(index) => self.deliver(index, machine),
            Action::Lose(index) => drop(self.flights.remove(index)),
            Action::Late(index) => {
                self.budget.late -= 1;
                self.flights[index].is_late = true;
            }
            Action::Takeover => {
                self.budget.takeover -= 1;
                self.epoch += 1;
                for flight in &mut self.flights {
                    flight.is_late = true;
                }
            }
            Action::Control => self.controlled(),
            Action::Vanish(at) => self.pods[at] = None,
            Action::Gossip(at) => self.with(at, |pod, members| (pod.view, pod.lag) = (members, 0)),
            Action::Leave(at) => self.left(at),
            Action::Start(at) => self.with(at, |pod, _| {
                pod.is_up = true;
                pod.is_warm = false;
                pod.leaving = Leaving::No;
            }),
            Action::Join(at) => self.joined(at),
            Action::Rejoin(at) => {
                self.budget.rejoin -= 1;
                self.joined(at);
            }
            Action::Ready(at) => self.with(at, |pod, _| pod.is_ready = true),
            Action::Crash(at) => {
                self.budget.crash -= 1;
                self.with(at, |pod, _| {
                    (pod.is_up, pod.is_ready, pod.leaving) = (false, false, Leaving::No);
                });
            }
            Action::Evict(at) => {
                self.budget.evict -= 1;
                self.with(at, |pod, _| (pod.is_terminating, pod.is_ready) = (true, false));
            }
            Action::Human(replicas) => {
                self.budget.human -= 1;
                self.set_replicas(replicas);
            }
            Action::Flip(desired) => {
                self.budget.flip -= 1;
                self.desired = desired;
            }
            Action::Wipe => {
                self.budget.wipe -= 1;
                self.stored = None;
            }
            Action::Edit => {
                self.budget.edit -= 1;
                self.profile = 1 - self.profile;
            }
            Action::Pause => {
                self.budget.pause -= 1;
                self.is_paused = !self.is_paused;
            }
        }
    }

    pub(super) fn set_replicas(&mut self, replicas: u8) {
        self.replicas = replicas;
        for flight in &mut self.flights {
            flight.is_stale = true;
        }
    }

    /// Time goes on: everything stored is one tick older, and what is late may be too late.
    pub(super) fn tick(&mut self) {
        if let Some(operation) = &mut self.stored {
            *operation = older(operation);
        }
        let members = self.members;
        for (at, pod) in self.pods.iter_mut().enumerate() {
            let Some(pod) = pod else { continue };
            pod.is_warm |= pod.is_up;
            let hears = pod.is_up && members & (1 << at) != 0 && pod.view != members;
            pod.lag = if hears { pod.lag + 1 } else { 0 };
        }
        for flight in &mut self.flights {
            flight.age += 1;
        }
        // A patch is sent on a proof of two seconds at most; other acts live as long as their connection.
        self.flights.retain(|flight| match flight.effect {
            Effect::Lower { .. } => false,
            _ => flight.age < 2,
        });
    }

    /// A member comes in through one that belongs to the cluster; the others hear of it later.
    pub(super) fn joined(&mut self, at: usize) {
        let is_up = |other: &usize| self.is_member(*other) && self.pods[*other].is_some_and(|pod| pod.is_up);
        let Some(through) = (0..ORDINALS).find(is_up) else {
            return;
        };
        self.members |= 1 << at;
        self.with(through, |pod, members| (pod.view, pod.lag) = (members, 0));
        self.with(at, |pod, members| {
            pod.view = members;
            pod.has_left = false;
        });
    }

    /// A hard leave is over: it is no member, its process ends, and its data knows.
    pub(super) fn left(&mut self, at: usize) {
        self.members &= !(1 << at);
        self.with(at, |pod, _| {
            pod.leaving = Leaving::No;
            (pod.is_up, pod.is_ready, pod.has_left) = (false, false, true);
            pod.view = 1 << at;
        });
    }

    /// What the controller of a `StatefulSet` does next (OrderedReady): make the lowest pod that is missing once those
    /// below are Ready, or delete the highest that is too many once those below are Ready.
    pub(super) fn control(&self) -> Option<(usize, bool)> {
        let are_ready =
            |below: usize| self.is_parallel || (0..below).all(|at| self.pods[at].is_some_and(|pod| pod.is_ready));
        let missing = (0..self.ends_at()).find(|at| self.pods[*at].is_none());
        if let Some(at) = missing {
            return are_ready(at).then_some((at, true));
        }
        let too_many = |at: &usize| self.pods[*at].is_some_and(|pod| !pod.is_terminating);
        let at = (self.ends_at()..ORDINALS).rev().find(too_many)?;
        are_ready(self.ends_at()).then_some((at, false))
    }

    pub(super) fn controlled(&mut self) {
        match self.control() {
            Some((at, true)) => {
                let spoken_of = |uid: u8| {
                    let text = uid_text(at, uid);
                    let is_stored = |operation: &Operation| {
                        operation.member.uid.as_ref() == Some(&text) || operation.survivors.contains(&text)
                    };
                    self.stored.as_ref().is_some_and(is_stored)
                        || self
                            .flights
                            .iter()
                            .any(|flight| usize::from(flight.ordinal) == at && flight.uid == Some(uid))
                };
                let uid = (0..=u8::MAX).find(|uid| !spoken_of(*uid)).unwrap_or_default();
                self.pods[at] = Some(Pod {
                    uid,
                    is_up: true,
                    is_ready: false,
                    is_terminating: false,
                    is_warm: false,
                    leaving: Leaving::No,
                    has_left: false,
                    view: 1 << at,
                    lag: 0,
                });
            }
            Some((at, false)) => self.with(at, |pod, _| (pod.is_terminating, pod.is_ready) = (true, false)),
            None => {}
        }
    }
}
