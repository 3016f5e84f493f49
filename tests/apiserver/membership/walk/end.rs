//! What must be the same however an operation went: sizes, members, claims, whatever was acknowledged, and nothing left over.

use std::collections::BTreeSet;

use autoscaler_testkit::wait::patiently;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use super::site::{PATIENCE, Site};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct End {
    pub(super) replicas: u32,
    pods: Vec<String>,
    claims: Vec<String>,
    /// For each pod, whom it lists.
    members: Vec<Vec<String>>,
    /// Whose sessions are kept.
    sessions: Vec<String>,
    /// Of everything that was ever acknowledged.
    pub(in super::super) messages: Vec<String>,
    /// Listeners that do not run.
    pub(in super::super) residue: Vec<String>,
    finalizers: Vec<String>,
}

impl Site {
    /// Waits for the end with so many members, and tells it.
    pub(in super::super) async fn end(&self, left: u32) -> End {
        self.rests_with(left).await;
        let all = ListParams::default();
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(self.stage.world.client.clone(), &self.stage.world.namespace);
        let claims = patiently(&format!("{left} claims"), PATIENCE, || async {
            let listed = claims.list(&all).await.map_err(|error| error.to_string())?;
            let names = sorted(listed.iter().map(ResourceExt::name_any));
            (u32::try_from(names.len()) == Ok(left))
                .then(|| names.clone())
                .ok_or(format!("{names:?}"))
        })
        .await;
        let pods = self.stage.pods().list(&all).await.unwrap();
        let (mut members, mut sessions, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        for ordinal in self.stage.ordinals(left) {
            let broker = self.broker(ordinal).unwrap();
            let own = format!(".{}.", self.stage.world.namespace);
            let listed = broker.members().await.unwrap().into_keys();
            members.push(listed.map(|member| member.replace(&own, ".")).collect());
            let inside = broker.inside().await.unwrap();
            for queue in inside.queues {
                sessions.push(queue.client);
                messages.extend(queue.messages);
            }
        }
        End {
            replicas: self.stage.world.replicas("StatefulSet", "broker").await,
            pods: sorted(pods.iter().map(ResourceExt::name_any)),
            claims,
            members,
            sessions: sorted(sessions),
            messages: sorted(messages),
            residue: self.listeners_that_do_not_run(left).await,
            finalizers: self.stage.finalizers().await,
        }
    }
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
