//! `make demo`: a StatefulSet and a Deployment follow PromQL on a real control plane, before one's eyes.
//!
//! It checks for itself that both have grown and shrunk, and ends with 0 only then. With `KEEP=1` it stays up afterwards.
//! However it ends, nothing of it is left: no process, no file but the logs of a failure.

mod clock;
mod finale;
mod follow;
mod input;
mod journey;
mod load;
mod screen;
mod setup;
mod story;
mod table;
mod time_lapse;

use std::cell::Cell;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use tokio::signal::unix::{SignalKind, signal};

use input::Input;
use load::Load;
use screen::{Screen, Tone};
use setup::Servers;

/// What a shell says of a program that wrote to a pipe without reader: 128 + SIGPIPE.
const NO_READER: u8 = 141;

fn main() -> ExitCode {
    let input = Input::listen();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::new(error).context("failed to start threads")),
    };
    let code = runtime.block_on(run(&Screen::new(), input));
    // Whoever still builds a program on a thread is not waited for.
    runtime.shutdown_background();
    code
}

/// Plays the demo until it ends or is interrupted. Everything that was started goes when its future is dropped.
async fn run(screen: &Screen, input: Input) -> ExitCode {
    let staying = Cell::new(false);
    let mut demo = Box::pin(demo(screen, input, &staying));
    let ended = tokio::select! {
        biased;
        number = interruption() => Err(number),
        outcome = &mut demo => Ok(outcome),
    };
    if ended.is_err() {
        // To nobody, perhaps: it may be the terminal that has gone.
        let _ = screen.interrupted();
    }
    drop(demo);
    let _ = screen.line(Tone::Faint, "Everything is stopped and removed.");
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => report(&error),
        Err(_) if staying.get() => ExitCode::SUCCESS,
        Err(number) => ExitCode::from(128 + number),
    }
}

async fn demo(screen: &Screen, input: Input, staying: &Cell<bool>) -> anyhow::Result<()> {
    let operator = setup::operator_binary();
    ensure!(
        operator.exists(),
        "{} is missing: run `make demo`, which builds it",
        operator.display()
    );
    story::introduce(screen)?;
    let servers = Box::pin(setup::servers(screen)).await.context(
        "failed to start the servers; TESTKIT_KEEP=1 make demo keeps their logs, in testkit-* of the \
         temporary directory",
    )?;
    let outcome = play(screen, &servers, input, staying).await;
    match outcome {
        Err(error) if !is_without_reader(&error) => Err(match servers.keep_logs() {
            Ok(kept) => error.context(format!("the demo failed; its logs are in {}", kept.display())),
            Err(lost) => error.context(format!("the demo failed, and its logs could not be kept ({lost})")),
        }),
        outcome => outcome,
    }
}

/// From running servers to the end.
async fn play(screen: &Screen, servers: &Servers, input: Input, staying: &Cell<bool>) -> anyhow::Result<()> {
    let operator = setup::operator(screen, servers).await?;
    let mut load = Load::new(servers.plane.client_as_admin(), &servers.apps, &servers.brokers);
    let show = async {
        setup::examples(screen, servers).await?;
        let told = story::tell(screen, servers).await;
        finale::show(screen, servers).await?;
        story::conclude(screen, &told?)?;
        if env::var_os("KEEP").is_some_and(|keep| !keep.is_empty() && keep != "0") {
            staying.set(true);
            finale::invite(screen, servers, &operator)?;
            input.end().await;
        } else {
            finale::part(screen)?;
        }
        Ok(())
    };
    tokio::select! {
        outcome = show => outcome,
        error = load.drive() => Err(error),
        error = servers.failure(&operator) => Err(error),
    }
}

/// The number of the signal that asks to end.
async fn interruption() -> u8 {
    let listen = |kind: SignalKind| signal(kind).expect("a process may listen for its signals");
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hangup = listen(SignalKind::hangup());
    let kind = tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hangup.recv() => SignalKind::hangup(),
    };
    u8::try_from(kind.as_raw_value()).expect("these three have small numbers")
}

/// Tells why it failed, on standard error.
fn report(error: &anyhow::Error) -> ExitCode {
    if is_without_reader(error) {
        return ExitCode::from(NO_READER);
    }
    let mut text = format!("\nerror: {error}\n");
    for cause in error.chain().skip(1) {
        let _ = writeln!(text, "  because: {}", cause.to_string().replace('\n', "\n    "));
    }
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}

/// `make demo | head`: nothing is wrong, there is only nobody left to tell.
fn is_without_reader(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    io.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
