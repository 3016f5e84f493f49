//! Which series belong to the target's own pods, told by their names.

use autoscaler_core::Replicas;

/// The target's own pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPods {
    /// How many are Ready.
    pub ready: Replicas,
    /// Their namespace.
    pub namespace: String,
    /// Their names.
    pub names: PodNames,
}

impl OwnPods {
    /// Matchers that select their series. Prometheus servers of a single namespace may not label it.
    pub(super) fn matchers(&self) -> [String; 2] {
        let Self {
            ready: _,
            namespace,
            names: PodNames(names),
        } = self;
        [
            format!("namespace=~{}", quoted(&format!("({}|)", escaped(namespace)))),
            format!("pod=~{}", quoted(names)),
        ]
    }
}

/// What the API server completes a name with: five of the characters of which no words can be made
/// (`k8s.io/apimachinery/pkg/util/rand`, `alphanums`).
const RANDOM: &str = "[bcdfghjklmnpqrstvwxz2456789]{5}";

/// The hash of a pod template: a number of 32 bits, with each of its ten digits spelt as one of the same characters (there,
/// `SafeEncodeString`).
const HASH: &str = "[bcdf4-9]{1,10}";

/// The names that a kind of workload gives its pods, as an anchored regular expression (RE2).
///
/// A selector is compared with the Ready pods only if it holds a series of such a pod: the requests that an ingress
/// controller counts are labelled with the controller's pods, and say nothing about ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodNames(String);

impl PodNames {
    /// `<name>-<ordinal>`.
    pub fn of_stateful_set(name: &str) -> Self {
        Self(format!("{}-[0-9]+", escaped(name)))
    }

    /// `<name>-<template hash>-<random>`. The pods of a `DaemonSet` `<name>-agent` are called almost so, but for the letters.
    pub fn of_deployment(name: &str) -> Self {
        Self(format!("{}-{HASH}-{RANDOM}", escaped(name)))
    }

    /// `<name>-<random>`.
    pub fn of_replica_set(name: &str) -> Self {
        Self(format!("{}-{RANDOM}", escaped(name)))
    }
}

/// Names of Kubernetes objects hold letters, digits, `-` and `.`, of which only the dot means something to RE2; what
/// is none of these stands for itself too.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() && character != '-' {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// A PromQL string.
pub(crate) fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
    )
}
