//! The members as the driver sees them: they are asked, and acted on. The one implementation outside tests is
//! `autoscaler-members`.

use std::time::Duration;

use autoscaler_core::membership::{Effect, Operation, Reply};
use autoscaler_members::{Cluster, Compiled, Found, Members, Questions};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Whether a request may be sent whose reply is waited for so long.
pub(crate) type MaySend = Box<dyn Fn(Duration) -> bool + Send + Sync>;

/// See the module.
pub(crate) trait Broker: Send + Sync {
    /// What the members tell, about the pod at this ordinal and for the steps of this operation.
    fn look<'a>(
        &'a self,
        profile: &'a Compiled,
        cluster: &'a Cluster,
        about: Option<u32>,
        operation: Option<&'a Operation>,
        questions: &'a dyn Questions,
    ) -> BoxFuture<'a, Found>;

    /// Carries out one act, if it may be sent at that moment.
    fn act<'a>(
        &'a self,
        profile: &'a Compiled,
        cluster: &'a Cluster,
        operation: &'a Operation,
        effect: Effect,
        may_send: MaySend,
    ) -> BoxFuture<'a, Reply>;
}

impl Broker for Members {
    fn look<'a>(
        &'a self,
        profile: &'a Compiled,
        cluster: &'a Cluster,
        about: Option<u32>,
        operation: Option<&'a Operation>,
        questions: &'a dyn Questions,
    ) -> BoxFuture<'a, Found> {
        Self::look(self, profile, cluster, about, operation, questions).boxed()
    }

    fn act<'a>(
        &'a self,
        profile: &'a Compiled,
        cluster: &'a Cluster,
        operation: &'a Operation,
        effect: Effect,
        may_send: MaySend,
    ) -> BoxFuture<'a, Reply> {
        Self::act(self, profile, cluster, operation, effect, may_send).boxed()
    }
}
