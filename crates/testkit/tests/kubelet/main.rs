//! Pods as processes, under the real controllers.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

mod brokers;
mod etcd;
mod scene;
mod walk;
