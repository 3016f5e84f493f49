//! The log: its form, its level, and that a panic reaches it.
//!
//! What happened is the `message` of a line; no field may be called that, or a line of JSON would have the key twice.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::args::{Args, LogFormat};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[error("failed to understand --log-level {level:?}")]
pub struct TelemetryError {
    level: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Starts the log, on standard error. Once per process.
pub fn install(args: &Args) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&args.log_level).map_err(|source| TelemetryError {
        level: args.log_level.clone(),
        source,
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let detail = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(detail, location, "panicked");
    }));
    Ok(())
}
