//! Whether anybody else writes the size of the target (R22).

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::reason;
use autoscaler_core::explain;
use autoscaler_core::history::Contention;
use jiff::Timestamp;

use super::Obstacle;
use crate::context::Context;
use crate::rivals::{Contender, Rivalry};
use crate::subject::Subject;
use crate::target::TargetView;

/// Nobody else does.
pub(super) async fn sole_writer(
    context: &Context,
    subject: &Subject,
    reference: &ScaleTargetRef,
    target: &TargetView,
    now: Timestamp,
) -> Result<(), Obstacle> {
    let me = Contender::of(&subject.snapshot, reference);
    let rivalry = context.rivals.of(&subject.snapshot.namespace, &me).await;
    no_rival(rivalry, reference)?;
    free(reference, target)?;
    match subject.history.changes.contention(now) {
        Some(contention) => Err(Obstacle::new(reason::CONTENDED, contended(target, contention))),
        None => Ok(()),
    }
}

/// No other autoscaler has precedence.
fn no_rival(rivalry: Rivalry, ScaleTargetRef { kind, name, .. }: &ScaleTargetRef) -> Result<(), Obstacle> {
    let (reason, message) = match rivalry {
        Rivalry::None => return Ok(()),
        Rivalry::Rival(rival) => (
            reason::TARGET_CONFLICT,
            format!(
                "{kind} {name} is scaled by {}: this one writes nothing",
                rival.describe()
            ),
        ),
        Rivalry::Pending(rivals, trouble) => (
            reason::WAITING_FOR_CACHE,
            format!(
                "waiting for the first list of {rivals}, to learn whether another autoscaler scales {kind} {name}{}",
                trouble.map_or(String::new(), |trouble| format!("; {trouble}"))
            ),
        ),
        Rivalry::Stale(rivals, trouble) => (
            reason::RIVALS_UNKNOWN,
            format!(
                "it is not known any more whether another autoscaler scales {kind} {name}: the watch of {rivals} is \
                 broken; {trouble}"
            ),
        ),
        Rivalry::Forbidden(right) => (
            reason::FORBIDDEN,
            format!("it is not known whether another autoscaler scales {kind} {name}: {right}"),
        ),
    };
    Err(Obstacle::new(reason, message))
}

/// The target is nobody else's to size.
fn free(ScaleTargetRef { kind, name, .. }: &ScaleTargetRef, target: &TargetView) -> Result<(), Obstacle> {
    let (reason, message) = if let Some(owner) = &target.owner {
        let message = format!(
            "{kind} {name} is managed by {} {}, which sets its replicas: point scaleTargetRef at that one",
            owner.kind, owner.name
        );
        (reason::TARGET_MANAGED, message)
    } else if target.terminating {
        (reason::TARGET_TERMINATING, format!("{kind} {name} is being deleted"))
    } else if let Some(manager) = &target.applied_by {
        let message = format!(
            "{manager} applies spec.replicas of {kind} {name} and would put its number back: leave replicas out of what \
             it applies"
        );
        (reason::CONTENDED, message)
    } else {
        return Ok(());
    };
    Err(Obstacle::new(reason, message))
}

/// What is said of a fight over the size.
pub(in crate::reconcile) fn contended(target: &TargetView, contention: Contention) -> String {
    explain::contended(contention, target.last_set_by.as_deref())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::rivals::{Rivals, TargetKey};
    use crate::scripted_server::{ScriptedServer, Watch};

    const HPAS: &str = "/apis/autoscaling/v2/horizontalpodautoscalers";

    /// What stands in the way, with HPAs that cannot be watched, or not even listed.
    async fn obstacle(list: Option<u16>, seconds: u64) -> (&'static str, String) {
        let (server, stop) = (ScriptedServer::default(), CancellationToken::new());
        server.let_watch(HPAS, Watch::Refused(500));
        match list {
            Some(status) => server.refuse(HPAS, status),
            None => server.serve_list(HPAS, &[]),
        }
        let (_, gate) = ScriptedServer::clock_and_gate();
        let rivals = Rivals::watch(&server.client(), &gate, None, &stop);
        rivals.complete();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let reference: ScaleTargetRef = serde_json::from_value(reference).unwrap();
        let me = Contender {
            target: TargetKey::of(&reference),
            created: Timestamp::UNIX_EPOCH,
            uid: "u-1".to_owned(),
        };
        let Err(obstacle) = no_rival(rivals.of("default", &me).await, &reference) else {
            panic!("nothing stands in the way");
        };
        (obstacle.reason, obstacle.message)
    }

    #[tokio::test(start_paused = true)]
    async fn r22_rivals_that_are_not_known_are_told_with_what_keeps_them_from_us() {
        let (reason, message) = obstacle(Some(500), 1).await;
        assert_eq!(reason, "WaitingForCache");
        let waiting = "waiting for the first list of HorizontalPodAutoscaler, to learn whether another autoscaler scales \
                       Deployment web; it has been failing for ";
        assert!(message.starts_with(waiting), "{message}");
        assert!(message.ends_with(": HTTP 500: etcd is away"), "{message}");

        let (reason, message) = obstacle(None, 120).await;
        assert_eq!(reason, "RivalsUnknown");
        let broken = "it is not known any more whether another autoscaler scales Deployment web: the watch of \
                      HorizontalPodAutoscaler is broken; it has been failing for ";
        assert!(message.starts_with(broken), "{message}");
        assert!(message.ends_with(": HTTP 500: etcd is away"), "{message}");
    }
}
