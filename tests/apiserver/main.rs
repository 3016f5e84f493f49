//! The suite against a real API server: what it refuses, and what the operator does with what it accepts.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod access;
mod admission;
mod brokers;
mod describe;
mod examples;
mod faults;
mod gated;
mod granted;
mod leader;
mod logs;
mod manifests;
mod membership;
mod memory;
mod operator;
mod per_pod;
mod rest;
mod rights;
mod scaling;
mod shared;
mod targets;
mod witness;
mod world;
mod writers;
