//! Answers: how is a program built from pinned Go modules, once per machine?
//!
//! One build at a time and cache folder, under a file lock; a binary appears under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{BinaryError, Program};

/// How often a running build says that it still runs.
const PROGRESS: Duration = Duration::from_secs(15);

/// Of a compiler that failed.
const LAST_LINES: usize = 5;

/// A folder with a go.mod that pins programs, and what of it decides how they come out.
struct Module {
    folder: &'static str,
    version: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
    tags: &'static str,
    ldflags: &'static str,
}

// Without the -X flags these servers call themselves v0.0.0, and clients choose their behaviour by version.
static KUBERNETES: Module = Module {
    folder: "kubernetes",
    version: "v1.36.3",
    go_mod: include_str!("../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../tools/kubernetes/go.sum"),
    tags: "",
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 \
              -X k8s.io/component-base/version.gitMinor=36",
};

static KWOK: Module = Module {
    folder: "kwok",
    version: "v0.8.0",
    go_mod: include_str!("../../tools/kwok/go.mod"),
    go_sum: include_str!("../../tools/kwok/go.sum"),
    tags: "",
    ldflags: "-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0",
};

// Prometheus tags its Go module v0.3xx for release 3.xx; without service discovery of clouds it links in half the time.
// In a pod it finds what it scrapes by asking Kubernetes.
static PROMETHEUS: Module = Module {
    folder: "prometheus",
    version: "v3.13.5",
    go_mod: include_str!("../../tools/prometheus/go.mod"),
    go_sum: include_str!("../../tools/prometheus/go.sum"),
    tags: "netgo,remove_all_sd,enable_kubernetes_sd",
    ldflags: "-s -w -X github.com/prometheus/common/version.Version=3.13.5",
};

static COREDNS: Module = Module {
    folder: "coredns",
    version: "v1.15.0",
    go_mod: include_str!("../../tools/coredns/go.mod"),
    go_sum: include_str!("../../tools/coredns/go.sum"),
    tags: "",
    ldflags: "-s -w",
};

static REGISTRY: Module = Module {
    folder: "registry",
    version: "v0.22.1",
    go_mod: include_str!("../../tools/registry/go.mod"),
    go_sum: include_str!("../../tools/registry/go.sum"),
    tags: "",
    ldflags: "-s -w",
};

/// Of the Kubernetes release above: the version that the API server's own client is tested with.
const ETCD: &str = "v3.6.8";

/// How one program is built.
pub(super) struct Recipe {
    program: Program,
    module: &'static Module,
    package: &'static str,
    version: &'static str,
    /// On two cores with an empty Go cache, for the line that announces it.
    estimate: &'static str,
}

