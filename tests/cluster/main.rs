//! The suite on real nodes: the operator's own image, installed as the guide says, and pods that really start and stop.
//!
//! `make test-cluster` runs it, one test after the other, in namespaces of its own: see `autoscaler_testkit::node`.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]
#![expect(
    clippy::print_stderr,
    reason = "whoever runs the suite is told where the state of a failure is kept"
)]

mod example;
mod faults;
mod installation;
mod objects;
mod operator;
mod page;
mod reader;
mod rights;
mod scene;
mod shipped;
mod versions;
mod word_for_word;
