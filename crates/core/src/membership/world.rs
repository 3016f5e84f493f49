//! What one look at a cluster told: the target, its pods, what each member believes, and what is wished for.
//!
//! Every fact may be unknown, and what is unknown is never taken for the better case.

use crate::Replicas;

/// Something that was asked: known to hold, known not to, or not known at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// Known not to hold.
    No,
    /// Nobody answered, or the answer could not be read.
    Unknown,
    /// Known to hold.
    Yes,
}

impl Fact {
    /// Known to hold.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    /// Known not to hold.
    pub fn is_no(self) -> bool {
        self == Self::No
    }

    /// The weakest of several: `Yes` of none.
    pub fn all(facts: impl IntoIterator<Item = Self>) -> Self {
        facts.into_iter().min().unwrap_or(Self::Yes)
    }
}

impl From<bool> for Fact {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Everything one step may depend on, apart from the operation and its profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The term of leadership in which this was looked at (M15).
    pub epoch: u64,
    /// The `StatefulSet`.
    pub target: TargetState,
    /// Its pods, read live, each ordinal once.
    pub pods: Vec<PodState>,
    /// What the members believe, one view for each pod that exists.
    pub views: Vec<View>,
    /// The pod that the operation is about, as far as it can be asked itself.
    pub subject: SubjectState,
    /// Gates of the profile and of Kubernetes (disruption budgets), in the profile's order.
    pub gates: Vec<Gate>,
    /// Of each step of the operation whether its `doneWhen` holds.
    pub done: Vec<Fact>,
    /// Of each step of the operation whether what its `undo` takes back is still there.
    pub residue: Vec<Fact>,
    /// Whether every survivor affirms, in the profile's words, that the member is drained (M2).
    pub drained: Fact,
    /// What the profile's `progress` reads; none if it has none, or no sample.
    pub progress: Option<i64>,
    /// What people and metrics want.
    pub wish: Wish,
}

/// The `StatefulSet`, read live.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetState {
    /// Its UID.
    pub uid: String,
    /// `spec.replicas`.
    pub replicas: Replicas,
    /// `spec.ordinals.start`.
    pub first_ordinal: u32,
    /// No rollout, and its controller has seen the newest generation.
    pub is_settled: bool,
    /// It, or its namespace, is being deleted.
    pub is_going: bool,
}

impl TargetState {
    /// The ordinals of the pods it should have.
    pub fn ordinals(&self) -> std::ops::Range<u32> {
        self.first_ordinal..self.first_ordinal.saturating_add(self.replicas.get())
    }
}

/// One pod of the target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PodState {
    /// The number at the end of its name.
    pub ordinal: u32,
    /// Its UID: a pod that is made anew has another.
    pub uid: String,
    /// What the cluster calls it.
    pub member: String,
    /// Ready, and not being deleted.
    pub is_ready: bool,
    /// Being deleted.
    pub is_terminating: bool,
}

/// What one member believes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// The pod that was asked.
    pub ordinal: u32,
    /// The members it lists; none if it did not answer.
    pub lists: Option<Vec<String>>,
    /// Whether it finds the cluster well.
    pub is_healthy: Fact,
}

/// The pod at the ordinal that an operation is about, asked itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubjectState {
    /// UID of the pod that is there now; none after a live GET that found nothing.
    pub uid: Option<String>,
    /// It is Ready, and not being deleted.
    pub is_ready: bool,
    /// It is stopped: its own process does not run any more.
    pub is_stopped: Fact,
    /// It is in the middle of leaving, by its own account.
    pub is_leaving: Fact,
    /// How many clients it serves.
    pub sessions: Option<u64>,
    /// Its node is deleted or out of service, so that nothing of it can still run (M4).
    pub is_node_lost: bool,
    /// A claim of an earlier member of this ordinal is there (M16).
    pub has_stale_claim: Fact,
}

/// When a gate is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GateTime {
    /// Before the first act only.
    Start,
    /// Before every act, until the commit is intended (M19).
    Always,
}

/// A gate, and whether it is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Its name in the profile.
    pub name: String,
    /// When it is asked.
    pub time: GateTime,
    /// Open, closed, or not known.
    pub is_open: Fact,
}

/// What people and metrics want at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wish {
    /// The count that the decision asks for, after its limits.
    pub desired: Replicas,
    /// Whether every metric behind it was Fresh (M5).
    pub is_fresh: bool,
    /// Whether it was decided since the last look: looks come more often than decisions, and one decision counts once.
    pub is_new: bool,
    /// `minReplicas`.
    pub floor: Replicas,
    /// Why no operation may go on that can still be taken back (M9, M12, M13).
    pub stop: Option<Stop>,
    /// The operation that a person asked to abort, by its id (M14a).
    pub abort: Option<String>,
    /// Members that a person allowed to be forgotten without a drain (M10).
    pub forget: Vec<String>,
}

