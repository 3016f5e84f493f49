//! Answers: how long after the load has begun is that?

use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;

/// Zero is when the load begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    instant: Instant,
    timestamp: Timestamp,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            instant: Instant::now(),
            timestamp: Timestamp::now(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.instant.elapsed()
    }

    /// `0:07`.
    pub(crate) fn now(&self) -> String {
        minutes(i64::try_from(self.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// A text of the operator, with its points in time on this clock.
    pub(crate) fn translate(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| {
            let bare = word.trim_end_matches([',', ';', '.', ':', ')']);
            match bare.parse::<Timestamp>() {
                Ok(at) => {
                    let milliseconds = at.duration_since(self.timestamp).as_millis();
                    let seconds = i64::try_from((milliseconds + 500).div_euclid(1000)).unwrap_or(i64::MAX);
                    format!("{}{}", minutes(seconds), &word[bare.len()..])
                }
                Err(_) => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

fn minutes(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_a_text_become_times_of_this_clock() {
        let clock = Clock {
            instant: Instant::now(),
            timestamp: "2026-11-22T12:00:00Z".parse().unwrap(),
        };
        let text = "holds 4 until 2026-11-22T12:01:05Z; stale since 2026-11-22T11:59:57Z (1 of 2)";
        assert_eq!(clock.translate(text), "holds 4 until 1:05; stale since -0:03 (1 of 2)");
    }
}
