//! Answers: on which runtime do the servers of this crate live?
//!
//! On one of their own, never on a test's: each test brings a runtime that ends with it, while an exporter or a proxy may be
//! shared by tests, and a single-threaded test must not have to yield for its exporter to answer.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};

static SERVERS: LazyLock<Runtime> = LazyLock::new(|| threads("testkit"));

/// Another one for kubelets: they open and close servers, and wait for it.
static KUBELETS: LazyLock<Runtime> = LazyLock::new(|| threads("kubelet"));

pub(crate) fn runtime() -> &'static Handle {
    SERVERS.handle()
}

pub(crate) fn kubelets() -> &'static Handle {
    KUBELETS.handle()
}

fn threads(name: &str) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .enable_all()
        .build()
        .expect("a process may start two threads")
}
