//! Scenario files: what one autoscaler decides in virtual time. `README.md` beside this crate has the language.
//!
//! ```text
//! text -> parse -> Scenario -> run -> Mismatches
//! ```
//!
//! Nothing here reads a clock or does I/O. What the operator does around the core (probing, acting, writing status,
//! starting again) is imitated in `operator.rs`; what Prometheus answers is computed from the series in `series.rs`.

mod operator;
pub mod parser;
mod pods;
mod probe;
pub mod query;
pub mod reasons;
mod runner;
pub mod scenario;
pub mod series;
pub mod time;
mod world;

pub use parser::{ParseError, parse};
pub use probe::{NAMESPACE, STATEFUL_SET, probe};
pub use runner::{Form, Mismatch, run};
pub use scenario::Scenario;
