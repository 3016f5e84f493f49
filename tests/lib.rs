//! Suites that run the real operator against real Kubernetes and Prometheus binaries.
