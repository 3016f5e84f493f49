//! For tests and the demo: local control plane, load generator, fault proxies.
