//! What is seen of the cluster: by the operator, by the model check, and by people.

use autoscaler_core::Replicas;
use autoscaler_core::membership::{Fact, PodState, Stop, SubjectState, TargetState, View, Wish, World};
use jiff::Timestamp;

use super::{Cluster, Leaving, ORDINALS, Pod, name, now};

impl Cluster {
    /// One look at everything.
    pub(in super::super) fn world(&self) -> World {
        self.world_about(self.subject())
    }

    /// The same, about the pod at this ordinal.
    pub(super) fn world_about(&self, ordinal: usize) -> World {
        let pods = (0..ORDINALS).filter_map(|at| Some((at, self.pods[at]?)));
        let pods: Vec<(usize, Pod)> = pods.collect();
        let view = |&(at, pod): &(usize, Pod)| View {
            ordinal: u32_of(at),
            lists: pod.is_up.then(|| names(pod.view)),
            is_healthy: if pod.is_up { Fact::Yes } else { Fact::Unknown },
        };
        let views: Vec<View> = pods.iter().map(view).collect();
        let subject = self.pods.get(ordinal).copied().flatten();
        let survivors = views.iter().filter(|view| view.ordinal != u32_of(ordinal));
        let gone = survivors.map(|view| match view.lists(&name(u32_of(ordinal))) {
            Fact::Yes => Fact::No,
            Fact::No => Fact::Yes,
            Fact::Unknown => Fact::Unknown,
        });
        let drained = Fact::all(gone);
        let is_up = subject.is_some_and(|pod| pod.is_up);
        let soft = match subject {
            Some(pod) if pod.is_up => Fact::from(pod.leaving != Leaving::No),
            _ => Fact::Unknown,
        };
        World {
            epoch: self.epoch,
            target: TargetState {
                uid: "target".to_owned(),
                replicas: Replicas::new(u32::from(self.replicas)),
                first_ordinal: 0,
                is_settled: true,
                is_going: false,
            },
            pods: pods.iter().map(|(at, pod)| pod_state(*at, *pod)).collect(),
            views,
            subject: SubjectState {
                uid: subject.map(|pod| uid_text(ordinal, pod.uid)),
                is_ready: subject.is_some_and(|pod| pod.is_ready),
                is_stopped: Fact::from(subject.is_some() && !is_up),
                is_leaving: if is_up {
                    Fact::from(subject.is_some_and(|pod| pod.leaving == Leaving::Hard))
                } else {
                    Fact::Unknown
                },
                sessions: is_up.then(|| u64::from(subject.is_some_and(|pod| pod.is_ready))),
                is_node_lost: subject.is_none(),
                has_stale_claim: Fact::No,
            },
            gates: Vec::new(),
            done: vec![soft.max(drained), drained],
            residue: vec![soft, Fact::No],
            drained,
            progress: None,
            wish: Wish {
                desired: Replicas::new(u32::from(self.desired)),
                is_fresh: true,
                is_new: true,
                floor: Replicas::new(1),
                stop: self.is_paused.then_some(Stop::NotActive),
                abort: None,
                forget: Vec::new(),
            },
        }
    }

    /// The ordinal that the next look asks about.
    pub(super) fn subject(&self) -> usize {
        let stored = self.stored.as_ref().map(|operation| operation.member.ordinal);
        stored.map_or(self.ends_at(), |ordinal| usize::try_from(ordinal).unwrap_or_default())
    }

    /// Whether nothing is left to do: the size wished for, everybody of one mind, no operation.
    pub(in super::super) fn is_at_rest(&self) -> bool {
        let is_whole = (0..ORDINALS).all(|at| self.pods[at].is_some_and(|pod| pod.is_ready) == (at < self.ends_at()));
        self.stored.is_none() && self.replicas == self.desired && is_whole && self.is_one_mind()
    }

    pub(super) fn is_one_mind(&self) -> bool {
        self.members == (1 << self.replicas) - 1 && self.pods.iter().flatten().all(|pod| pod.view == self.members)
    }

    /// Whether a pod serves without belonging to the cluster, which only a person can mend.
    pub(in super::super) fn has_isolated_pod(&self) -> bool {
        (0..ORDINALS).any(|at| self.pods[at].is_some_and(|pod| pod.has_left && pod.is_up) && !self.is_member(at))
    }
}

fn pod_state(at: usize, pod: Pod) -> PodState {
    PodState {
        ordinal: u32_of(at),
        uid: uid_text(at, pod.uid),
        member: name(u32_of(at)),
        is_ready: pod.is_ready,
        is_terminating: pod.is_terminating,
    }
}

pub(super) fn uid_text(at: usize, uid: u8) -> String {
    format!("{at}/{uid}")
}

fn u32_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn names(view: u8) -> Vec<String> {
    let listed = (0..ORDINALS).filter(|at| view & (1 << at) != 0);
    listed.map(|at| name(u32_of(at))).collect()
}

/// One line for each pod, and one for the operation.
impl std::fmt::Display for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stored = self.stored.as_ref();
        let age = |at: Timestamp| (now() - at).get_seconds();
        write!(
            formatter,
            "replicas {} desired {} members {:b}",
            self.replicas, self.desired, self.members
        )?;
        for (at, pod) in self.pods.iter().enumerate().filter_map(|(at, pod)| Some((at, (*pod)?))) {
            write!(
                formatter,
                " | {at}/{} {}{}{}{:?}{} sees {:b}",
                pod.uid,
                if pod.is_up { "up " } else { "down " },
                if pod.is_ready { "ready " } else { "" },
                if pod.is_terminating { "terminating " } else { "" },
                pod.leaving,
                if pod.has_left { " left" } else { "" },
                pod.view
            )?;
        }
        for flight in &self.flights {
            write!(
                formatter,
                " | {:?} late {} age {}",
                flight.effect, flight.is_late, flight.age
            )?;
        }
        if let Some(operation) = stored {
            write!(
                formatter,
                " | {:?} started {} since {} sent {:?} turned {} undone {:?}",
                operation.work,
                age(operation.started),
                age(operation.since),
                operation.sent.map(age),
                operation.looks.turned,
                operation.looks.undone.map(age)
            )?;
        }
        write!(formatter, " | waits {:?} wrong {:?}", self.waits, self.wrong)
    }
}
