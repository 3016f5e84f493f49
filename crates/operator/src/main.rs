//! The binary: flags, log, cryptography, and then [`run`].

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use metric_autoscaler::args::Args;
use metric_autoscaler::run;
use metric_autoscaler::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let logs = telemetry::install(&args);
    match logs.map(|()| start(args)) {
        Ok(started) => match started.await {
            Ok(()) => return ExitCode::SUCCESS,
            // One line with its causes, in the form of the log.
            Err(error) => tracing::error!(error = format!("{error:#}"), "the operator ends"),
        },
        Err(error) => complain(&error.into()),
    }
    ExitCode::FAILURE
}

async fn start(args: Args) -> anyhow::Result<()> {
    // One provider for the whole process, chosen before anybody makes a TLS connection.
    let installed = rustls::crypto::ring::default_provider().install_default();
    installed.ok().context("failed to install the cryptography of rustls")?;
    run(args).await?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "there is no log to say it in")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
