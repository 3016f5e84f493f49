//! Real etcd, as pods.

use autoscaler_testkit::binaries::{Program, locate_all};
use autoscaler_testkit::kubelet::sets::{SetOptions, etcd};
use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene};

#[tokio::test]
async fn three_real_etcds_form_a_cluster_and_keep_what_is_written() {
    let scene = Scene::new("etcd").await;
    let [program] = locate_all([Program::Etcd]).await.unwrap();
    let options = SetOptions {
        when_scaled: "Delete",
        ..scene.options(3)
    };
    let files = scene.kubelet.directory().join("etcd");
    scene.create(etcd(&options, &files, &program).unwrap()).await;
    scene.wait_ready(3).await;
    let ask = async |pod: &str, what: &str, body: Value| -> Result<Value, String> {
        let address = scene.kubelet.address(&scene.namespace, pod).ok_or("no address")?;
        autoscaler_testkit::install_crypto_provider();
        let request = reqwest::Client::new()
            .post(format!("http://{address}:2379/v3/{what}"))
            .json(&body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer
            .error_for_status()
            .map_err(|error| error.to_string())?
            .json()
            .await
            .map_err(|error| error.to_string())
    };
    let members = ask("broker-0", "cluster/member/list", json!({})).await.unwrap();
    let ids: Vec<_> = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["ID"].clone())
        .collect();
    assert_eq!(ids.len(), 3);
    // "key" and "value", in base64.
    let (key, value) = ("a2V5", "dmFsdWU=");
    ask("broker-1", "kv/put", json!({"key": key, "value": value}))
        .await
        .unwrap();

    // A member that was removed ends, and ends again on its old data.
    let last = members["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "broker-2")
        .unwrap();
    // etcd answers 503 ("unhealthy cluster") for the first seconds after the last change.
    let remove = || ask("broker-0", "cluster/member/remove", json!({"ID": last["ID"]}));
    eventually("the removal", SOON, remove).await;
    eventually("a crash loop", SOON, || async {
        scene.container("broker-2").await.restart_count >= 2
    })
    .await;
    scene.scale(2).await;
    scene.gone("broker-2").await;
    let claims = scene.claims();
    eventually("its claim gone", SOON, || async {
        claims.get_opt("data-broker-2").await.unwrap().is_none()
    })
    .await;
    // On new data it joins again, and has what was written.
    scene.scale(3).await;
    scene.wait_ready(3).await;
    let read = eventually("the value", SOON, || ask("broker-2", "kv/range", json!({"key": key}))).await;
    assert_eq!(read["kvs"][0]["value"], value);
}
