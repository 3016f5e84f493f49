use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::scripted_server::ScriptedServer;
use crate::target::Targets;

const BROKER: &str = "/apis/example.com/v1/namespaces/default/brokers/web";

/// E83 of the HPA's own tests: nothing is measured, and the condition says what could not be read.
#[tokio::test(start_paused = true)]
async fn e83_a_scale_that_cannot_be_read_is_told_as_such() {
    let server = ScriptedServer::default();
    let broker = json!({
        "apiVersion": "example.com/v1", "kind": "Broker",
        "metadata": {"name": "web", "namespace": "default", "uid": "u-1", "resourceVersion": "7"},
    });
    server.serve_kinds("example.com/v1", &[("brokers", "Broker")]);
    server.serve_list("/apis/example.com/v1/brokers", std::slice::from_ref(&broker));
    server.serve(BROKER, broker);
    server.refuse(&format!("{BROKER}/scale"), 500);
    let (clock, gate) = ScriptedServer::clock_and_gate();
    let stop = CancellationToken::new();
    let targets = Targets::new(server.client(), gate, clock, None, stop.clone());
    let reference = json!({"apiVersion": "example.com/v1", "kind": "Broker", "name": "web"});
    let reference: ScaleTargetRef = serde_json::from_value(reference).unwrap();

    let obstacle: Obstacle = targets.live(&reference, "default").await.unwrap_err().into();
    assert_eq!(
        (obstacle.reason, obstacle.message.as_str()),
        (
            "FailedGetScale",
            "failed to read the scale of the target: HTTP 500: etcd is away"
        )
    );
    stop.cancel();
}
