//! Real etcd as `examples/etcd` has it, grown and shrunk by its profile while somebody writes to it.

mod record;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;

use autoscaler_testkit::binaries::{Program, locate_all};
use autoscaler_testkit::kubelet::sets::{SetOptions, etcd};
use autoscaler_testkit::revisions::Revisions;
use autoscaler_testkit::wait::eventually;

use super::stage::{PATIENCE, Stage};
use record::broken;
use writer::{Members, Writer};

impl Stage {
    /// The same with real etcd.
    async fn etcd(name: &str, members: u32) -> Self {
        let [program] = locate_all([Program::Etcd]).await.unwrap();
        let set = |options: &SetOptions<'_>, files: &Path| etcd(options, files, &program).unwrap();
        let stage = Box::pin(Self::raise(name, members, "Delete", set)).await;
        stage.give_rights().await;
        stage
    }

    /// Waits until every pod lists exactly the pods that there are.
    async fn wait_joined(&self, writer: &Writer<'_>, count: u32) {
        self.wait_pods(count).await;
        let pods: BTreeSet<String> = (0..count).map(|ordinal| format!("broker-{ordinal}")).collect();
        for pod in &pods {
            eventually(&format!("{pod} lists the pods"), PATIENCE, || async {
                let listed = writer.members(pod, false).await?;
                (listed.started == pods && listed.count == pods.len())
                    .then_some(())
                    .ok_or(format!("{listed:?}"))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn real_etcd_becomes_five_members_and_three_again_and_every_write_is_kept() {
    let stage = Stage::etcd("etcd", 3).await;
    let _operator = stage.world.operator().await;
    let revisions = Revisions::watch(stage.world.plane, &stage.world.namespace, "broker")
        .await
        .unwrap();
    let writer = Writer::new(&stage);
    let cycle = async {
        stage.autoscale_by("etcd", 500.0).await;
        stage.wait_joined(&writer, 5).await;
        stage.wait_rest().await;
        stage.world.set_load(300.0).await;
        stage.wait_joined(&writer, 3).await;
        stage.wait_rest().await;
    };
    let book = tokio::select! {
        book = writer.write() => panic!("the writer ended: {book:?}"),
        () = cycle => writer.into_book(),
    };

    assert!(book.written.len() > 100, "{} writes in all", book.written.len());
    let reader = Writer::new(&stage);
    for pod in ["broker-0", "broker-1", "broker-2"] {
        let read = reader.read_all(pod).await.unwrap();
        let lost: Vec<_> = book
            .written
            .iter()
            .filter(|(key, value)| read.get(*key) != Some(*value))
            .collect();
        assert!(lost.is_empty(), "{pod} has lost {lost:?} of {}", book.written.len());
    }
    for Members {
        count,
        started,
        learners,
        ..
    } in &book.seen
    {
        assert_eq!(*learners, 0, "{:?}", book.seen);
        assert!(count - started.len() <= 1, "two members at once: {:?}", book.seen);
        assert!(started.len() > count / 2, "no quorum has started: {:?}", book.seen);
    }
    for pair in book.seen.windows(2) {
        let changed = pair[0].ids.symmetric_difference(&pair[1].ids).count();
        assert!(changed <= 1, "two changes at once: {pair:?}");
    }
    let sizes: Vec<usize> = book.seen.iter().map(|members| members.count).collect();
    assert_eq!(sizes.iter().max(), Some(&5), "{sizes:?}");
    let broken = broken(&revisions.seen().unwrap(), &stage.kubelet.log().calls());
    assert_eq!(broken, Vec::<String>::new());
    assert_eq!(stage.finalizers().await, Vec::<String>::new());
}
