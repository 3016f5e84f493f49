//! Worlds in which the operator's writes wait at a door: between what it has read and what the API server does with its
//! write, a test can let anything happen, in an order that no machine's speed changes.
//!
//! Two things make the door. The operators lack the right to such a write; and the API server asks a webhook about whoever
//! has no right, which answers yes, but not before the test has opened the door. Both are Kubernetes' own means.

mod authorizer;

use autoscaler_api::GROUP;
use autoscaler_testkit::plane::{ControlPlane, PlaneOptions};
use autoscaler_testkit::wait::eventually;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::shared::install;
use crate::world::{DEADLINE, World};
use authorizer::Authorizer;
use autoscaler_testkit::rights::Right;

/// Operators wait at the door for as long as it takes.
pub(crate) const PATIENT: [&str; 4] = ["--api-timeout", "60", "--lease-duration", "600"];

struct Gated {
    plane: ControlPlane,
    authorizer: Authorizer,
}

/// Whoever needs the definition as it is released reads; whoever installs another one writes.
static DEFINITION: RwLock<()> = RwLock::const_new(());

/// The plane of all such worlds, where nobody has installed anything else: there is no KEDA.
pub(crate) async fn plane() -> (&'static ControlPlane, RwLockReadGuard<'static, ()>) {
    (&gated().await.plane, DEFINITION.read().await)
}

/// The same for somebody who changes the definition, and must put it right again.
pub(crate) async fn plane_alone() -> (&'static ControlPlane, RwLockWriteGuard<'static, ()>) {
    (&gated().await.plane, DEFINITION.write().await)
}

async fn gated() -> &'static Gated {
    static GATED: OnceCell<Gated> = OnceCell::const_new();
    GATED
        .get_or_init(|| async {
            let authorizer = Authorizer::start();
            let options = authorizer.arguments().into_iter().fold(
                PlaneOptions::default().with_ready_pods(),
                PlaneOptions::with_api_server_arg,
            );
            let plane = ControlPlane::start(options).await.unwrap();
            install(&plane).await;
            Gated { plane, authorizer }
        })
        .await
}

/// See the module.
pub(crate) struct Door {
    pub(crate) world: World,
    authorizer: &'static Authorizer,
    _definition: RwLockReadGuard<'static, ()>,
}

impl Door {
    /// A world where changes of size wait before a closed door.
    pub(crate) async fn closed(name: &str) -> Self {
        let sizes = ["deployments/scale", "replicasets/scale", "statefulsets/scale"];
        let rights = sizes.map(|size| Right::new("apps", size, "patch"));
        let door = Self::open_to(name, &rights).await;
        door.close();
        door
    }

    /// A world where statuses wait before a door, which is open at first.
    pub(crate) async fn of_statuses(name: &str) -> Self {
        Self::open_to(name, &[Right::new(GROUP, "metricautoscalers/status", "patch")]).await
    }

    async fn open_to(name: &str, rights: &[Right]) -> Self {
        let (plane, definition) = plane().await;
        let authorizer = &gated().await.authorizer;
        let world = World::on(plane, name).await;
        world.take_rights(rights).await;
        authorizer.close(&world.namespace);
        authorizer.open(&world.namespace);
        Self {
            world,
            authorizer,
            _definition: definition,
        }
    }

    /// Lets no write pass from now on.
    pub(crate) fn close(&self) {
        self.authorizer.close(&self.world.namespace);
    }

    /// Lets those writes pass that wait, and those that come.
    pub(crate) fn open(&self) {
        self.authorizer.open(&self.world.namespace);
    }

    /// Waits until a write waits.
    pub(crate) async fn wait_for_a_write(&self) {
        eventually("a write waits at the door", DEADLINE, || async {
            self.authorizer.has_callers(&self.world.namespace)
        })
        .await;
    }
}
