//! Answers: how does a new server already know the past? By blocks that promtool makes of `OpenMetrics` text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::process::Command;

use super::PrometheusError;

/// Past samples of one series.
#[derive(Debug, Clone)]
pub(super) struct History {
    series: String,
    /// Milliseconds, as Prometheus stores them.
    samples: Vec<(u128, f64)>,
}

impl History {
    /// From `ago` to `until`, both times before now.
    pub(super) fn sampled(
        series: String,
        (ago, until): (Duration, Duration),
        step: Duration,
        value: impl Fn(Duration) -> f64,
    ) -> Self {
        let start = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_sub(ago);
        let ages = (0..).map(|number| step * number).take_while(|age| *age + until <= ago);
        let samples = ages.map(|age| ((start + age).as_millis(), value(age))).collect();
        Self { series, samples }
    }
}

/// Writes blocks into `data`, before the server is started.
pub(super) async fn write(
    promtool: &Path,
    directory: &Path,
    data: &Path,
    history: &[History],
) -> Result<(), PrometheusError> {
    if history.is_empty() {
        return Ok(());
    }
    let file = directory.join("history.txt");
    fs::write(&file, open_metrics(history))?;
    let mut command = Command::new(promtool);
    command
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(file)
        .arg(data);
    let output = command.kill_on_drop(true).output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(PrometheusError::History(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// The series of one name must stand together.
fn open_metrics(history: &[History]) -> String {
    let by_series: BTreeMap<(&str, &str), &History> = history
        .iter()
        .map(|history| {
            (
                history
                    .series
                    .split_at(history.series.find('{').unwrap_or(history.series.len())),
                history,
            )
        })
        .collect();
    let mut text = String::new();
    for History { series, samples } in by_series.values() {
        for (milliseconds, value) in samples {
            let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
            let _ = writeln!(text, "{series} {value} {seconds}.{rest:03}");
        }
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_run_from_the_first_to_now_and_series_of_one_name_stand_together() {
        let past = |series: &str| {
            let minute = Duration::from_mins(1);
            let mut history = History::sampled(series.to_owned(), (2 * minute, Duration::ZERO), minute, |age| {
                age.as_secs_f64()
            });
            let start = history.samples[0].0;
            for (milliseconds, _) in &mut history.samples {
                *milliseconds -= start - 1_700_000_000_250;
            }
            history
        };
        let text = open_metrics(&[past(r#"a{x="1"}"#), past("a_b"), past(r#"a{x="0"}"#)]);
        let block =
            |series| format!("{series} 0 1700000000.250\n{series} 60 1700000060.250\n{series} 120 1700000120.250\n");
        assert_eq!(
            text,
            format!(
                "{}{}{}# EOF\n",
                block(r#"a{x="0"}"#),
                block(r#"a{x="1"}"#),
                block("a_b")
            )
        );
    }
}
