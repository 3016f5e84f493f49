//! Whoever else writes the size of a target (R22): other autoscalers, GitOps tools, and people. No write of theirs is lost,
//! and there is no war.

mod autoscalers;
mod handover;
mod people;
mod policies;
mod races;
mod tools;

pub(crate) use autoscalers::{install_keda, rival};
