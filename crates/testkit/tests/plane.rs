//! The control plane is real, complete, breakable on purpose, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use autoscaler_testkit::audit::AuditLog;
use autoscaler_testkit::plane::{ControlPlane, PlaneError, PlaneOptions};
use autoscaler_testkit::tcp_proxy::TcpProxy;
use autoscaler_testkit::wait::eventually;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use tokio::sync::OnceCell;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

/// Shared, and never dropped: also a test of that.
async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    PLANE
        .get_or_init(|| async {
            ControlPlane::start(PlaneOptions::default().with_ready_pods())
                .await
                .unwrap()
        })
        .await
}

const DATABASE: &str = r"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: none, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";

async fn ready(sets: &Api<StatefulSet>) -> Option<i32> {
    sets.get("db")
        .await
        .unwrap()
        .status
        .and_then(|status| status.ready_replicas)
}

#[tokio::test]
async fn pods_of_a_stateful_set_with_claims_become_ready_and_go_when_it_shrinks() {
    let plane = plane().await;
    let namespace = plane.namespace("ready").await.unwrap();
    let said = plane
        .kubectl_with_input(&["apply", "-n", &namespace, "-f", "-"], DATABASE)
        .await
        .unwrap();
    assert!(said.success, "{}", said.stderr);

    let sets: Api<StatefulSet> = Api::namespaced(plane.client_as_admin(), &namespace);
    let pods: Api<Pod> = Api::namespaced(plane.client_as_admin(), &namespace);
    eventually("three ready pods", SOON, || async { ready(&sets).await == Some(3) }).await;
    assert!(pods.get("db-2").await.unwrap().status.unwrap().pod_ip.is_some());

    let said = plane
        .kubectl(&["scale", "-n", &namespace, "statefulset/db", "--replicas=1"])
        .await
        .unwrap();
    assert!(said.success, "{}", said.stderr);
    eventually("one pod", SOON, || async {
        pods.list(&ListParams::default()).await.unwrap().items.len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_service_account_has_no_rights_until_given_and_the_audit_log_says_who_asked() {
    let plane = plane().await;
    let namespace = plane.namespace("rights").await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.client_as_admin(), &namespace);
    let metadata = ObjectMeta {
        name: Some("operator".into()),
        ..ObjectMeta::default()
    };
    accounts
        .create(
            &PostParams::default(),
            &ServiceAccount {
                metadata,
                ..ServiceAccount::default()
            },
        )
        .await
        .unwrap();
    let token = plane
        .service_account_token(&namespace, "operator", Duration::from_mins(10))
        .await
        .unwrap();

    let log = AuditLog::new(plane.audit_log_path());
    let mark = log.mark().unwrap();
    let pods: Api<Pod> = Api::namespaced(plane.client_for_token(&token), &namespace);
    let refused = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.code == 403),
        "{refused}"
    );

    let user = format!("system:serviceaccount:{namespace}:operator");
    let seen = eventually("the refusal in the log", SOON, || async {
        log.since(mark)
            .unwrap()
            .into_iter()
            .find(|request| request.user == user)
    });
    let seen = seen.await;
    assert_eq!(
        (seen.verb.as_str(), seen.resource.as_str(), seen.namespace, seen.code),
        ("list", "pods", namespace, 403)
    );
}

#[tokio::test]
async fn what_the_api_server_refuses_comes_back_as_it_said_it() {
    let refused = plane()
        .await
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: Bad_Name}")
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, PlaneError::Kubectl { stderr, .. } if stderr.contains("RFC 1123")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_kubeconfig_by_way_of_a_proxy_works_until_the_proxy_is_cut() {
    let plane = plane().await;
    let proxy = TcpProxy::start(plane.api_server_address());
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("kubeconfig");
    plane
        .write_kubeconfig_via(&path, plane.admin_token(), proxy.address())
        .unwrap();
    let kubeconfig = format!("--kubeconfig={}", path.display());
    let arguments = [kubeconfig.as_str(), "get", "namespace", "default", "-o", "name"];
    assert_eq!(plane.kubectl(&arguments).await.unwrap().stdout, "namespace/default\n");
    proxy.cut();
    let said = plane.kubectl(&arguments).await.unwrap();
    assert!(said.stderr.contains("refused"), "{}", said.stderr);
}

#[tokio::test]
async fn the_api_server_can_be_killed_frozen_and_brought_back_with_its_data() {
    let plane = ControlPlane::start(PlaneOptions::default()).await.unwrap();
    let namespace = plane.namespace("kept").await.unwrap();
    let read = || async {
        let namespaces: Api<Namespace> = Api::all(plane.client_as_admin());
        namespaces.get(&namespace).await
    };

    plane.api_server.kill();
    assert!(!plane.api_server.is_running());
    assert!(read().await.is_err());
    plane.api_server.start().await.unwrap();
    assert!(read().await.is_ok());

    plane.api_server.pause().unwrap();
    assert!(timeout(Duration::from_millis(300), read()).await.is_err());
    plane.api_server.resume().unwrap();
    assert!(timeout(SOON, read()).await.unwrap().is_ok());

    plane.controller_manager.restart().await.unwrap();
    let directory = plane.directory().to_owned();
    assert!(!processes_of(&directory).is_empty());
    drop(plane);
    // The guard of a process that was killed may take a moment longer to notice.
    wait_all_gone(&directory).await;
    assert!(!directory.exists());
}

#[tokio::test]
async fn nothing_is_left_when_the_process_that_started_it_is_killed() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_testkit"));
    let mut parent = parent
        .arg("up")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open: a line that cannot be printed would end the parent before we do.
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let kubeconfig = Path::new(line.trim().strip_prefix("export KUBECONFIG=").unwrap());
    let directory = kubeconfig.parent().unwrap().to_owned();
    assert!(processes_of(&directory).len() >= 5, "{:?}", processes_of(&directory));

    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_all_gone(&directory).await;
    eventually("the directory gone", SOON, || async { !directory.exists() }).await;
}

async fn wait_all_gone(directory: &Path) {
    eventually("all children gone", SOON, || async {
        let left = processes_of(directory);
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}

/// Command lines of living processes that name `directory`, except the janitor, which outlives the others to remove it.
fn processes_of(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    let named = lines.filter(|line| line.contains(directory.to_str().unwrap()));
    named
        .filter(|line| !line.contains("rm -rf"))
        .map(|line| line.replace('\0', " "))
        .collect()
}
