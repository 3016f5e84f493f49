//! The elector against a simulated API server, in virtual time.

mod direct;
mod properties;
mod replica;
mod server;
