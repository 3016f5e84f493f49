//! Answers: with which arguments does each program of the plane run, and how does it show that it serves?
//!
//! Everything on loopback, everything in the plane's directory. Arguments of the caller come last: the last one wins.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::component::Probe;
use crate::http::client;
use crate::plane::access::{Access, User};
use crate::process::ProcessSpec;

/// Level Metadata says who asked what and what the answer was, without bodies; of the scale of a workload the body is told: the
/// count. There is no wildcard for groups.
/// Stage `RequestReceived` would double every line.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
"rules": [
    {"level": "Request", "verbs": ["patch", "update"], "resources": [{"group": "apps", "resources": ["*/scale"]}]},
    {"level": "Metadata"}
]}"#;

const STAGES: &str = include_str!("manifests/stages.yaml");

/// Where the files of a plane are, and who may read the API server.
#[derive(Debug)]
pub(super) struct Commands<'a> {
    pub(super) directory: &'a Path,
    pub(super) access: &'a Access,
}

impl Commands<'_> {
    pub(super) fn etcd(&self, program: PathBuf, clients: SocketAddr, peers: SocketAddr) -> (ProcessSpec, Probe) {
        // The name is random, because it tells our etcd from a stranger's.
        let name = format!("testkit-{}", self.access.token(User::Admin).split_at(8).0);
        let (client_url, peer_url) = (format!("http://{clients}"), format!("http://{peers}"));
        let spec = self.spec("etcd", program).args([
            format!("--name={name}"),
            format!("--data-dir={}", self.file("etcd")),
            format!("--listen-client-urls={client_url}"),
            format!("--advertise-client-urls={client_url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster={name}={peer_url}"),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ]);
        let members = client(None)
            .post(format!("{client_url}/v3/cluster/member/list"))
            .body("{}");
        let probe = Probe {
            request: members,
            contains: name,
        };
        (spec, probe)
    }

    pub(super) fn api_server(&self, program: PathBuf, etcd: SocketAddr) -> io::Result<(ProcessSpec, Probe)> {
        let (server, certificates) = (self.access.server(), self.access.certificates());
        fs::write(self.directory.join("audit-policy.json"), AUDIT_POLICY)?;
        let spec = self.spec("kube-apiserver", program).args([
            format!("--etcd-servers=http://{etcd}"),
            format!("--secure-port={}", server.port()),
            "--bind-address=127.0.0.1".to_owned(),
            // Endpoints may not be loopback addresses, so the server must not try to publish its own.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--tls-cert-file={}", certificates.serving_file().display()),
            format!("--tls-private-key-file={}", certificates.serving_key_file().display()),
            format!("--token-auth-file={}", self.access.token_file().display()),
            "--authorization-mode=RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!(
                "--service-account-signing-key-file={}",
                certificates.signing_key_file().display()
            ),
            format!(
                "--service-account-key-file={}",
                certificates.signing_public_key_file().display()
            ),
            format!("--audit-policy-file={}", self.file("audit-policy.json")),
            format!("--audit-log-path={}", audit_log(self.directory).display()),
            // Megabytes before rotation: a rotated log would lose requests to whoever counts them.
            "--audit-log-maxsize=100000".to_owned(),
        ]);
        let readyz = client(Some(certificates.authority_der())).get(format!("https://{server}/readyz"));
        // A stranger does not know the admin.
        let probe = Probe {
            request: readyz.bearer_auth(self.access.token(User::Admin)),
            contains: "ok".to_owned(),
        };
        Ok((spec, probe))
    }

    pub(super) fn controller_manager(&self, program: PathBuf, address: SocketAddr) -> (ProcessSpec, Probe) {
        let certificates = self.access.certificates();
        let spec = self
            .kubernetes_client("kube-controller-manager", program, User::ControllerManager, address)
            .args([
                "--use-service-account-credentials".to_owned(),
                format!("--root-ca-file={}", certificates.authority_file().display()),
                format!(
                    "--service-account-private-key-file={}",
                    certificates.signing_key_file().display()
                ),
                // The fake node sends no heartbeats.
                "--node-monitor-grace-period=10000h".to_owned(),
                "--node-startup-grace-period=10000h".to_owned(),
                // Tests share a plane: the client's limits must not be what they wait for.
                "--kube-api-qps=500".to_owned(),
                "--kube-api-burst=1000".to_owned(),
            ]);
        (spec, self.healthz(address))
    }

    pub(super) fn scheduler(&self, program: PathBuf, address: SocketAddr) -> (ProcessSpec, Probe) {
        let spec = self.kubernetes_client("kube-scheduler", program, User::Scheduler, address);
        let spec = spec.args(["--kube-api-qps=500", "--kube-api-burst=1000"]);
        (spec, self.healthz(address))
    }

    pub(super) fn kwok(&self, program: PathBuf, address: SocketAddr) -> io::Result<(ProcessSpec, Probe)> {
        fs::write(self.directory.join("stages.yaml"), STAGES)?;
        let spec = self.spec("kwok", program).args([
            format!("--kubeconfig={}", self.access.kubeconfig_path(User::Kubelet).display()),
            format!("--config={}", self.file("stages.yaml")),
            // Other nodes belong to kubelets of ours.
            "--manage-all-nodes=false".to_owned(),
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".to_owned(),
            "--node-lease-duration-seconds=0".to_owned(),
            "--cidr=10.128.0.0/16".to_owned(),
            "--node-ip=10.127.0.1".to_owned(),
            format!("--server-address={address}"),
        ]);
        let request = client(None).get(format!("http://{address}/healthz"));
        Ok((
            spec,
            Probe {
                request,
                contains: "ok".to_owned(),
            },
        ))
    }

    /// What the controller manager and the scheduler have in common.
    fn kubernetes_client(&self, name: &str, program: PathBuf, user: User, address: SocketAddr) -> ProcessSpec {
        let certificates = self.access.certificates();
        self.spec(name, program).args([
            format!("--kubeconfig={}", self.access.kubeconfig_path(user).display()),
            // One instance each: an election only costs seconds and requests.
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", address.port()),
            format!("--tls-cert-file={}", certificates.serving_file().display()),
            format!("--tls-private-key-file={}", certificates.serving_key_file().display()),
        ])
    }

    /// Its certificate is of our own authority, so a stranger on that port cannot answer.
    fn healthz(&self, address: SocketAddr) -> Probe {
        let client = client(Some(self.access.certificates().authority_der()));
        Probe {
            request: client.get(format!("https://{address}/healthz")),
            contains: "ok".to_owned(),
        }
    }

    fn spec(&self, name: &str, program: PathBuf) -> ProcessSpec {
        ProcessSpec::new(name, program, self.directory.join(format!("{name}.log")))
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

pub(super) fn audit_log(directory: &Path) -> PathBuf {
    directory.join("audit.log")
}
