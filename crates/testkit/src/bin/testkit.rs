//! For people and the Makefile: builds the programs of the local control plane, or runs one to play with.
#![expect(clippy::print_stdout, reason = "it talks to a person and to make")]

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use autoscaler_testkit::binaries::{Program, locate};
use autoscaler_testkit::isolation;
use autoscaler_testkit::node::{Cluster, Image};
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::prometheus::{Prometheus, PrometheusOptions};
use autoscaler_testkit::vernemq::contract;
use clap::Parser;
use tokio::sync::oneshot;

/// The local control plane of the tests and the demo.
#[derive(Debug, Parser)]
#[command(name = "testkit")]
enum Command {
    /// Find or build every program and print where it is.
    Binaries {
        /// Those of a real node too.
        #[arg(long)]
        node: bool,
    },
    /// Run a command so that nothing it starts or sets up outlasts it: processes, mounts, the network, cgroups. Needs root.
    Isolated {
        /// The command with its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Start two real nodes and a Prometheus, and run a command for which kubectl means them; all of it ends with the command.
    /// Only within `isolated`.
    Nodes {
        /// The command with its arguments; without it a shell.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Check a real VerneMQ, given only its address, against the contract of our double of it. Only reads; rows that would need
    /// more than an address are listed with what they need.
    VernemqContract {
        /// Of its HTTP API, such as 127.0.0.1:8888.
        #[arg(long)]
        address: SocketAddr,
        /// A key with scope mgmt.
        #[arg(long)]
        key: Option<String>,
    },
    /// Start a control plane whose pods become Ready, and a Prometheus, and stay until Ctrl-C or the end of standard input.
    Up,
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Binaries { node } => binaries(node)?,
        Command::Isolated { command } => return Ok(isolation::run(&command)?),
        Command::Nodes { command } => {
            let runtime = tokio::runtime::Runtime::new().context("failed to start threads")?;
            return runtime.block_on(nodes(&command));
        }
        Command::VernemqContract { address, key } => tokio::runtime::Runtime::new()
            .context("failed to start threads")?
            .block_on(check_real(address, key.as_deref()))?,
        Command::Up => tokio::runtime::Runtime::new()
            .context("failed to start threads")?
            .block_on(up())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn binaries(node: bool) -> anyhow::Result<()> {
    let more: &[Program] = if node { &Program::NODE } else { &[] };
    for program in Program::PLANE.iter().chain(more) {
        println!("{} {}", program.name(), locate(*program)?.display());
    }
    Ok(())
}

/// Whatever pod has a port for it, the operator's too.
const EVERY_POD: &str = "- job_name: pods
  honor_labels: true
  fallback_scrape_protocol: PrometheusText0.0.4
  kubernetes_sd_configs:
  - role: pod
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: .*metrics, action: keep}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
";

async fn nodes(command: &[String]) -> anyhow::Result<ExitCode> {
    println!("starting two nodes (half a minute) ...");
    let cluster = Box::pin(Cluster::start(&[Image::python()?])).await?;
    cluster.start_prometheus(EVERY_POD).await?;
    println!(
        "# kubectl means two real nodes on this machine; all of it ends with this shell. docs/guide/install.md works here."
    );
    println!("# Images to run: localhost/busybox:1, localhost/python:1, and what you push to registry.example.com.");
    println!("# Prometheus:    http://prometheus.monitoring.svc:9090; it scrapes every port that is called metrics.");
    println!("# Logs:          {}", cluster.directory().display());
    let shell = [env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned())];
    let command = if command.is_empty() { &shell[..] } else { command };
    let status = tokio::process::Command::new(&command[0])
        .args(&command[1..])
        .envs(cluster.environment())
        .status()
        .await;
    let status = status.with_context(|| format!("failed to run {}", command[0]))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

async fn check_real(address: SocketAddr, key: Option<&str>) -> anyhow::Result<()> {
    let mut broken = 0;
    for row in contract::rows() {
        if let Some(needs) = row.needs() {
            println!("not run  {}: needs {needs}", row.name);
            continue;
        }
        match contract::check_real(&row, address, key).await {
            Ok(()) => println!("holds    {}", row.name),
            Err(error) => {
                broken += 1;
                println!("BROKEN   {}: {error} ({})", row.name, row.source.join(", "));
            }
        }
    }
    anyhow::ensure!(broken == 0, "{broken} rows do not hold");
    Ok(())
}

async fn up() -> anyhow::Result<()> {
    let plane = ControlPlane::start(PlaneOptions::default().with_ready_pods()).await?;
    let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
    println!("export KUBECONFIG={}", plane.kubeconfig_path().display());
    println!("# API server: https://{}", plane.api_server_address());
    println!("# Prometheus: {}", prometheus.url());
    println!("# Logs:       {}", plane.directory().display());
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("failed to listen for Ctrl-C"),
        _ = end_of_input() => Ok(()),
    }
}

/// On a thread that nobody waits for: a read of standard input cannot be abandoned.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    end
}
