//! The operator: observe, decide, act, report.

pub mod args;
pub mod clock;
pub mod gate;
