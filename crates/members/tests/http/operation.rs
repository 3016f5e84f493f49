//! A pod, and an operation about it.

use std::net::IpAddr;

use autoscaler_core::Replicas;
use autoscaler_core::membership::operation::Looks;
use autoscaler_core::membership::{Leave, Member, Operation, Plan, Work};
use autoscaler_members::{Cluster, Compiled, Container, Members, Pod};
use jiff::Timestamp;

/// A pod that is well.
pub(crate) fn pod(ordinal: u32, ip: IpAddr) -> Pod {
    Pod {
        name: format!("broker-{ordinal}"),
        ordinal,
        uid: format!("uid-{ordinal}"),
        ip: Some(ip),
        host_network: false,
        is_ready: true,
        is_terminating: false,
        containers: vec![Container {
            name: "broker".to_owned(),
            is_running: true,
        }],
    }
}

/// An operation that lets the member of this ordinal go.
pub(crate) fn operation(profile: &Compiled, cluster: &Cluster, leaving: u32) -> Operation {
    Operation {
        id: "1".to_owned(),
        epoch: 1,
        target: "set".to_owned(),
        goal: Replicas::new(leaving),
        from: Replicas::new(leaving + 1),
        to: Replicas::new(leaving),
        floor: Replicas::new(1),
        member: Member {
            ordinal: leaving,
            uid: Some(format!("uid-{leaving}")),
            name: Members::name(profile, cluster, leaving),
        },
        survivors: Vec::new(),
        reached: 0,
        plan: Plan::of(profile.machine()),
        work: Work::Leave(Leave::Gating),
        started: Timestamp::UNIX_EPOCH,
        since: Timestamp::UNIX_EPOCH,
        sent: None,
        attempt: None,
        progress: None,
        looks: Looks::default(),
    }
}
