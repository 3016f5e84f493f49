//! What is told of the members: two conditions, one sentence, and events. Pure: the words come from
//! `autoscaler_core::explain::membership`.

use autoscaler_api::annotations::{ABORT, RETRY};
use autoscaler_api::conditions::{Status, reason};
use autoscaler_core::explain::membership as explain;
use autoscaler_core::membership::{Fact, Idle, Leave, Operation, PodState, Retry, Wait, Work, World};

use super::memory::Memory;
use crate::events::Happening;
use crate::reconcile::report::status::Finding;
use crate::snapshot::Requests;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// `MembershipHealthy`.
    pub healthy: Finding,
    /// `MembershipStable`.
    pub stable: Finding,
    /// What is being done, and what is waited for.
    pub doing: Option<String>,
    /// What happened since it was told last.
    pub happenings: Vec<Happening>,
    /// A change of size, for the list of decisions.
    pub line: Option<String>,
}

impl Told {
    /// Both conditions, and nothing that happened.
    pub(super) fn new(healthy: Finding, stable: Finding) -> Self {
        Self {
            healthy,
            stable,
            doing: None,
            happenings: Vec::new(),
            line: None,
        }
    }

    /// Nobody could be asked.
    pub(super) fn unknown(why: &str) -> Self {
        let finding = (Status::Unknown, reason::NOT_PROBED, why.to_owned());
        Self::new(finding.clone(), finding)
    }
}

/// The condition `MembershipStable` while an operation is under way.
pub(super) fn under_way(operation: &Operation, wait: Option<&Wait>, requests: &Requests) -> (Finding, String) {
    let mut doing = explain::operation(operation);
    if let Some(wait) = wait {
        doing = format!("{doing}; {}", explain::wait(operation, wait));
    }
    let reason = wait.and_then(reason_of).unwrap_or(match operation.work {
        Work::Leave(Leave::Aborting { .. }) => reason::TAKING_BACK,
        Work::Leave(_) => reason::MEMBER_LEAVING,
        Work::Join(_) => reason::MEMBER_JOINING,
        Work::Forget => reason::MEMBER_FORGOTTEN,
    });
    let way_out = match operation.work {
        Work::Leave(Leave::Aborting { .. }) => String::new(),
        _ if requests.abort.as_deref() == Some(&operation.id) => String::new(),
        _ if operation.can_abort() => format!("; the annotation {ABORT}: {} takes it back", operation.id),
        _ => String::new(),
    };
    let ignored = ignored(requests.abort.as_deref(), ABORT, Some(&operation.id));
    let message = format!("{doing}{way_out}{ignored}");
    ((Status::False, reason, message), doing)
}

/// The condition `MembershipStable` while none is.
pub(super) fn at_rest(idle: &Idle, memory: &Memory, retry: Retry, wants_shrink: bool, requests: &Requests) -> Finding {
    let last_id = memory.last_id.as_deref();
    let ignored = ignored(requests.abort.as_deref(), ABORT, None) + &ignored(requests.retry.as_deref(), RETRY, last_id);
    let last = memory
        .last_result
        .as_ref()
        .map(|last| format!("; the last one, {last}"))
        .unwrap_or_default();
    if wants_shrink && let Some(why) = explain::back_off(memory.aborts, retry, last_id.unwrap_or_default()) {
        let reason = match retry {
            Retry::Held => reason::SHRINK_HELD,
            Retry::After(_) | Retry::Now => reason::BACKING_OFF,
        };
        return (Status::True, reason, format!("{why}{last}{ignored}"));
    }
    (
        Status::True,
        reason::STABLE,
        format!("{}{last}{ignored}", explain::idle(idle)),
    )
}

/// An annotation that names another operation has no effect, and is said to have none (M14a).
fn ignored(written: Option<&str>, annotation: &str, id: Option<&str>) -> String {
    match (written, id) {
        (None, _) => String::new(),
        (Some(written), Some(id)) if written == id => String::new(),
        (Some(written), Some(id)) => {
            format!("; the annotation {annotation}: {written} is ignored: the operation is {id}")
        }
        (Some(written), None) => {
            format!("; the annotation {annotation}: {written} is ignored: no operation is under way")
        }
    }
}

