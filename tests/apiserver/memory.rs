//! What is remembered across restarts and handovers (R13 to R16): nothing ever shrinks earlier, and no step is larger, for
//! an operator having ended.

mod handover;
mod interrupted;
mod restart;

use std::time::Duration;

use crate::operator::Operator;
use crate::world::World;

/// How an operator comes to its end.
#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGTERM.
    Told,
    /// SIGKILL, or the machine's.
    Killed,
}

impl End {
    /// Ends an operator, and waits until it is gone.
    async fn of(self, operator: Operator) {
        match self {
            Self::Told => {
                let ended = operator.process.terminate(Duration::from_mins(1)).await;
                assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
            }
            Self::Killed => operator.process.kill(),
        }
    }
}

impl World {
    /// A Deployment `web` of 5 replicas, which is what the load asks for, and its autoscaler with a window of 5 minutes.
    async fn settle_at_five(&self) {
        self.set_load(500.0).await;
        self.create_workload("Deployment", "web", 5).await;
        let spec = self
            .default_spec("")
            .replace("stabilizationWindowSeconds: 0", "stabilizationWindowSeconds: 300");
        self.apply_autoscaler("web", "Deployment", "web", &spec).await;
        self.wait_condition("web", "Ready", "True", "ValidMetricFound").await;
    }
}
