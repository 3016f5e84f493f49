//! Answers of a source: any body with any status is a value or a failure with that status, and every value a reading.

use autoscaler_core::{Evidence, Reading};
use autoscaler_promql::answer::{Value, parse};

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
        }
    }
}