fn reason_of(wait: &Wait) -> Option<&'static str> {
    Some(match wait {
        Wait::Agreement => reason::MEMBERS_DISAGREE,
        Wait::Gate(_) => reason::GATE_CLOSED,
        Wait::Target => reason::ROLLOUT_IN_PROGRESS,
        Wait::Quorum => reason::QUORUM_AT_RISK,
        Wait::StaleClaim => reason::STALE_CLAIM,
        Wait::Stalled(_) => reason::STEP_STALLED,
        Wait::InDoubt => reason::IN_DOUBT,
        Wait::Proof | Wait::LeaverUnknown => reason::NOT_PROVEN,
        Wait::NobodyAffirms => reason::NOBODY_AFFIRMS,
        Wait::LeaverServesAlone => reason::LEAVER_SERVES_ALONE,
        Wait::LeaverLingers => reason::LEAVER_LINGERS,
        Wait::LeftAndStays => reason::LEFT_AND_STAYS,
        Wait::NodeLost => reason::NODE_NOT_LOST,
        Wait::JoinStalled => reason::JOIN_STALLED,
        Wait::TargetReplaced => reason::TARGET_REPLACED,
        Wait::Step(_)
        | Wait::Patch
        | Wait::PodGone
        | Wait::Forgotten
        | Wait::Joined
        | Wait::Settled
        | Wait::UnderWay
        | Wait::Undone(_)
        | Wait::Deposed => return None,
    })
}

/// Whether an operation is stuck, for the metrics.
pub(super) fn is_stalled(wait: &Wait) -> bool {
    matches!(
        wait,
        Wait::Stalled(_) | Wait::JoinStalled | Wait::LeaverLingers | Wait::LeftAndStays
    )
}

/// The condition `MembershipHealthy` after a look.
pub(super) fn healthy(
    world: &World,
    operation: Option<&Operation>,
    undrained: Option<&str>,
    trouble: &[String],
) -> Finding {
    let unhealthy = |reason, message| (Status::False, reason, message);
    if let Some(name) = undrained {
        let message = explain::idle(&Idle::Undrained(name.to_owned()));
        return unhealthy(reason::UNDRAINED_REMOVAL, message);
    }
    // A member on its way out or in is told by the other condition.
    let moves = operation.map(|operation| operation.member.ordinal);
    let others = || world.pods.iter().filter(|pod| Some(pod.ordinal) != moves);
    let view = |pod: &PodState| world.views.iter().find(|view| view.ordinal == pod.ordinal);
    let names = |fits: &dyn Fn(&PodState) -> bool| -> Vec<&str> {
        others()
            .filter(|pod| fits(pod))
            .map(|pod| pod.member.as_str())
            .collect()
    };
    let is_silent =
        |pod: &PodState| view(pod).is_none_or(|view| view.lists.is_none() || view.is_healthy == Fact::Unknown);
    let silent = names(&is_silent);
    if !silent.is_empty() {
        let why = if trouble.is_empty() {
            String::new()
        } else {
            format!(": {}", trouble.join("; "))
        };
        let message = format!(
            "{} of {} members did not tell: {}{why}",
            silent.len(),
            others().count(),
            silent.join(", ")
        );
        return unhealthy(reason::MEMBER_SILENT, message);
    }
    let sick = names(&|pod| view(pod).is_some_and(|view| view.is_healthy.is_no()));
    let unready = names(&|pod| !pod.is_ready);
    let split = others().find_map(|pod| {
        let lists = view(pod)?.lists.as_ref()?;
        let missing: Vec<&str> = names(&|other| !lists.contains(&other.member));
        (!missing.is_empty()).then(|| format!("{} does not list {}", pod.member, missing.join(", ")))
    });
    let faults: Vec<String> = [
        (!sick.is_empty()).then(|| format!("not well by their own account: {}", sick.join(", "))),
        (!unready.is_empty()).then(|| format!("pods not Ready: {}", unready.join(", "))),
        split,
    ]
    .into_iter()
    .flatten()
    .collect();
    if faults.is_empty() {
        let message = format!("{} members answer, are well and list each other", others().count());
        return (Status::True, reason::MEMBERS_AGREE, message);
    }
    unhealthy(reason::MEMBERS_DISAGREE, faults.join("; "))
}

/// What happened between two states of an operation.
pub(super) fn advanced(before: &Operation, after: &Operation) -> Option<Happening> {
    let is_same = before.work.phase() == after.work.phase() && step(before) == step(after);
    if is_same {
        return None;
    }
    let (reason, is_warning) = match after.work {
        Work::Leave(Leave::Aborting { .. }) => (reason::OPERATION_ABORTING, true),
        Work::Leave(_) | Work::Join(_) | Work::Forget => (reason::OPERATION_ADVANCED, false),
    };
    Some(Happening::operation(reason, is_warning, explain::operation(after)))
}

fn step(operation: &Operation) -> Option<usize> {
    match operation.work {
        Work::Leave(Leave::Draining { step, .. }) => Some(step),
        Work::Leave(_) | Work::Join(_) | Work::Forget => None,
    }
}
