//! Who has precedence, and what is known of it while a watch breaks.

use serde_json::json;

use super::*;
use crate::scripted_server::{ScriptedServer, Watch};

const HPAS: &str = "/apis/autoscaling/v2/horizontalpodautoscalers";
const KEDA: &str = "/apis/keda.sh/v1alpha1";
const SCALED_OBJECTS: &str = "/apis/keda.sh/v1alpha1/scaledobjects";

fn spec(reference: &serde_json::Value) -> DynamicObject {
    let resource = ApiResource::from_gvk(&scaled_object());
    DynamicObject::new("x", &resource).data(json!({"spec": {"scaleTargetRef": reference}}))
}

fn me() -> Contender {
    Contender {
        target: TargetKey::new("apps/v1", "Deployment", "web"),
        created: Timestamp::UNIX_EPOCH,
        uid: "u-1".to_owned(),
    }
}

/// A server with no HPA, and a `ScaledObject` for the target.
fn server() -> ScriptedServer {
    let server = ScriptedServer::default();
    server.serve_list(HPAS, &[]);
    server.serve_kinds("keda.sh/v1alpha1", &[("scaledobjects", "ScaledObject")]);
    let scaled_object = json!({
        "metadata": {"name": "theirs", "namespace": "default", "resourceVersion": "7"},
        "spec": {"scaleTargetRef": {"name": "web"}},
    });
    server.serve_list(SCALED_OBJECTS, &[scaled_object]);
    server
}

fn watch(server: &ScriptedServer, stop: &CancellationToken) -> Arc<Rivals> {
    let (_, gate) = ScriptedServer::clock_and_gate();
    let rivals = Rivals::watch(&server.client(), &gate, None, stop);
    rivals.complete();
    rivals
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn r22_a_watch_of_rivals_that_keeps_failing_is_told_with_its_cause() {
    let (server, stop) = (server(), CancellationToken::new());
    server.let_watch(HPAS, Watch::Refused(500));
    server.serve_list(SCALED_OBJECTS, &[]);
    let rivals = watch(&server, &stop);
    assert!(matches!(rivals.of("default", &me()).await, Rivalry::None));
    pass(120).await;
    match rivals.of("default", &me()).await {
        Rivalry::Stale(kind, trouble) => {
            assert_eq!(kind, "HorizontalPodAutoscaler");
            let trouble = trouble.to_string();
            assert!(trouble.ends_with(": HTTP 500: etcd is away"), "{trouble}");
        }
        other => panic!("{other:?}"),
    }
    server.let_watch(HPAS, Watch::Silent);
    pass(130).await;
    assert!(matches!(rivals.of("default", &me()).await, Rivalry::None));
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn r22_what_keeps_us_from_learning_of_keda_is_told() {
    let (server, stop) = (server(), CancellationToken::new());
    server.refuse(KEDA, 500);
    let rivals = watch(&server, &stop);
    match rivals.of("default", &me()).await {
        Rivalry::Pending(kind, Some(trouble)) => {
            assert_eq!(kind, "ScaledObject");
            let trouble = trouble.to_string();
            assert!(
                trouble.ends_with("failed to look for KEDA: HTTP 500: etcd is away"),
                "{trouble}"
            );
        }
        other => panic!("{other:?}"),
    }
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn r22_keda_that_is_removed_has_precedence_no_more_and_may_come_back() {
    let (server, stop) = (server(), CancellationToken::new());
    server.let_watch(SCALED_OBJECTS, Watch::Cut(Duration::from_secs(20)));
    let rivals = watch(&server, &stop);
    let is_theirs = async || match rivals.of("default", &me()).await {
        Rivalry::Rival(rival) => {
            assert_eq!(rival, Rival::ScaledObject("theirs".to_owned()));
            true
        }
        Rivalry::None => false,
        other => panic!("{other:?}"),
    };
    assert!(is_theirs().await);
    // What was known holds until it is known better.
    server.let_watch(SCALED_OBJECTS, Watch::Refused(404));
    server.refuse(KEDA, 500);
    pass(40).await;
    assert!(is_theirs().await);
    server.refuse(KEDA, 404);
    pass(10).await;
    assert!(!is_theirs().await);
    pass(200).await;
    assert!(!is_theirs().await);

    server.let_watch(SCALED_OBJECTS, Watch::Silent);
    server.serve_kinds("keda.sh/v1alpha1", &[("scaledobjects", "ScaledObject")]);
    pass(300).await;
    assert!(is_theirs().await);
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn r22_nobody_acts_before_all_rivals_are_known() {
    let rivals = Rivals {
        horizontal_pod_autoscalers: Mirror::new(TargetKey::in_spec),
        scaled_objects: Mirror::new(TargetKey::in_spec),
        ours: Mirror::new(|_| None),
    };
    let me = me();
    let completions: [&dyn Fn(); 3] = [
        &|| rivals.complete(),
        &|| rivals.horizontal_pod_autoscalers.complete(),
        &|| rivals.scaled_objects.complete(),
    ];
    for complete in completions {
        assert!(matches!(rivals.of("ns", &me).await, Rivalry::Pending(_, None)));
        complete();
    }
    assert!(matches!(rivals.of("ns", &me).await, Rivalry::None));
}

/// E78 of the HPA's own tests: another HPA, of another workload.
#[tokio::test(start_paused = true)]
async fn r22_e78_a_writer_of_another_target_is_no_rival() {
    let rivals = Rivals {
        horizontal_pod_autoscalers: Mirror::new(TargetKey::in_spec),
        scaled_objects: Mirror::new(TargetKey::in_spec),
        ours: Mirror::new(|_| None),
    };
    let target = |name| TargetKey::new("apps/v1", "Deployment", name);
    let hpas = &rivals.horizontal_pod_autoscalers;
    hpas.put("ns", "theirs", target("api"));
    hpas.complete();
    rivals.scaled_objects.complete();
    rivals.complete();
    assert!(matches!(rivals.of("ns", &me()).await, Rivalry::None));
    hpas.put("ns", "theirs", target("web"));
    assert!(matches!(rivals.of("ns", &me()).await, Rivalry::Rival(_)));
    assert!(matches!(rivals.of("other", &me()).await, Rivalry::None));
}

#[test]
fn r22_a_target_is_the_same_in_every_version() {
    let ours = TargetKey::new("apps/v1", "Deployment", "web");
    let theirs = TargetKey::in_spec(&spec(
        &json!({"apiVersion": "apps/v1beta2", "kind": "Deployment", "name": "web"}),
    ));
    assert_eq!(theirs, Some(ours));
}

#[test]
fn r22_keda_means_a_deployment_when_it_names_no_kind() {
    let ours = TargetKey::new("apps/v1", "Deployment", "web");
    assert_eq!(TargetKey::in_spec(&spec(&json!({"name": "web"}))), Some(ours));
}

#[test]
fn r22_the_older_one_wins_and_then_the_smaller_uid() {
    let contender = |second, uid: &str| Contender {
        target: TargetKey::new("apps/v1", "Deployment", "web"),
        created: Timestamp::from_second(second).unwrap(),
        uid: uid.to_owned(),
    };
    assert!(contender(1, "b").beats(&contender(2, "a")));
    assert!(contender(1, "a").beats(&contender(1, "b")));
    assert!(!contender(1, "a").beats(&contender(1, "a")));
}
