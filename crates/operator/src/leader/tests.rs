//! The elector against a simulated API server, in virtual time.

mod candidate;
mod keeping;
mod processes;
mod properties;
mod replica;
mod server;
mod taking;
