//! What the shipped profiles make of members that answer over HTTP, and what they send them: each trap of VerneMQ and etcd
//! that a profile can get right or wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "http/cluster.rs"]
mod cluster;
#[path = "http/etcd.rs"]
mod etcd;
#[path = "http/member.rs"]
mod member;
#[path = "http/operation.rs"]
mod operation;
#[path = "http/prometheus.rs"]
mod prometheus;
#[path = "http/safety.rs"]
mod safety;
#[path = "http/vernemq.rs"]
mod vernemq;
#[path = "http/vernemq_acts.rs"]
mod vernemq_acts;
