//! Objects as the API server sends them: any JSON is an autoscaler or an error that names a field (R23), and what is
//! accepted becomes a policy whose bounds make sense.

use autoscaler_api::{parse, policy};
use autoscaler_core::Seconds;
use kube::core::DynamicObject;

/// Reads one object.
pub fn run(input: &[u8]) {
    let Ok(object) = serde_json::from_slice::<DynamicObject>(input) else {
        return;
    };
    let Ok(spec) = parse(&object).spec else { return };
    let Ok(policy) = policy(&spec, |_| Seconds::new(300)) else {
        return;
    };
    assert!(policy.bounds.min() <= policy.bounds.max(), "{policy:?}");
}
