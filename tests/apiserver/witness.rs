//! What the API server says of our operators, whatever they say of themselves: its audit log, and what they left in status.

use std::sync::atomic::{AtomicU32, Ordering};

use autoscaler_core::History;
use autoscaler_testkit::audit::{Mark, Request};
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use crate::world::{DEADLINE, World};

impl World {
    /// Now, in the audit log.
    pub(crate) fn mark(&self) -> Mark {
        self.audit_log().mark().unwrap()
    }

    /// All that our operators have asked the API server for since then, but for keeping their lease, and answering profiles:
    /// those are in no namespace, so that every operator of every test sees the profiles of all tests.
    pub(crate) async fn requests_since(&self, mark: Mark) -> Vec<Request> {
        let requests = self.all_requests_since(mark).await;
        requests
            .into_iter()
            .filter(|request| request.resource != "leases" && !is_answer_to_a_profile(request))
            .collect()
    }

    /// With their lease.
    pub(crate) async fn all_requests_since(&self, mark: Mark) -> Vec<Request> {
        // A line may come a moment after its answer. Once the line of a later request is there, all earlier ones are.
        let sentinel = self.ask_for_nothing().await;
        let user = self.user();
        eventually("the audit log is complete", DEADLINE, || async {
            let requests = self.audit_log().since(mark).unwrap();
            let complete = requests.iter().any(|request| request.name == sentinel);
            complete.then(|| requests.into_iter().filter(|request| request.user == user).collect())
        })
        .await
    }

    /// The watches of theirs that have ended since then.
    pub(crate) fn watches_ended_since(&self, mark: Mark) -> Vec<Request> {
        let ended = self.audit_log().watches_ended_since(mark).unwrap();
        let user = self.user();
        ended.into_iter().filter(|request| request.user == user).collect()
    }

    /// Their attempts to change a size since then.
    pub(crate) async fn scale_writes_since(&self, mark: Mark) -> Vec<Request> {
        let requests = self.requests_since(mark).await;
        requests
            .into_iter()
            .filter(|request| request.verb == "patch" && request.subresource == "scale")
            .collect()
    }

    /// What an autoscaler remembers, as its status has it.
    pub(crate) async fn history(&self, name: &str) -> History {
        let stored = self.status(name).await.history.unwrap();
        History::decode(&stored).unwrap()
    }

    /// A request that leaves a line of its own.
    async fn ask_for_nothing(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("sentinel-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        assert_eq!(api.get_opt(&name).await.unwrap(), None);
        name
    }
}

fn is_answer_to_a_profile(request: &Request) -> bool {
    request.resource == "membershipprofiles" && request.verb == "patch"
}
