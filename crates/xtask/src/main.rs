//! Generates crds/ and docs/reference, and checks that they are current.
fn main() {}
