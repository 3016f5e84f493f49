//! Answers: who holds this Lease, and how is one written? Says nothing about what to do next.
//!
//! What the fields say, apart from a name in `holderIdentity`:
//!
//! | holderIdentity | acquireTime | renewTime | meaning |
//! |---|---|---|---|
//! | empty | none | none | nobody ever held it: the Lease as it is shipped |
//! | empty | none | set | given up by its holder, after all its writes had ended |
//! | empty | set | any | somebody may still be writing: erased by hand, or created after it went missing |

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::timing::Timing;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody, ever.
    Never,
    /// Nobody: its holder gave it up then.
    Released {
        /// The holder's clock.
        at: Timestamp,
    },
    /// Nobody is named, but somebody may believe to hold it.
    Unknown,
    /// The replica of this name.
    Named(String),
}

pub(super) fn holder(lease: &Lease) -> Holder {
    let Some(spec) = &lease.spec else {
        return Holder::Never;
    };
    let name = spec.holder_identity.as_deref().unwrap_or_default();
    match (name, &spec.acquire_time, &spec.renew_time) {
        ("", None, None) => Holder::Never,
        ("", None, Some(MicroTime(at))) => Holder::Released { at: *at },
        ("", Some(_), _) => Holder::Unknown,
        (name, _, _) => Holder::Named(name.to_owned()),
    }
}

/// How long the holder asked others to wait, if that makes sense.
pub(super) fn duration(lease: &Lease) -> Option<std::time::Duration> {
    let seconds = lease.spec.as_ref()?.lease_duration_seconds?;
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(std::time::Duration::from_secs)
}

/// The number of the last term.
pub(super) fn epoch(lease: &Lease) -> i32 {
    let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
    transitions.unwrap_or(0).max(0)
}

/// What makes one state of the lease another: of another UID, it is another object.
pub(super) fn version(lease: &Lease) -> (Option<&str>, Option<&str>) {
    (
        lease.metadata.uid.as_deref(),
        lease.metadata.resource_version.as_deref(),
    )
}

/// One term of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) identity: String,
    pub(super) epoch: i32,
    pub(super) acquired: Timestamp,
}

impl Hold {
    /// The lease, taken or renewed. Labels, annotations and `resourceVersion` stay as they were seen.
    pub(super) fn write(&self, mut lease: Lease, timing: &Timing, now: Timestamp) -> Lease {
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.identity.clone());
        spec.acquire_time = Some(MicroTime(self.acquired));
        spec.renew_time = Some(MicroTime(now));
        spec.lease_duration_seconds = Some(timing.lease_seconds());
        spec.lease_transitions = Some(self.epoch);
        lease
    }

    /// The lease, given up.
    pub(super) fn release(&self, lease: Lease, timing: &Timing, now: Timestamp) -> Lease {
        let mut lease = self.write(lease, timing, now);
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.acquire_time = None;
        lease
    }
}

/// A lease of that name which does not exist yet.
pub(super) fn missing(namespace: &str, name: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}

/// The same, in a form that nobody may take before one lease duration has passed.
pub(super) fn in_doubt(mut lease: Lease, epoch: i32, timing: &Timing, now: Timestamp) -> Lease {
    lease.spec = Some(LeaseSpec {
        acquire_time: Some(MicroTime(now)),
        lease_duration_seconds: Some(timing.lease_seconds()),
        lease_transitions: Some(epoch),
        ..LeaseSpec::default()
    });
    lease
}
