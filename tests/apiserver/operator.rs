//! The operator as a process of its own, under the rights of its world.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use autoscaler_testkit::ports::free_address;
use autoscaler_testkit::process::{Process, ProcessSpec};
use autoscaler_testkit::wait::eventually;

use crate::shared::operator_binary;
use crate::world::{DEADLINE, World};

/// A running operator.
pub(crate) struct Operator {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl World {
    /// Starts an operator for this namespace and waits until it leads.
    pub(crate) async fn operator(&self) -> Operator {
        self.operator_with("operator", &[]).await
    }

    /// The same with a name and further flags. A standby is ready too.
    pub(crate) async fn operator_with(&self, name: &str, flags: &[&str]) -> Operator {
        let operator = self.start_operator(name, flags).await;
        operator.wait_ready().await;
        operator
    }

    /// The same without waiting.
    pub(crate) async fn start_operator(&self, name: &str, flags: &[&str]) -> Operator {
        self.start_operator_via(self.plane.api_server_address(), name, flags)
            .await
    }

    /// The same by way of another address: a proxy in front of the API server.
    pub(crate) async fn start_operator_via(&self, server: SocketAddr, name: &str, flags: &[&str]) -> Operator {
        let kubeconfig = self.directory.join(format!("{name}.kubeconfig"));
        let lifetime = Duration::from_hours(1);
        let token = self
            .plane
            .service_account_token(&self.namespace, "metric-autoscaler", lifetime)
            .await
            .unwrap();
        self.plane.write_kubeconfig_via(&kubeconfig, &token, server).unwrap();
        self.spawn_operator(name, &kubeconfig, flags)
    }

    /// An operator with a kubeconfig of the test's choice.
    pub(crate) fn spawn_operator(&self, name: &str, kubeconfig: &Path, flags: &[&str]) -> Operator {
        let address = free_address();
        let log = self.directory.join(format!("{name}.log"));
        let spec = ProcessSpec::new(name, operator_binary(), log)
            .args(["--kubeconfig", &kubeconfig.display().to_string()])
            .args(self.source.iter().flat_map(|url| ["--prometheus-url", url.as_str()]))
            .args(["--namespace", &self.namespace, "--lease-namespace", &self.namespace])
            .args(["--identity", name, "--listen-address", &address.to_string()])
            .env("MIN_INTERVAL", "1")
            .env("LEASE_DURATION", "15")
            .env("API_TIMEOUT", "2.5")
            .args(flags.iter().copied());
        Operator {
            process: Process::spawn(&spec).unwrap(),
            address,
        }
    }
}

impl Operator {
    /// The text behind one of its endpoints, with the HTTP status.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let answer = reqwest::get(format!("http://{}{path}", self.address))
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(|error| error.to_string())?))
    }

    /// One of its own metrics, summed over the series that have `label` in them.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics").await.unwrap();
        let fits = |line: &&str| line.split(['{', ' ']).next() == Some(name) && line.contains(label);
        let values = text
            .lines()
            .filter(fits)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// Waits for so many further evaluations, whether or not they ask for a metric.
    pub(crate) async fn wait_evaluations(&self, count: u32) {
        let ended = || self.metric("metric_autoscaler_evaluations_total", "");
        let enough = ended().await + f64::from(count);
        eventually(&format!("{count} further evaluations"), DEADLINE, || async {
            let ended = ended().await;
            (ended >= enough).then_some(()).ok_or(format!("{ended} of {enough}"))
        })
        .await;
    }

    /// Waits until it leads, or stands by.
    pub(crate) async fn wait_ready(&self) {
        self.process.wait_ready(DEADLINE, || self.readiness()).await.unwrap();
    }

    async fn readiness(&self) -> Result<(), String> {
        match self.get("/readyz").await? {
            (200, _) => Ok(()),
            (status, text) => Err(format!("{status}: {text}")),
        }
    }
}
