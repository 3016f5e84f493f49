//! Answers: on which runtime do the servers of this crate live?
//!
//! On one of their own, never on a test's: each test brings a runtime that ends with it, while an exporter or a proxy may be
//! shared by tests, and a single-threaded test must not have to yield for its exporter to answer.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("testkit")
        .enable_all()
        .build()
        .expect("a process may start two threads")
});

pub(crate) fn runtime() -> &'static Handle {
    RUNTIME.handle()
}
