//! What the process uses, under the names that all Prometheus client libraries give it, without our prefix.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};

use crate::clock::{Clock, cpu_time};

/// Looks at each scrape. What the system does not tell is left out.
#[derive(Debug)]
pub(super) struct Process {
    clock: Clock,
}

impl Process {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "CPU time that the process has used";
        let cpu = encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), MetricType::Counter)?;
        ConstCounter::new(cpu_time().as_secs_f64()).encode(cpu)?;
        let gauges = [
            (
                "start_time",
                Some(Unit::Seconds),
                "When the process started, since 1970",
                Some(self.started()),
            ),
            (
                "resident_memory",
                Some(Unit::Bytes),
                "Memory that the process holds",
                resident_memory(),
            ),
            ("open_fds", None, "Files and connections that are open", open_files()),
            ("max_fds", None, "Files and connections that may be open", max_files()),
        ];
        for (name, unit, help, value) in gauges {
            if let Some(value) = value {
                let name = format!("process_{name}");
                let gauge = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Gauge)?;
                ConstGauge::new(value).encode(gauge)?;
            }
        }
        Ok(())
    }
}

impl Process {
    fn started(&self) -> u64 {
        u64::try_from(self.clock.started().as_second()).unwrap_or(0)
    }
}

/// `VmRSS:  12345 kB` (`proc_pid_status(5)`).
fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

fn open_files() -> Option<u64> {
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

fn max_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