/// Why an operation that can still be taken back is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stop {
    /// `mode` is no longer Active.
    NotActive,
    /// `spec.membership` was removed.
    MembershipRemoved,
    /// The profile is not the one that the operation began with.
    ProfileChanged,
    /// Another writer sets the replicas (R22, M12).
    Contended,
    /// The autoscaler is being deleted (M13).
    Deleted,
}

impl World {
    /// The pod at an ordinal.
    pub fn pod(&self, ordinal: u32) -> Option<&PodState> {
        self.pods.iter().find(|pod| pod.ordinal == ordinal)
    }

    /// Whether every pod that the target should have is there and Ready, and no other is.
    pub fn is_whole(&self) -> bool {
        let ordinals = self.target.ordinals();
        self.pods.len() == ordinals.len() && ordinals.clone().all(|at| self.pod(at).is_some_and(|pod| pod.is_ready))
    }

    /// The first gate that is not open, among those of the time; closed before unknown.
    pub fn shut_gate(&self, at_start: bool) -> Option<&Gate> {
        let asked = |gate: &&Gate| at_start || gate.time == GateTime::Always;
        let shut = self.gates.iter().filter(asked).filter(|gate| !gate.is_open.is_yes());
        shut.min_by_key(|gate| gate.is_open)
    }

    /// The views of everybody but the pod at this ordinal.
    pub fn survivors(&self, leaver: u32) -> impl Iterator<Item = &View> {
        self.views.iter().filter(move |view| view.ordinal != leaver)
    }

    /// Whether every survivor lists a member: `No` if every one of them answered and none does.
    pub fn listed_by_survivors(&self, leaver: u32, member: &str) -> Listed {
        let mut answers = self.survivors(leaver).map(|view| view.lists(member)).peekable();
        if answers.peek().is_none() {
            return Listed::Unknown;
        }
        let (mut yes, mut no) = (false, false);
        for answer in answers {
            match answer {
                Fact::Yes => yes = true,
                Fact::No => no = true,
                Fact::Unknown => return Listed::Unknown,
            }
        }
        match (yes, no) {
            (true, false) => Listed::ByAll,
            (false, true) => Listed::ByNone,
            _ => Listed::BySome,
        }
    }

    /// Whether every pod is Ready and everybody agrees about them. Members that were taken away undrained are listed still,
    /// and down, until they are brought back or forgotten: they are no reason to wait (M10).
    pub fn is_in_order(&self) -> bool {
        let agreed = if self.lists_others() {
            self.is_known_to_all()
        } else {
            self.is_agreed()
        };
        self.is_whole() && agreed.is_yes()
    }

    /// Whether anybody lists a member that has no pod.
    fn lists_others(&self) -> bool {
        let listed = self.views.iter().filter_map(|view| view.lists.as_ref()).flatten();
        let mut others = listed.filter(|name| self.pods.iter().all(|pod| pod.member != **name));
        others.next().is_some()
    }

    /// Whether each member lists all of those that the pods are, whomever it lists besides.
    fn is_known_to_all(&self) -> Fact {
        self.is_known_among(|| self.pods.iter())
    }

    /// Whether each of these lists all of them.
    pub fn is_known_among<'a, Pods: Iterator<Item = &'a PodState>>(&self, pods: impl Fn() -> Pods) -> Fact {
        let known = pods().flat_map(|pod| {
            let view = self.views.iter().find(|view| view.ordinal == pod.ordinal);
            pods().map(move |other| view.map_or(Fact::Unknown, |view| view.lists(&other.member)))
        });
        Fact::all(known)
    }

    /// Whether each member lists exactly the members that the pods are, and finds the cluster well.
    pub fn is_agreed(&self) -> Fact {
        let expected = |lists: &[String]| {
            lists.len() == self.pods.len() && self.pods.iter().all(|pod| lists.contains(&pod.member))
        };
        let agreed = self.pods.iter().map(|pod| {
            let view = self.views.iter().find(|view| view.ordinal == pod.ordinal);
            let Some((lists, view)) = view.and_then(|view| Some((view.lists.as_ref()?, view))) else {
                return Fact::Unknown;
            };
            Fact::all([expected(lists).into(), view.is_healthy])
        });
        Fact::all(agreed)
    }
}

impl SubjectState {
    /// Whether it serves nobody: stopped, or neither Ready nor with a session (M2).
    pub fn is_quiet(&self) -> Fact {
        let is_idle = match self.sessions {
            Some(sessions) => Fact::from(sessions == 0 && !self.is_ready),
            None => Fact::Unknown,
        };
        self.is_stopped.max(is_idle)
    }
}

impl View {
    /// Whether this member lists another.
    pub fn lists(&self, member: &str) -> Fact {
        self.lists
            .as_ref()
            .map_or(Fact::Unknown, |lists| lists.iter().any(|name| name == member).into())
    }
}

/// What the survivors say of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Every survivor answered and lists it.
    ByAll,
    /// The survivors do not agree (yet).
    BySome,
    /// Every survivor answered and none lists it.
    ByNone,
    /// One did not answer, or there is none to ask.
    Unknown,
}
