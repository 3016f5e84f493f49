//! The pods of a target that is measured pod by pod: they follow its size, and now and then something happens to one.
//!
//! Whatever is not wanted is held back by a finalizer while it is terminating, so that it can be seen.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;

use super::Notes;
use crate::case::Case;
use crate::pods::{PodState, Pods};
use crate::random::Random;
use crate::stage::{create_pod, patch_status, pod_name};

pub(super) struct Crew {
    api: Api<Pod>,
    notes: Notes,
    case: Case,
    random: Random,
    wanted: usize,
    states: Vec<PodState>,
}

impl Crew {
    /// As `stage` has made them.
    pub(super) fn new(api: Api<Pod>, notes: Notes, case: Case) -> Self {
        let mut random = case.random.clone();
        let states: Vec<PodState> = (0..case.max).map(|index| case.first_state(index)).collect();
        notes.begin(Pods::each(&states));
        Self {
            api,
            notes,
            random: random.fork(),
            wanted: usize::try_from(case.start).expect("a small count"),
            states,
            case,
        }
    }

    /// As many as are wanted begin or end.
    pub(super) async fn follow(&mut self, size: u32) {
        self.wanted = usize::try_from(size).expect("a small count").min(self.states.len());
        for index in 0..self.states.len() {
            let (wanted, over) = (index < self.wanted, self.states[index].is_over());
            if wanted && over {
                let slow = self.case.habits.slow_start;
                let begins = if slow { PodState::Pending } else { PodState::Running };
                self.set(index, begins).await;
            } else if !wanted && !over {
                self.set(index, self.case.habits.ending).await;
            }
        }
    }

    /// What is wanted and does not run mostly does so now; else something may happen to one of them.
    pub(super) async fn go_on(&mut self) {
        let wanted = 0..self.wanted;
        if let Some(index) = wanted.clone().find(|index| self.states[*index] != PodState::Running) {
            if self.random.percent(60) {
                for index in index..self.wanted {
                    self.set(index, PodState::Running).await;
                }
            }
        } else if !wanted.is_empty() && self.random.percent(self.case.habits.accidents) {
            let wanted: Vec<usize> = wanted.collect();
            let index = self.random.pick(&wanted);
            let accident = self.random.pick(&ACCIDENTS);
            self.set(index, accident).await;
        }
    }

    async fn set(&mut self, index: usize, state: PodState) {
        let name = pod_name(&self.case.name, u32::try_from(index).expect("a small index"));
        if self.states[index] == PodState::Terminating && state != PodState::Terminating {
            // Nothing brings it back: another one gets its name.
            let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let sent = Timestamp::now();
            self.api.patch(&name, &PatchParams::default(), &patch).await.unwrap();
            self.note(sent, index, PodState::Gone);
            let sent = Timestamp::now();
            create_pod(&self.api, &self.case, &name).await;
            self.note(sent, index, PodState::Pending);
        }
        if self.states[index] == state {
            return;
        }
        let sent = Timestamp::now();
        if state == PodState::Terminating {
            self.api.delete(&name, &DeleteParams::default()).await.unwrap();
        } else {
            patch_status(&self.api, &name, json!({"status": {"phase": state.phase()}})).await;
        }
        self.note(sent, index, state);
    }

    fn note(&mut self, sent: Timestamp, index: usize, state: PodState) {
        self.states[index] = state;
        self.notes.add(sent, Pods::each(&self.states));
    }
}

const ACCIDENTS: [PodState; 4] = [
    PodState::Pending,
    PodState::Succeeded,
    PodState::Failed,
    PodState::Terminating,
];
