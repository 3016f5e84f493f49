//! The binary: flags, log, cryptography, and then [`run`].

use anyhow::Context;
use clap::Parser;
use metric_autoscaler::args::Args;
use metric_autoscaler::lead::lead;
use metric_autoscaler::run::run;
use metric_autoscaler::telemetry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    telemetry::install(&args)?;
    // One provider for the whole process, chosen before anybody makes a TLS connection.
    let installed = rustls::crypto::ring::default_provider().install_default();
    installed.ok().context("failed to install the cryptography of rustls")?;
    run(args, lead).await?;
    Ok(())
}
