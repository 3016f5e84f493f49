//! Query planning and the Prometheus client.