impl Recipe {
    pub(super) fn of(program: Program) -> Self {
        let (module, package, estimate) = match program {
            Program::Etcd => (&KUBERNETES, "go.etcd.io/etcd/server/v3", "a minute"),
            Program::KubeApiserver => (&KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver", "4 minutes"),
            Program::KubeControllerManager => {
                (&KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager", "a minute")
            }
            Program::KubeScheduler => (&KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler", "half a minute"),
            Program::Kubectl => (&KUBERNETES, "k8s.io/kubernetes/cmd/kubectl", "half a minute"),
            Program::Kwok => (&KWOK, "sigs.k8s.io/kwok/cmd/kwok", "a minute"),
            Program::Prometheus => (
                &PROMETHEUS,
                "github.com/prometheus/prometheus/cmd/prometheus",
                "2 minutes",
            ),
            Program::Promtool => (
                &PROMETHEUS,
                "github.com/prometheus/prometheus/cmd/promtool",
                "half a minute",
            ),
            Program::Kubelet => (&KUBERNETES, "k8s.io/kubernetes/cmd/kubelet", "a minute"),
            Program::KubeProxy => (&KUBERNETES, "k8s.io/kubernetes/cmd/kube-proxy", "half a minute"),
            Program::Coredns => (&COREDNS, "github.com/coredns/coredns", "a minute"),
            Program::Registry => (
                &REGISTRY,
                "github.com/google/go-containerregistry/cmd/registry",
                "10 seconds",
            ),
        };
        let version = match program {
            Program::Etcd => ETCD,
            Program::KubeApiserver
            | Program::KubeControllerManager
            | Program::KubeScheduler
            | Program::Kubectl
            | Program::Kwok
            | Program::Prometheus
            | Program::Promtool
            | Program::Kubelet
            | Program::KubeProxy
            | Program::Coredns
            | Program::Registry => module.version,
        };
        Self {
            program,
            module,
            package,
            version,
            estimate,
        }
    }

    /// Where the built program is or will be: another pin, another folder.
    pub(super) fn cached(&self, cache: &Path) -> PathBuf {
        let Module {
            folder,
            version: _,
            go_mod,
            go_sum,
            tags,
            ldflags,
        } = self.module;
        let key = fnv1a(&[go_mod, go_sum, tags, ldflags]);
        cache
            .join("tools")
            .join(format!("{folder}-{key:016x}"))
            .join(self.program.name())
    }

    pub(super) fn build(&self, target: &Path) -> Result<(), BinaryError> {
        let folder = target.parent().expect("a cached program lies in a folder of the cache");
        let failed = |source| BinaryError::Cache {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let _lock = Self::lock(folder).map_err(failed)?;
        if target.is_file() {
            return Ok(()); // by the process that had the lock before us
        }
        let name = self.program.name();
        let temporary = folder.join(format!(".{name}.{}", std::process::id()));
        let built = self
            .compile(&temporary)
            .and_then(|()| fs::rename(&temporary, target).map_err(failed));
        if built.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        built
    }

    fn lock(folder: &Path) -> io::Result<File> {
        let path = folder.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        if file.try_lock().is_err() {
            tell(&format!(
                "waiting for another process that builds in {} ...",
                folder.display()
            ));
            file.lock()?;
        }
        Ok(file)
    }

    fn compile(&self, output: &Path) -> Result<(), BinaryError> {
        let (name, version) = (self.program.name(), self.version);
        let started = Instant::now();
        let mut go = self.command(output).spawn().map_err(|_| BinaryError::NoGo {
            program: name,
            minimum: self.program.minimum().to_string(),
        })?;
        tell(&format!(
            "building {name} {version} from Go modules (first time only, about {}) ...",
            self.estimate
        ));
        let said = watch(name, go.stderr.take().expect("the compiler's standard error is piped"));
        let status = go.wait().map_err(|source| BinaryError::Cache {
            path: output.to_owned(),
            source,
        })?;
        if !status.success() {
            let downloading = |line: &&str| line.starts_with("go: downloading");
            let said: Vec<_> = said.lines().filter(|line| !downloading(line)).collect();
            let output = said[said.len().saturating_sub(LAST_LINES)..].join("; ");
            return Err(BinaryError::Build {
                program: name,
                status,
                output,
            });
        }
        tell(&format!("built {name} {version} in {} s", started.elapsed().as_secs()));
        Ok(())
    }

    fn command(&self, output: &Path) -> Command {
        let Module {
            folder, tags, ldflags, ..
        } = self.module;
        let mut go = Command::new("go");
        go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(folder))
            .args(["build", "-trimpath", "-mod=readonly", "-buildvcs=false"])
            .args(["-ldflags", ldflags, "-tags", tags, "-o"])
            .arg(output)
            .arg(self.package)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        go
    }
}

/// All that a compiler says until it ends, telling now and then that it still runs.
fn watch(name: &str, mut stderr: impl Read + Send + 'static) -> String {
    let said = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let (started, mut next) = (Instant::now(), PROGRESS);
    while !said.is_finished() {
        thread::sleep(Duration::from_millis(100));
        if started.elapsed() >= next {
            tell(&format!("  ... {name}: {} s", next.as_secs()));
            next += PROGRESS;
        }
    }
    said.join().unwrap_or_default()
}

/// Straight to standard error, past the test harness, which would hold it back until the build is over.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// FNV-1a, 64 bits: the same in every process and release, which the standard library's hasher does not promise.
fn fnv1a(parts: &[&str]) -> u64 {
    let separated = parts.iter().flat_map(|part| part.bytes().chain([0]));
    separated.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_one_module_share_a_folder_and_other_modules_do_not() {
        let folder = |program| {
            Recipe::of(program)
                .cached(Path::new("/cache"))
                .parent()
                .map(Path::to_owned)
        };
        assert_eq!(folder(Program::Etcd), folder(Program::KubeApiserver));
        assert_ne!(folder(Program::Etcd), folder(Program::Prometheus));
    }

    #[test]
    fn the_versions_told_are_those_that_the_go_modules_pin() {
        let prometheus = PROMETHEUS.version.replacen("v3.", "v0.3", 1);
        for (module, pin) in [
            (&KUBERNETES, format!("k8s.io/kubernetes {}", KUBERNETES.version)),
            (&KUBERNETES, format!("go.etcd.io/etcd/server/v3 {ETCD}")),
            (&KWOK, format!("sigs.k8s.io/kwok {}", KWOK.version)),
            (&PROMETHEUS, format!("github.com/prometheus/prometheus {prometheus}")),
            (&COREDNS, format!("github.com/coredns/coredns {}", COREDNS.version)),
            (
                &REGISTRY,
                format!("github.com/google/go-containerregistry {}", REGISTRY.version),
            ),
        ] {
            let pinned = |line: &str| line.trim_start_matches("require").trim().starts_with(&pin);
            assert!(module.go_mod.lines().any(pinned), "{pin} is not in go.mod");
            let number = module.version.trim_start_matches('v');
            let told = module.ldflags.contains(number);
            // CoreDNS has its version in its sources, and nobody asks the registry for one.
            let is_elsewhere = ["coredns", "registry"].contains(&module.folder);
            assert!(told || is_elsewhere, "{number} is not in the ldflags");
        }
    }

    #[test]
    fn the_key_depends_on_every_part_and_on_where_it_ends() {
        assert_eq!(fnv1a(&[]), 0xcbf2_9ce4_8422_2325);
        assert_ne!(fnv1a(&["ab", "c"]), fnv1a(&["a", "bc"]));
    }
}
