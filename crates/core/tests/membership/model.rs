//! Every interleaving of a cluster of three with a bounded number of mishaps, looked at one by one.
//!
//! Safety is judged by the cluster itself. Liveness is not left to the checker's `eventually`, which is unsound on cycles:
//! from every state that is reached, mishaps end, everything that is under way comes to its end in turn, and within
//! [`ROUNDS`] rounds the cluster has the size wished for, or a fact of the world that only a person can change blocks it.

use autoscaler_core::membership::{Wait, step};
use stateright::{Checker, Model, Property};

use super::cluster::{Action, Budget, Cluster, Machine};

/// Looks until everything must have come to its end: the longest way is two members one after the other, with an abort.
const ROUNDS: usize = 60;

/// A cluster, what may happen to it, and the machine that looks after it.
pub(super) struct Interleavings {
    pub start: Cluster,
    pub machine: Machine,
}

impl Model for Interleavings {
    type State = Cluster;
    type Action = Action;

    fn init_states(&self) -> Vec<Cluster> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &Cluster, actions: &mut Vec<Action>) {
        actions.extend(state.actions());
    }

    fn next_state(&self, state: &Cluster, action: Action) -> Option<Cluster> {
        Some(state.after(action, self.machine))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing wrong is done", |_, state: &Cluster| state.wrong.is_none()),
            Property::always("it comes to rest", |model: &Self, state: &Cluster| {
                comes_to_rest(state, model.machine)
            }),
        ]
    }
}

/// With mishaps off and everything under way coming to its end in turn.
pub(super) fn comes_to_rest(state: &Cluster, machine: Machine) -> bool {
    state.wrong.is_some() || {
        let last = left_alone(state, machine, |_| ()); // a wrong is told by the other property
        last.wrong.is_none() && (last.is_at_rest() || is_blocked(last, machine))
    }
}

/// Held counts only where a fact of the world blocks that nobody but a person can change. Where an operation has just
/// ended at its gates, the next one says it.
fn is_blocked(mut cluster: Cluster, machine: Machine) -> bool {
    for _ in 0..2 {
        if cluster.waits.is_none() {
            cluster = cluster.after(Action::Look, machine);
        }
    }
    matches!(
        cluster.waits,
        Some(Wait::LeaverServesAlone | Wait::NobodyAffirms | Wait::LeftAndStays | Wait::Agreement)
    ) && cluster.has_isolated_pod()
}

fn left_alone(state: &Cluster, machine: Machine, mut each: impl FnMut(&Cluster)) -> Cluster {
    let mut cluster = state.clone();
    cluster.budget = Budget::NONE;
    cluster.is_paused = false;
    for _ in 0..ROUNDS {
        if cluster.is_at_rest() {
            break;
        }
        settle(&mut cluster, machine);
        cluster = cluster.after(Action::Look, machine);
        each(&cluster);
        settle(&mut cluster, machine);
        cluster = cluster.after(Action::Tick, machine);
    }
    cluster
}

/// All that goes on by itself, in turn.
fn settle(cluster: &mut Cluster, machine: Machine) {
    for _ in 0..40 {
        let is_natural = |action: &Action| {
            matches!(
                action,
                Action::Deliver(_)
                    | Action::Control
                    | Action::Vanish(_)
                    | Action::Gossip(_)
                    | Action::Leave(_)
                    | Action::Start(_)
                    | Action::Join(_)
                    | Action::Ready(_)
            )
        };
        let Some(action) = cluster.actions().into_iter().find(is_natural) else {
            return;
        };
        *cluster = cluster.after(action, machine);
    }
}

fn explored(start: Cluster) {
    let told = format!(
        "{} members, {} wished for, {:?}",
        start.replicas, start.desired, start.budget
    );
    let checker = Interleavings { start, machine: step }
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    let (states, different) = (checker.state_count(), checker.unique_state_count());
    println!(
        "{told}: {states} states, {different} of them different, depth {}",
        checker.max_depth()
    );
    if let Some((name, path)) = checker.discoveries().into_iter().next() {
        let last = path.last_state().clone();
        for (state, action) in path.into_vec() {
            println!("{state}\n  {action:?}");
        }
        println!("and then, left alone:");
        left_alone(&last, step, |state| println!("{state}"));
        panic!("violated: {name}");
    }
    assert!(checker.is_done(), "every state was to be looked at");
}

#[test]
fn a_shrink_that_nothing_disturbs() {
    explored(Cluster::of(3, 1, Budget::NONE));
}

#[test]
fn a_growth_that_nothing_disturbs() {
    explored(Cluster::of(1, 3, Budget::NONE));
}

/// One mishap after the other, or, for `make model-check`, several in one story.
fn budget(short: Budget, long: Budget) -> Budget {
    if std::env::var_os("MODEL_CHECK").is_some() {
        long
    } else {
        short
    }
}

const NONE: Budget = Budget::NONE;

#[test]
fn a_shrink_while_brokers_crash_and_are_taken_back() {
    let short = Budget { rejoin: 1, ..NONE };
    let long = Budget {
        crash: 1,
        late: 1,
        ..short
    };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_shrink_while_leaders_change_and_acts_arrive_late() {
    let short = Budget {
        takeover: 1,
        late: 1,
        ..NONE
    };
    let long = Budget {
        crash: 1,
        late: 2,
        ..short
    };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_shrink_while_load_comes_back_and_people_scale() {
    let short = Budget { flip: 1, ..NONE };
    let long = Budget { human: 1, ..short };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_shrink_while_people_scale() {
    explored(Cluster::of(2, 1, Budget { human: 1, ..NONE }));
}

#[test]
fn a_shrink_while_pods_are_evicted() {
    let short = Budget { evict: 1, ..NONE };
    let long = Budget { crash: 1, ..short };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_growth_while_load_goes_and_people_scale() {
    let short = Budget { flip: 1, ..NONE };
    let long = Budget { human: 1, ..short };
    explored(Cluster::of(2, 3, budget(short, long)));
}

#[test]
fn a_shrink_while_the_profile_is_edited() {
    let short = Budget { edit: 1, ..NONE };
    let long = Budget { crash: 1, ..short };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_shrink_while_it_is_paused() {
    let short = Budget { pause: 1, ..NONE };
    let long = Budget { flip: 1, ..short };
    explored(Cluster::of(2, 1, budget(short, long)));
}

#[test]
fn a_shrink_of_pods_that_are_made_all_at_once() {
    let mut start = Cluster::of(3, 1, Budget::NONE);
    start.is_parallel = true;
    explored(start);
    let short = Budget { flip: 1, ..NONE };
    let long = Budget { human: 1, ..short };
    let mut start = Cluster::of(2, 1, budget(short, long));
    start.is_parallel = true;
    explored(start);
}

#[test]
fn a_shrink_while_the_status_is_wiped() {
    let short = Budget {
        wipe: 1,
        late: 1,
        ..NONE
    };
    let long = Budget { crash: 1, ..short };
    explored(Cluster::of(2, 1, budget(short, long)));
}
