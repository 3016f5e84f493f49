//! Answers of a source: any body with any status is a value or a failure with that status, and every value a reading.

use std::collections::BTreeSet;

use autoscaler_core::{Evidence, Quantity, Reading};
use autoscaler_promql::answer::{Answer, Value, parse};
use autoscaler_promql::{OwnSeries, PodLabels};

/// Statuses that are told apart, and some that are not.
const STATUSES: [u16; 8] = [200, 204, 302, 400, 401, 422, 429, 503];

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
            let reading = answer.reading(Evidence::Unprobed);
            let numbers = match &answer.value {
                Value::Scalar(_) => 1,
                Value::Vector(series) => series.len(),
                Value::Other => 0,
            };
            let believed = matches!(reading, Reading::Fresh { .. } | Reading::Partial { .. });
            assert!(!believed || numbers == 1, "{numbers} numbers were read as {reading:?}");
            assert!(
                !(answer.warned && matches!(reading, Reading::Fresh { .. })),
                "a warning was lost"
            );
            check_pods(&answer, numbers);
        }
    }
}

/// The same answer, read as one series for each pod of the namespace `shop`.
fn check_pods(answer: &Answer, numbers: usize) {
    let labels = PodLabels {
        pod: "pod".to_owned(),
        namespace: "namespace".to_owned(),
    };
    let pods = BTreeSet::from(["web-0", "web-1", "web-2", "a-0"]);
    let own = OwnSeries {
        labels: &labels,
        namespace: "shop",
        pods: &pods,
    };
    let found = answer.of_pods(own, Evidence::Unprobed);
    assert!(
        found.amounts.keys().all(|pod| pods.contains(pod.as_str())),
        "{found:?} is of others"
    );
    assert!(
        found.amounts.len() <= numbers,
        "{numbers} numbers were read as {found:?}"
    );
    assert!(
        !(answer.warned && matches!(found.reading, Reading::Fresh { .. })),
        "a warning was lost"
    );
    let sum = found.amounts.values().map(|amount| amount.nanos()).sum();
    if let Reading::Fresh { value, .. } | Reading::Partial { value, .. } = found.reading {
        assert!(!found.amounts.is_empty(), "a sum of nothing was believed");
        assert_eq!(value, Quantity::from_nanos(sum), "{:?}", found.amounts);
    } else {
        assert!(found.amounts.is_empty(), "{found:?}");
    }
}
