//! A node of the double of VerneMQ, as a pod's process, and its `vmq-admin`.
#![expect(clippy::print_stdout, reason = "vmq-admin talks to a person, or to a hook")]

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use autoscaler_testkit::vernemq::{Broker, End, NodeOptions, run};
use clap::Parser;

/// Stands in for VerneMQ in tests.
#[derive(Debug, Parser)]
#[command(name = "vernemq-double")]
enum Command {
    /// Be a node.
    Node(NodeOptions),
    /// Ask the node of this pod, as `vmq-admin` does: `admin --node 127.0.0.1:44053 -- cluster leave node=N -k`.
    Admin {
        /// Its port for the other nodes.
        #[arg(long)]
        node: SocketAddr,
        /// The command.
        #[arg(last = true, required = true)]
        words: Vec<String>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("failed to start threads")?;
    runtime.block_on(async {
        match Command::parse() {
            Command::Node(options) => {
                let name = options.name.clone();
                let end = run(options).await.with_context(|| format!("failed to be {name}"))?;
                Ok(match end {
                    End::ByItself => ExitCode::SUCCESS,
                    End::Terminated => ExitCode::from(143),
                })
            }
            Command::Admin { node, words } => match Broker::new(node, node).vmq_admin(&words).await {
                Ok(said) => {
                    println!("{said}");
                    Ok(ExitCode::SUCCESS)
                }
                Err(error) => {
                    println!("{error}");
                    Ok(ExitCode::FAILURE)
                }
            },
        }
    })
}
