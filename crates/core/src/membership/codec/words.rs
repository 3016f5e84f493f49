//! The words for what is done, how it is going, and why it is taken back: each once, for writing and for reading.

use super::super::operation::{AbortCause, Join, Leave, Reply, Work};
use super::super::world::Stop;

/// What came back.
pub(super) const REPLIES: [Reply; 3] = [Reply::Expected, Reply::Refused, Reply::Unclear];

impl AbortCause {
    /// Every cause.
    pub const ALL: [Self; 16] = [
        Self::Load,
        Self::Gate,
        Self::Deadline,
        Self::Refused,
        Self::PodReplaced,
        Self::Bounds,
        Self::ReplicasChanged,
        Self::TargetChanged,
        Self::Person,
        Self::TargetGoing,
        Self::Leftover,
        Self::Stop(Stop::NotActive),
        Self::Stop(Stop::MembershipRemoved),
        Self::Stop(Stop::ProfileChanged),
        Self::Stop(Stop::Contended),
        Self::Stop(Stop::Deleted),
    ];

    /// The stable word of a cause: in the stored form, in labels, in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Gate => "gate",
            Self::Deadline => "deadline",
            Self::Refused => "refused",
            Self::PodReplaced => "pod_replaced",
            Self::Bounds => "bounds",
            Self::ReplicasChanged => "replicas_changed",
            Self::TargetChanged => "target_changed",
            Self::Person => "person",
            Self::TargetGoing => "target_going",
            Self::Leftover => "leftover",
            Self::Stop(Stop::NotActive) => "not_active",
            Self::Stop(Stop::MembershipRemoved) => "membership_removed",
            Self::Stop(Stop::ProfileChanged) => "profile_changed",
            Self::Stop(Stop::Contended) => "contended",
            Self::Stop(Stop::Deleted) => "deleted",
        }
    }
}

pub(super) fn reply(reply: Reply) -> &'static str {
    match reply {
        Reply::Expected => "expected",
        Reply::Refused => "refused",
        Reply::Unclear => "unclear",
    }
}

pub(super) fn work(work: Work) -> String {
    let committed = |committed: bool| if committed { ":committed" } else { "" };
    match work {
        Work::Leave(Leave::Gating) => "leave:gating".to_owned(),
        Work::Leave(Leave::Draining { step, committed: is }) => format!("leave:draining:{step}{}", committed(is)),
        Work::Leave(Leave::Drained { committed: is }) => format!("leave:drained{}", committed(is)),
        Work::Leave(Leave::Patched) => "leave:patched".to_owned(),
        Work::Leave(Leave::Gone) => "leave:gone".to_owned(),
        Work::Leave(Leave::Verifying) => "leave:verifying".to_owned(),
        Work::Leave(Leave::Aborting { left, cause }) => format!("leave:aborting:{left}:{}", cause.as_str()),
        Work::Join(Join::Gating) => "join:gating".to_owned(),
        Work::Join(Join::Patched) => "join:patched".to_owned(),
        Work::Join(Join::Settling) => "join:settling".to_owned(),
        Work::Join(Join::Withdrawing) => "join:withdrawing".to_owned(),
        Work::Forget => "forget".to_owned(),
    }
}

/// The reverse of [`work`].
pub(super) fn read_work(word: &str) -> Option<Work> {
    let parts: Vec<&str> = word.split(':').collect();
    Some(match *parts {
        ["leave", "gating"] => Work::Leave(Leave::Gating),
        ["leave", "draining", step] => Work::Leave(Leave::Draining {
            step: step.parse().ok()?,
            committed: false,
        }),
        ["leave", "draining", step, "committed"] => Work::Leave(Leave::Draining {
            step: step.parse().ok()?,
            committed: true,
        }),
        ["leave", "drained"] => Work::Leave(Leave::Drained { committed: false }),
        ["leave", "drained", "committed"] => Work::Leave(Leave::Drained { committed: true }),
        ["leave", "patched"] => Work::Leave(Leave::Patched),
        ["leave", "gone"] => Work::Leave(Leave::Gone),
        ["leave", "verifying"] => Work::Leave(Leave::Verifying),
        ["leave", "aborting", left, cause] => Work::Leave(Leave::Aborting {
            left: left.parse().ok()?,
            cause: AbortCause::ALL.into_iter().find(|known| known.as_str() == cause)?,
        }),
        ["join", "gating"] => Work::Join(Join::Gating),
        ["join", "patched"] => Work::Join(Join::Patched),
        ["join", "settling"] => Work::Join(Join::Settling),
        ["join", "withdrawing"] => Work::Join(Join::Withdrawing),
        ["forget"] => Work::Forget,
        _ => return None,
    })
}
