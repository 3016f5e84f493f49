//! Whatever a command does that runs alone, nothing of it is left when it has ended, however it ended.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use autoscaler_testkit::isolation::cgroup_directories;
use autoscaler_testkit::process::Signal;
use autoscaler_testkit::wait::eventually;
use rustix::process::{Pid, geteuid, kill_process, kill_process_group};

const DEADLINE: Duration = Duration::from_mins(1);

/// Does to a machine what a node would, and tells the name of its cgroup and a number to find its orphan by.
const INTRUDER: &str = r#"
for directory in /sys/fs/cgroup/"$TESTKIT_CGROUP" /sys/fs/cgroup/*/"$TESTKIT_CGROUP"; do
    [ -d "$directory" ] && mkdir "$directory/pods" "$directory/pods/one"
done
ip link add intruder type bridge
mkdir /var/lib/intruder /opt/intruder
mount -t tmpfs tmpfs /var/lib/intruder
setsid sleep "$0" &
echo "$TESTKIT_CGROUP"
"#;

/// The seconds that an orphan of one of these tests sleeps, which are how it is found: two runs at once see each other.
fn orphan(test: u32) -> u64 {
    u64::from(process::id()) * 1_000 + 71_000_000_000_000 + u64::from(test)
}

fn isolated(orphan: u64, ending: &str) -> Child {
    let script = format!("{INTRUDER}{ending}");
    // Whoever runs the tests in the background of a script ignores SIGINT, and so would all below.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_testkit")]);
    command.args(["isolated", "sh", "-c", &script, &orphan.to_string()]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command.spawn().unwrap()
}

/// The line that the intruder says when it has done everything; nothing without root.
fn said(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    line.trim().to_owned()
}

/// Without root nothing can be isolated, and that is said.
fn is_refused(child: &mut Child) -> bool {
    if geteuid().is_root() {
        return false;
    }
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("that needs root"), "{words}");
    true
}

/// Its end, which must come.
async fn ended(child: &mut Child) -> ExitStatus {
    let child = Mutex::new(child);
    eventually("the runner ends", DEADLINE, || async {
        child.lock().unwrap().try_wait().unwrap()
    })
    .await
}

async fn nothing_is_left(cgroup: &str, orphan: u64) {
    assert!(cgroup.starts_with("testkit-node-"), "{cgroup:?}");
    eventually("nothing is left", DEADLINE, || async {
        let mut left: Vec<String> = processes_with(orphan);
        let paths = cgroup_directories(cgroup).unwrap();
        let files = ["/var/lib/intruder", "/opt/intruder", "/sys/class/net/intruder"].map(Into::into);
        let scratch = std::env::temp_dir().join(cgroup);
        let paths = paths
            .into_iter()
            .chain(files)
            .chain([scratch])
            .filter(|path| path.exists());
        left.extend(paths.map(|path| path.display().to_string()));
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}

fn processes_with(orphan: u64) -> Vec<String> {
    let commands = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&command).replace('\0', " "))
    });
    commands
        .filter(|command| command.trim() == format!("sleep {orphan}"))
        .collect()
}

#[tokio::test]
async fn of_a_command_that_ends_nothing_is_left_but_its_code() {
    let orphan = orphan(1);
    let mut child = isolated(orphan, "exit 3");
    if is_refused(&mut child) {
        return;
    }
    let cgroup = said(&mut child);
    assert_eq!(ended(&mut child).await.code(), Some(3));
    // At once: the runner ends after everything else.
    assert_eq!(processes_with(orphan), Vec::<String>::new());
    assert!(!Path::new("/var/lib/intruder").exists());
    nothing_is_left(&cgroup, orphan).await;
}

#[tokio::test]
async fn of_a_command_whose_runner_is_killed_nothing_is_left() {
    let orphan = orphan(2);
    let mut child = isolated(orphan, r#"sleep "$0""#);
    if is_refused(&mut child) {
        return;
    }
    let cgroup = said(&mut child);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    ended(&mut child).await;
    nothing_is_left(&cgroup, orphan).await;
}

#[tokio::test]
async fn of_a_command_that_is_interrupted_nothing_is_left() {
    let orphan = orphan(3);
    let mut child = isolated(orphan, r#"sleep "$0""#);
    if is_refused(&mut child) {
        return;
    }
    let cgroup = said(&mut child);
    // As Ctrl-C does in a terminal.
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    ended(&mut child).await;
    nothing_is_left(&cgroup, orphan).await;
}
