use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::wait::eventually;

const SOON: Duration = Duration::from_secs(10);

fn shell(directory: &TempDir, script: &str) -> ProcessSpec {
    ProcessSpec::new("script", "/bin/sh", directory.path().join("script.log")).args(["-c", script])
}

/// Zombies count as gone: nobody reaps for a process whose parent was killed in a container without init.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// The pid of a grandchild, which writes it to the log.
async fn logged_pid(process: &Process) -> String {
    let pid = eventually("a pid in the log", SOON, || async {
        process.log_tail(1).parse::<u32>().map_err(|_| process.log_tail(1))
    });
    pid.await.to_string()
}

#[tokio::test]
async fn output_goes_to_the_log_and_the_exit_status_is_the_childs_own() {
    let directory = TempDir::new().unwrap();
    let spec = shell(&directory, "echo to stdout; echo to stderr >&2; exit 7");
    let process = Process::spawn(&spec).unwrap();
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(process.log_tail(2), "to stdout\nto stderr");
    assert_eq!(process.log_tail(1), "to stderr");
}

#[tokio::test]
async fn the_environment_of_the_child_can_be_set_and_cleared() {
    let directory = TempDir::new().unwrap();
    let spec = shell(&directory, r#"echo "$GIVEN:${HOME-none}""#)
        .env("GIVEN", "a b")
        .without_env("HOME");
    let process = Process::spawn(&spec).unwrap();
    process.wait_exit(SOON).await.unwrap();
    assert_eq!(process.log_tail(1), "a b:none");
}

#[tokio::test]
async fn a_child_that_ends_early_is_reported_with_its_last_lines() {
    let directory = TempDir::new().unwrap();
    let spec = shell(&directory, "echo listen tcp: bind: address already in use; exit 1");
    let process = Process::spawn(&spec).unwrap();
    let error = process
        .wait_ready(SOON, || async { Err("refused".to_owned()) })
        .await
        .unwrap_err();
    assert!(error.is_port_taken(), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("script ended early (exit status: 1); its last lines in"),
        "{error}"
    );
}

#[tokio::test]
async fn a_probe_answered_by_a_stranger_does_not_make_a_dead_child_ready() {
    let directory = TempDir::new().unwrap();
    let process = Process::spawn(&shell(&directory, "exit 1")).unwrap();
    process.wait_exit(SOON).await.unwrap();
    let error = process.wait_ready(SOON, || async { Ok(()) }).await.unwrap_err();
    assert!(matches!(error, ProcessError::Ended { .. }), "{error}");
}

#[tokio::test]
async fn a_program_that_does_not_exist_ends_early() {
    let directory = TempDir::new().unwrap();
    let spec = ProcessSpec::new("nothing", "/nonexistent/program", directory.path().join("log"));
    let process = Process::spawn(&spec).unwrap();
    let error = process
        .wait_ready(SOON, || async { Err("refused".to_owned()) })
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::Ended { .. }), "{error}");
}

#[tokio::test]
async fn dropping_kills_the_child_what_it_started_and_also_when_it_is_stopped() {
    let directory = TempDir::new().unwrap();
    let process = Process::spawn(&shell(&directory, "sleep 1000 & echo $!; wait")).unwrap();
    let grandchild = logged_pid(&process).await;
    let child = process.pid().to_string();
    process.pause().unwrap();
    assert!(is_stopped(process.pid));
    assert!(is_alive(&child) && is_alive(&grandchild));
    drop(process);
    eventually("both gone", SOON, || async {
        !is_alive(&child) && !is_alive(&grandchild)
    })
    .await;
}

#[tokio::test]
async fn a_child_that_ignores_the_polite_signal_is_killed_after_the_grace() {
    let directory = TempDir::new().unwrap();
    let process = Process::spawn(&shell(&directory, "trap '' TERM; echo $$; while :; do sleep 1; done")).unwrap();
    logged_pid(&process).await;
    assert_eq!(process.terminate(Duration::from_millis(100)).await, None);
    assert!(!process.is_running());
}

#[tokio::test]
async fn a_child_that_obeys_the_polite_signal_ends_by_itself() {
    let directory = TempDir::new().unwrap();
    let process = Process::spawn(&shell(
        &directory,
        "trap 'exit 3' TERM; echo $$; while :; do sleep 0.01; done",
    ))
    .unwrap();
    logged_pid(&process).await;
    assert_eq!(process.terminate(SOON).await.and_then(|status| status.code()), Some(3));
    assert!(matches!(process.signal(Signal::TERM), Err(ProcessError::Signal { .. })));
}
