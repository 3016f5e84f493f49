//! A cluster of members, its pods, and an operation on the last of them.

use std::time::Duration;

use autoscaler_core::membership::{Effect, Operation, Reply};
use autoscaler_members::{Cluster, Compiled, Credential, Found, Members, built_in};
use serde_json::Value;

use crate::member::{Member, members};
use crate::operation::{operation, pod};
use crate::prometheus::Says;

/// A `StatefulSet` `broker` in the namespace `shop`, whose last member leaves.
pub(crate) struct Stage {
    pub(crate) profile: Compiled,
    pub(crate) cluster: Cluster,
    pub(crate) members: Vec<Member>,
    pub(crate) operation: Operation,
    pub(crate) port: u16,
}

impl Stage {
    /// So many members of a built-in profile, on the port that is free.
    pub(crate) async fn of(profile: &str, count: u8) -> Self {
        let mut spec = built_in(profile).unwrap().spec().clone();
        let (port, members) = members(count).await;
        spec.member.port = i32::from(port);
        let profile = Compiled::compile(&spec).unwrap();
        let pods = (0..)
            .zip(&members)
            .map(|(ordinal, (ip, _))| pod(ordinal, *ip))
            .collect();
        let cluster = Cluster {
            namespace: "shop".to_owned(),
            target: "broker".to_owned(),
            service: "headless".to_owned(),
            domain: "cluster.local".to_owned(),
            pods,
            credential: None,
        };
        let leaving = u32::from(count) - 1;
        let operation = operation(&profile, &cluster, leaving);
        Self {
            profile,
            cluster,
            members: members.into_iter().map(|(_, member)| member).collect(),
            operation,
            port,
        }
    }

    /// The member that leaves.
    pub(crate) fn leaver(&self) -> &Member {
        self.members.last().unwrap()
    }

    /// What the cluster calls a member.
    pub(crate) fn name(&self, ordinal: u32) -> String {
        Members::name(&self.profile, &self.cluster, ordinal)
    }

    pub(crate) fn names(&self, ordinals: impl IntoIterator<Item = u32>) -> Vec<String> {
        ordinals.into_iter().map(|ordinal| self.name(ordinal)).collect()
    }

    /// Every member says this.
    pub(crate) fn all_say(&self, to: &str, what: &Value) {
        for member in &self.members {
            member.says_json(to, what.clone());
        }
    }

    pub(crate) async fn look(&self) -> Found {
        self.look_with(Some(0.0)).await
    }

    pub(crate) async fn look_with(&self, prometheus: Option<f64>) -> Found {
        let about = Some(self.operation.member.ordinal);
        let members = Members::new().unwrap();
        members
            .look(
                &self.profile,
                &self.cluster,
                about,
                Some(&self.operation),
                &Says(prometheus),
            )
            .await
    }

    pub(crate) async fn act(&self, effect: Effect) -> Reply {
        self.act_if(effect, |_| true).await
    }

    pub(crate) async fn act_if(&self, effect: Effect, may_send: impl Fn(Duration) -> bool + Send + Sync) -> Reply {
        let members = Members::new().unwrap();
        members
            .act(&self.profile, &self.cluster, &self.operation, effect, may_send)
            .await
    }

    /// The secret of the namespace is there.
    pub(crate) fn with_credential(mut self, secret: &str) -> Self {
        self.cluster.credential = Some(Credential::new(secret.into()).unwrap());
        self
    }
}
