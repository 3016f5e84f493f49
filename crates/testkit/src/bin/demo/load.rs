//! Answers: what would the containers of the examples show to Prometheus, if they ran?
//!
//! The pods are real objects, but nothing runs in them. So each Ready pod of `metrics-app` and `vernemq` gets its series here,
//! with the numbers that its program would show: the sinusoid of the `ConfigMap` `fake-load`, and the messages of the Ready
//! pods of `mqtt-publisher`. Whoever edits these objects changes the load.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::wait::within;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::sleep;

/// Where the examples are.
pub(crate) const NAMESPACE: &str = "default";

/// How often pods and settings are looked at.
const TICK: Duration = Duration::from_millis(250);

/// How long the API server may fail to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// One message in five seconds, as the script in `load.yaml` sends them.
const MESSAGES_PER_PUBLISHER: f64 = 0.2;

/// MQTT clients keep their connection: a broker gets its share only some time after it has become Ready.
const SETTLING: Duration = Duration::from_secs(5);

/// The load of both examples.
pub(crate) struct Load<'a> {
    client: Client,
    apps: Apps<'a>,
    brokers: Brokers<'a>,
}

impl<'a> Load<'a> {
    pub(crate) fn new(client: Client, apps: &'a Exporter, brokers: &'a Exporter) -> Self {
        let apps = Apps {
            exporter: apps,
            since: None,
            shown: BTreeSet::new(),
        };
        let brokers = Brokers {
            exporter: brokers,
            members: BTreeMap::new(),
        };
        Self { client, apps, brokers }
    }

    /// Follows the pods until it is dropped; returns only why it cannot go on.
    pub(crate) async fn drive(&mut self) -> anyhow::Error {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let settings: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        let everything = ListParams::default();
        loop {
            let read = within(PATIENCE, || async {
                tokio::try_join!(pods.list(&everything), settings.get_opt("fake-load"))
            });
            match read.await {
                Ok((pods, settings)) => self.follow(&pods.items, settings.as_ref(), Instant::now()),
                Err(error) => {
                    return anyhow::anyhow!(error).context("failed to read the pods, so there is no load");
                }
            }
            sleep(TICK).await;
        }
    }

    fn follow(&mut self, pods: &[Pod], settings: Option<&ConfigMap>, now: Instant) {
        let ready = |label: &str, value: &str| -> BTreeSet<String> {
            let wanted = |pod: &&Pod| pod.labels().get(label).is_some_and(|found| found == value) && is_ready(pod);
            pods.iter().filter(wanted).map(ResourceExt::name_any).collect()
        };
        self.apps.follow(ready("run", "metrics-app"), settings, now);
        let publishers = u32::try_from(ready("app.kubernetes.io/name", "mqtt-publisher").len()).unwrap_or(u32::MAX);
        let messages = MESSAGES_PER_PUBLISHER * f64::from(publishers);
        self.brokers
            .follow(&ready("app.kubernetes.io/name", "vernemq"), messages, now);
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// `metrics-app`: every pod shows the same number.
struct Apps<'a> {
    exporter: &'a Exporter,
    since: Option<Instant>,
    shown: BTreeSet<String>,
}

impl Apps<'_> {
    fn follow(&mut self, pods: BTreeSet<String>, settings: Option<&ConfigMap>, now: Instant) {
        self.since = settings.map(|_| self.since.unwrap_or(now));
        let value = settings
            .zip(self.since)
            .map_or(0.0, |(settings, since)| sinusoid(settings, now - since));
        for gone in self.shown.difference(&pods) {
            self.exporter.remove(&Self::series(gone));
        }
        for pod in &pods {
            self.exporter.set(&Self::series(pod), value);
        }
        self.shown = pods;
    }

    fn series(pod: &str) -> String {
        format!("fake_load{{pod=\"{pod}\"}}")
    }
}

/// What `metrics_app.py` computes, from the moment the settings are there: rising first.
fn sinusoid(settings: &ConfigMap, elapsed: Duration) -> f64 {
    let setting = |name: &str, default: f64| {
        let text = settings.data.as_ref().and_then(|data| data.get(name));
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(default)
    };
    let angle = TAU * elapsed.as_secs_f64() / setting("periodSeconds", 1.0);
    setting("middle", 0.0) + setting("amplitude", 0.0) * angle.sin()
}

