//! Whatever happens to the network, the processes and the lease: writes of two terms never interleave, and afterwards
//! there is a leader again.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::time::{Instant, sleep};

use super::replica::{Journal, LEASE, Replica};
use super::server::{FAST, Server, Way};

const REPLICAS: usize = 3;

/// One thing that goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    Freeze(usize),
    Thaw(usize),
    Network { of: usize, there: Way, back: Way },
    Kill(usize),
    Terminate(usize),
    Edit(Edit),
    Delete,
}

/// What a person does to the lease.
#[derive(Debug, Clone, Copy)]
enum Edit {
    EraseHolder,
    NameStranger,
    NameReplica(usize),
    Shorten,
    Label,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        2 => Just(FAST),
        2 => (0_u64..6_000).prop_map(|delay| Way::Open(Duration::from_millis(delay))),
        1 => (6_000_u64..60_000).prop_map(|delay| Way::Open(Duration::from_millis(delay))),
        2 => Just(Way::Held),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::EraseHolder),
        Just(Edit::NameStranger),
        (0..REPLICAS).prop_map(Edit::NameReplica),
        Just(Edit::Shorten),
        Just(Edit::Label),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let replica = || 0..REPLICAS;
    prop_oneof![
        3 => replica().prop_map(Fault::Freeze),
        3 => replica().prop_map(Fault::Thaw),
        6 => (replica(), way(), way()).prop_map(|(of, there, back)| Fault::Network { of, there, back }),
        1 => replica().prop_map(Fault::Kill),
        2 => replica().prop_map(Fault::Terminate),
        3 => edit().prop_map(Fault::Edit),
        2 => Just(Fault::Delete),
    ]
}

/// Faults, each so long after the one before.
fn script() -> impl Strategy<Value = Vec<(Duration, Fault)>> {
    vec(((0_u64..16_000).prop_map(Duration::from_millis), fault()), 1..24)
}

struct World {
    server: Server,
    journal: Journal,
    replicas: Vec<Replica>,
    started: usize,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            server: Server::default(),
            journal: Journal::default(),
            replicas: Vec::new(),
            started: 0,
        };
        for _ in 0..REPLICAS {
            let replica = world.replica();
            world.replicas.push(replica);
        }
        world
    }

    fn replica(&mut self) -> Replica {
        let (identity, permille) = (format!("replica-{}", self.started), [1, -1, 0][self.started % 3]);
        self.started += 1;
        Replica::start(&self.server, &self.journal, &identity, permille)
    }

    /// Another process takes the place of one that ends: at once, as a Deployment would do it.
    fn replace(&mut self, index: usize) -> Replica {
        let successor = self.replica();
        std::mem::replace(&mut self.replicas[index], successor)
    }

    fn suffer(&mut self, fault: &Fault) {
        match *fault {
            Fault::Freeze(of) => self.replicas[of].freeze(),
            Fault::Thaw(of) => self.replicas[of].thaw(),
            Fault::Network { of, there, back } => self.replicas[of].network.set(there, back),
            Fault::Kill(of) => self.replace(of).kill(),
            Fault::Terminate(of) => {
                let leaving = self.replace(of);
                leaving.thaw();
                leaving.terminate();
                tokio::spawn(leaving.ended());
            }
            Fault::Edit(edit) => {
                let names: Vec<_> = self.replicas.iter().map(|replica| replica.identity.clone()).collect();
                self.server.edit(|lease| apply(edit, lease, &names));
            }
            Fault::Delete => self.server.delete(),
        }
    }

    fn heal(&self) {
        for replica in &self.replicas {
            replica.network.set(FAST, FAST);
            replica.thaw();
        }
    }
}

fn apply(edit: Edit, lease: &mut Lease, names: &[String]) {
    let spec = lease.spec.get_or_insert_default();
    match edit {
        Edit::EraseHolder => spec.holder_identity = Some(String::new()),
        Edit::NameStranger => spec.holder_identity = Some("somebody".to_owned()),
        Edit::NameReplica(index) => spec.holder_identity = Some(names[index].clone()),
        Edit::Shorten => spec.lease_duration_seconds = Some(1),
        Edit::Label => lease
            .metadata
            .labels
            .get_or_insert_default()
            .extend([("edited".to_owned(), "yes".to_owned())]),
    }
}

async fn play(script: Vec<(Duration, Fault)>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for (after, fault) in script {
        sleep(after).await;
        world.suffer(&fault);
    }
    world.heal();
    // What a stranger was given is waited for, a term that has begun is kept, and slow requests arrive at last.
    sleep(LEASE * 6).await;
    let healed = Instant::now();
    sleep(LEASE).await;
    if let Some((one, other)) = world.journal.overlap() {
        prop_assert!(false, "{one:#?} and {other:#?} interleave");
    }
    let writes = world.journal.writes();
    let mut leaders: Vec<_> = writes
        .iter()
        .filter(|write| write.from > healed)
        .map(|write| &write.by)
        .collect();
    leaders.dedup();
    prop_assert_eq!(
        leaders.len(),
        1,
        "exactly one leader once all is well: {:?}",
        world.server.lease()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn writes_of_two_terms_never_interleave(script in script()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(script))?;
    }
}
