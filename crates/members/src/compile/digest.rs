//! The digest of a profile: an operation keeps that of its own (M9).

use std::fmt::Write as _;

use autoscaler_api::MembershipProfileSpec;
use ring::digest::{SHA256, digest};

/// What the same spec means to this version of the operator: raised when it comes to mean something else.
const LANGUAGE: &str = "1";
/// 128 bits in hexadecimal.
const LENGTH: usize = 16;

/// The same for the same spec, whatever wrote it; another one for every change.
pub(super) fn of(spec: &MembershipProfileSpec) -> String {
    let text = serde_json::to_string(spec).expect("a spec has only texts, numbers and lists");
    let sum = digest(&SHA256, format!("{LANGUAGE}\n{text}").as_bytes());
    let mut text = String::new();
    for byte in sum.as_ref().iter().take(LENGTH) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}