/// `vernemq`: the messages are spread over the brokers.
struct Brokers<'a> {
    exporter: &'a Exporter,
    members: BTreeMap<String, Broker>,
}

struct Broker {
    since: Instant,
    rate: f64,
}

impl Brokers<'_> {
    fn follow(&mut self, pods: &BTreeSet<String>, messages: f64, now: Instant) {
        self.members.retain(|pod, _| {
            let stays = pods.contains(pod);
            if !stays {
                self.exporter.remove(&Self::series(pod));
            }
            stays
        });
        for pod in pods {
            self.members.entry(pod.clone()).or_insert_with(|| {
                self.exporter.set_rate(&Self::series(pod), 0.0);
                Broker { since: now, rate: 0.0 }
            });
        }
        self.spread(messages, now);
    }

    fn spread(&mut self, messages: f64, now: Instant) {
        let settled = |broker: &Broker| now - broker.since >= SETTLING;
        let oldest = self.members.values().map(|broker| broker.since).min();
        let takes_part = |broker: &Broker| settled(broker) || Some(broker.since) == oldest;
        let parts = self.members.values().filter(|broker| takes_part(broker)).count();
        let share = messages / f64::from(u32::try_from(parts.max(1)).unwrap_or(u32::MAX));
        for (pod, broker) in &mut self.members {
            let rate = if takes_part(broker) { share } else { 0.0 };
            // A counter is touched only when its rate changes.
            if (rate - broker.rate).abs() > f64::EPSILON {
                self.exporter.set_rate(&Self::series(pod), rate);
                broker.rate = rate;
            }
        }
    }

    fn series(pod: &str) -> String {
        let node = format!("VerneMQ@{pod}.vernemq-headless.{NAMESPACE}.svc.cluster.local");
        format!("vernemq_mqtt_publish_received{{mqtt_version=\"4\",node=\"{node}\",pod=\"{pod}\"}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pods: &[&str]) -> BTreeSet<String> {
        pods.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn messages_are_spread_over_the_brokers_that_have_settled() {
        let (exporter, start) = (Exporter::start(), Instant::now());
        let mut brokers = Brokers {
            exporter: &exporter,
            members: BTreeMap::new(),
        };
        let mut rates = |pods: &[&str], messages, seconds| {
            brokers.follow(&names(pods), messages, start + Duration::from_secs(seconds));
            let rates = brokers.members.values().map(|broker| format!("{:.3}", broker.rate));
            rates.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(rates(&["vernemq-0"], 0.2, 0), "0.200");
        assert_eq!(rates(&["vernemq-0", "vernemq-1"], 0.2, 1), "0.200 0.000");
        assert_eq!(
            rates(&["vernemq-0", "vernemq-1"], 0.2, 1 + SETTLING.as_secs()),
            "0.100 0.100"
        );
        assert!(exporter.value(&Brokers::series("vernemq-1")).is_some());
        assert_eq!(rates(&["vernemq-0"], 0.0, 20), "0.000");
        assert_eq!(exporter.value(&Brokers::series("vernemq-1")), None);
    }

    #[test]
    fn every_app_shows_the_sinusoid_of_the_settings_and_zero_without_them() {
        let (exporter, start) = (Exporter::start(), Instant::now());
        let mut apps = Apps {
            exporter: &exporter,
            since: None,
            shown: BTreeSet::new(),
        };
        let data = [("middle", "20"), ("amplitude", "15"), ("periodSeconds", "40")];
        let settings = ConfigMap {
            data: Some(data.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ..ConfigMap::default()
        };
        let mut shown = |settings, seconds| {
            apps.follow(names(&["a", "b"]), settings, start + Duration::from_secs(seconds));
            ["a", "b"].map(|pod| exporter.value(&Apps::series(pod)).map(f64::round))
        };
        assert_eq!(shown(None, 0), [Some(0.0); 2]);
        assert_eq!(shown(Some(&settings), 5), [Some(20.0); 2]);
        assert_eq!(shown(Some(&settings), 15), [Some(35.0); 2]);
        assert_eq!(shown(Some(&settings), 35), [Some(5.0); 2]);
    }
}
