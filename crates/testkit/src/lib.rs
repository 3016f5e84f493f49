//! For tests and the demo: a local control plane, a Prometheus server, a load generator and fault proxies, all real.
//!
//! Never a dependency of the product. Everything listens on loopback only, and is gone when the process that started it is,
//! however that ends.

#![expect(
    clippy::missing_panics_doc,
    reason = "an expect here names what the testkit itself guarantees; tests may panic"
)]

pub mod audit;
pub mod binaries;
pub mod certificates;
pub mod exporter;
pub mod fault_proxy;
pub mod front;
pub mod hosts;
pub mod isolation;
pub mod kubelet;
pub mod metrics_api;
pub mod node;
pub mod plane;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod rabbitmq;
pub mod recorder;
pub mod revisions;
pub mod rights;
pub mod tcp_proxy;
pub mod vernemq;
pub mod wait;

mod background;
mod component;
mod http;
mod http_server;
mod listener;
mod scratch;

pub use http::install_crypto_provider;
