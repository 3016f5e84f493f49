//! One decision at a time. Rules are named by their number; see the scenario files for stories over time.

mod fixtures;
mod interruptions;
mod limits;
mod memory;
mod metrics;
mod pace;
mod pods;
mod windows;
