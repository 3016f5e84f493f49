//! All objects of one kind, listed and watched for ever: kube's watcher, with what its own recovery lacks.
//!
//! kube goes on with the `resourceVersion` it has when the API server refuses the start of a watch with 410, and so for
//! ever; here a new list is made. And where a list is refused, kube's stream says something good between two failures
//! (that a list begins), which resets the pauses of its back-off; here they grow until a list is whole or a change comes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::watcher::{self, Config, Event, watcher};
use tokio::time::Instant;

/// The pause after the first failure; each is twice the one before.
const FIRST: Duration = Duration::from_millis(800);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);
/// Without a failure for so long, a watch works: it says nothing while nothing changes.
const QUIET: Duration = Duration::from_mins(2);
/// So many refused starts in a row, whatever the answer, are reason enough for a new list.
const STARTS: u32 = 5;

/// See the module.
pub(crate) struct Watched {
    api: Api<DynamicObject>,
    config: Config,
    stream: BoxStream<'static, watcher::Result<Event<DynamicObject>>>,
    /// In a row.
    failures: u32,
    /// Of them, starts of the watch that were refused.
    refused: u32,
    failed_at: Instant,
    resume_at: Instant,
}

impl Watched {
    pub(crate) fn new(api: Api<DynamicObject>, config: Config) -> Self {
        let now = Instant::now();
        Self {
            stream: watcher(api.clone(), config.clone()).boxed(),
            api,
            config,
            failures: 0,
            refused: 0,
            failed_at: now,
            resume_at: now,
        }
    }

    /// What is next. After a failure it begins again by itself, when its pause is over. May be abandoned and called again.
    pub(crate) async fn next(&mut self) -> watcher::Result<Event<DynamicObject>> {
        loop {
            tokio::time::sleep_until(self.resume_at).await;
            match self.stream.try_next().await {
                Ok(Some(event)) => {
                    // That a list begins does not say that it will come to its end, nor its end that a watch can begin that
                    // was refused before.
                    let is_well = match event {
                        Event::Apply(_) | Event::Delete(_) => true,
                        Event::InitDone => self.refused == 0,
                        Event::Init | Event::InitApply(_) => false,
                    };
                    if is_well {
                        (self.failures, self.refused) = (0, 0);
                    }
                    return Ok(event);
                }
                Ok(None) => self.begin_anew(),
                Err(error) => {
                    self.failed(&error);
                    return Err(error);
                }
            }
        }
    }

    /// Whether nothing has failed since it last delivered.
    pub(crate) fn is_well(&self) -> bool {
        self.failures == 0
    }

    fn failed(&mut self, error: &watcher::Error) {
        let now = Instant::now();
        if now.duration_since(self.failed_at) > QUIET {
            (self.failures, self.refused) = (0, 0);
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
        self.resume_at = now + pause(self.failures, self.api.resource_url());
        if let watcher::Error::WatchStartFailed(cause) = error {
            self.refused += 1;
            let is_gone = matches!(cause, kube::Error::Api(status) if status.code == 410);
            if is_gone || self.refused.is_multiple_of(STARTS) {
                self.begin_anew();
            }
        }
    }

    fn begin_anew(&mut self) {
        self.stream = watcher(self.api.clone(), self.config.clone()).boxed();
    }
}

/// Twice as long as before, and up to a quarter less, lest watches that failed together try again together.
fn pause(failures: u32, of: &str) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let longest = (FIRST * 2_u32.pow(doublings)).min(LONGEST);
    let mut hasher = DefaultHasher::new();
    (of, failures, std::process::id()).hash(&mut hasher);
    let permille = u32::try_from(hasher.finish() % 250).unwrap_or_default();
    longest * (1_000 - permille) / 1_000
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources;
    use crate::scripted_server::{ScriptedServer, Watch};

    const PATH: &str = "/apis/metricautoscaler.dev/v1alpha1/metricautoscalers";

    fn server() -> ScriptedServer {
        let server = ScriptedServer::default();
        let object = json!({
            "apiVersion": "metricautoscaler.dev/v1alpha1", "kind": "MetricAutoscaler",
            "metadata": {"name": "web", "namespace": "default", "uid": "u-1", "resourceVersion": "7"},
        });
        server.serve_list(PATH, &[object]);
        server
    }

    /// Follows for so long.
    async fn follow(server: &ScriptedServer, time: Duration) {
        let mut watched = Watched::new(resources::autoscalers(&server.client(), None), Config::default());
        let followed = async {
            loop {
                let _ = watched.next().await;
            }
        };
        let _: Result<(), _> = tokio::time::timeout(time, followed).await;
    }

    fn lists(server: &ScriptedServer) -> usize {
        server.asked(&format!("get {PATH}"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_whose_start_is_refused_as_gone_begins_with_a_new_list() {
        let server = server();
        server.let_watch(PATH, Watch::Refused(410));
        follow(&server, Duration::from_mins(1)).await;
        let lists = lists(&server);
        assert!((3..=12).contains(&lists), "{lists} lists in a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_whose_start_keeps_being_refused_begins_with_a_new_list_now_and_then() {
        let server = server();
        server.let_watch(PATH, Watch::Refused(500));
        follow(&server, Duration::from_mins(5)).await;
        let (lists, watches) = (lists(&server), server.asked(&format!("watch {PATH}")));
        assert!((2..=8).contains(&lists), "{lists} lists in five minutes");
        assert!((10..=40).contains(&watches), "{watches} watches in five minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_is_tried_again_ever_more_seldom() {
        for status in [403, 429, 500] {
            let server = server();
            server.refuse(PATH, status);
            follow(&server, Duration::from_mins(5)).await;
            let lists = lists(&server);
            assert!((10..=18).contains(&lists), "{status}: {lists} lists in five minutes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_works_lists_once() {
        let server = server();
        follow(&server, Duration::from_mins(4)).await;
        assert_eq!(lists(&server), 1);
    }
}
