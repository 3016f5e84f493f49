//! Answers of a source: any body with any status is a value or a failure with that status, every value a reading, and the
//! number that is believed is the one that is written.

use std::collections::{BTreeMap, BTreeSet};

use autoscaler_core::{Evidence, Quantity, Reading};
use autoscaler_promql::answer::{Answer, Value, parse};
use autoscaler_promql::{OwnSeries, PodLabels};
use serde_json::Value as Json;

/// Statuses that are told apart, and some that are not.
const STATUSES: [u16; 8] = [200, 204, 302, 400, 401, 422, 429, 503];

/// The pods of the namespace `shop`.
const PODS: [&str; 4] = ["web-0", "web-1", "web-2", "a-0"];

/// Reads one body: the first byte chooses the status.
pub fn run(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    match parse(status, body) {
        Err(failure) => assert_eq!(failure.status, Some(status)),
        Ok(answer) => {
            assert!((200..300).contains(&status), "status {status} was believed");
            // A name that is no text (half a surrogate) is passed over by our reader, and ends the other.
            let Some(written) = Written::of(body) else { return };
            check_number(&answer, &written);
            check_pods(&answer, &written);
        }
    }
}

/// The answer, read as one number.
fn check_number(answer: &Answer, written: &Written) {
    let reading = answer.reading(Evidence::Unprobed);
    assert!(
        !(answer.warned && matches!(reading, Reading::Fresh { .. })),
        "a warning was lost"
    );
    if let Reading::Fresh { value, .. } | Reading::Partial { value, .. } = reading {
        let numbers: Vec<_> = written.samples.iter().map(|sample| sample.number).collect();
        assert_eq!(numbers, [Some(value)], "of {:?}", answer.value);
    }
}

/// The same answer, read as one series for each pod.
fn check_pods(answer: &Answer, written: &Written) {
    let labels = PodLabels {
        pod: "pod".to_owned(),
        namespace: "namespace".to_owned(),
    };
    let pods = BTreeSet::from(PODS);
    let own = OwnSeries {
        labels: &labels,
        namespace: "shop",
        pods: &pods,
    };
    let found = answer.of_pods(own, Evidence::Unprobed);
    assert!(
        !(answer.warned && matches!(found.reading, Reading::Fresh { .. })),
        "a warning was lost"
    );
    let sum = found.amounts.values().map(|amount| amount.nanos()).sum();
    if let Reading::Fresh { value, .. } | Reading::Partial { value, .. } = found.reading {
        assert!(!found.amounts.is_empty(), "a sum of nothing was believed");
        assert_eq!(value, Quantity::from_nanos(sum), "{:?}", found.amounts);
        assert!(
            matches!(answer.value, Value::Vector(_)),
            "{:?} is of no pods",
            answer.value
        );
        if written.is_plain {
            assert_eq!(found.amounts, written.of_pods());
        }
    } else {
        assert!(found.amounts.is_empty(), "{found:?}");
    }
}

/// What is written in a body, read by another reader of JSON and by nothing of ours.
struct Written {
    samples: Vec<Sample>,
    /// No label stands twice in a series: which of the two counts is nobody's promise.
    is_plain: bool,
}

struct Sample {
    pod: Option<String>,
    namespace: Option<String>,
    /// None is no number: NaN, an infinity.
    number: Option<Quantity>,
}

impl Written {
    fn of(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let json: Json = serde_json::from_slice(body).ok()?;
        let result = &json["data"]["result"];
        let samples: Vec<Sample> = match json["data"]["resultType"].as_str() {
            Some("scalar") => vec![Sample::of(result, &Json::Null)],
            Some("vector") => {
                let series = result.as_array().expect("a vector is a list").iter();
                series.map(|one| Sample::of(&one["value"], &one["metric"])).collect()
            }
            _ => Vec::new(),
        };
        let is_plain = ["\"pod\"", "\"namespace\""]
            .iter()
            .all(|label| text.matches(label).count() <= samples.len());
        Some(Self { samples, is_plain })
    }

    /// The numbers of the pods of `shop`.
    fn of_pods(&self) -> BTreeMap<String, Quantity> {
        let ours = self
            .samples
            .iter()
            .filter(|sample| sample.namespace.as_deref() == Some("shop"));
        ours.filter_map(|sample| {
            let pod = sample.pod.clone().filter(|pod| PODS.contains(&pod.as_str()))?;
            Some((pod, sample.number?))
        })
        .collect()
    }
}

impl Sample {
    fn of(pair: &Json, labels: &Json) -> Self {
        let label = |name: &str| labels[name].as_str().map(str::to_owned);
        let number = pair[1].as_str().and_then(|text| text.parse().ok());
        Self {
            pod: label("pod"),
            namespace: label("namespace"),
            number: number.and_then(Quantity::from_f64),
        }
    }
}
