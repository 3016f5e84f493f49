//! What is stored is what is read back, and what is not understood is refused.

use proptest::prelude::*;

use super::*;
use crate::Replicas;
use crate::membership::operation::{AbortCause, Join, Leave, Reply, Work};

fn any_time() -> impl Strategy<Value = Timestamp> {
    (-1_000_i64..4_000_000_000_000).prop_map(|at| Timestamp::from_millisecond(at).unwrap())
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9-]{0,12}",
        "VerneMQ@[a-z]{1,8}-[0-9].[a-z]{1,8}",
        "\\PC{0,12}",
        "[ %/=>@:]{0,6}"
    ]
}

fn any_work() -> impl Strategy<Value = Work> {
    prop_oneof![
        Just(Work::Leave(Leave::Gating)),
        (0_usize..9, any::<bool>()).prop_map(|(step, committed)| Work::Leave(Leave::Draining { step, committed })),
        any::<bool>().prop_map(|committed| Work::Leave(Leave::Drained { committed })),
        Just(Work::Leave(Leave::Patched)),
        Just(Work::Leave(Leave::Gone)),
        Just(Work::Leave(Leave::Verifying)),
        (0_usize..9, prop::sample::select(AbortCause::ALL.to_vec()))
            .prop_map(|(left, cause)| Work::Leave(Leave::Aborting { left, cause })),
        Just(Work::Join(Join::Gating)),
        Just(Work::Join(Join::Patched)),
        Just(Work::Join(Join::Settling)),
        Just(Work::Join(Join::Withdrawing)),
        Just(Work::Forget),
    ]
}

fn any_step() -> impl Strategy<Value = DrainStep> {
    let undo = prop::option::of(any::<bool>().prop_map(|ends_with_pod| Undo { ends_with_pod }));
    (any_name(), any::<bool>(), any::<bool>(), undo).prop_map(|(name, commits, is_repeatable, undo)| DrainStep {
        name,
        commits,
        is_repeatable,
        undo,
    })
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let reply = prop::option::of(prop::sample::select(vec![
        Reply::Expected,
        Reply::Refused,
        Reply::Unclear,
    ]));
    (any::<u32>(), any_time(), reply).prop_map(|(number, at, reply)| Attempt { number, at, reply })
}

fn any_looks() -> impl Strategy<Value = Looks> {
    let times = (prop::option::of(any_time()), prop::option::of(any_time()));
    (0_u8..3, times).prop_map(|(turned, (undone, drained))| Looks {
        turned,
        undone,
        drained,
    })
}

prop_compose! {
    fn any_operation()(
        (id, target, digest, name) in (any_name(), any_name(), any_name(), any_name()),
        (epoch, ordinal, reached) in (any::<u64>(), any::<u32>(), 0_usize..9),
        (from, to, goal, floor) in (0_i32.., 0_i32.., 0_i32.., 0_i32..),
        uid in prop::option::of("[a-z0-9-]{1,12}"),
        survivors in prop::collection::vec(any_name(), 0..5),
        steps in prop::collection::vec(any_step(), 0..4),
        work in any_work(),
        (started, since, sent) in (any_time(), any_time(), prop::option::of(any_time())),
        attempt in prop::option::of(any_attempt()),
        progress in prop::option::of((any::<i64>(), any_time()).prop_map(|(value, since)| Progress { value, since })),
        looks in any_looks(),
    ) -> Operation {
        Operation {
            id,
            epoch,
            target,
            goal: Replicas::from(goal),
            from: Replicas::from(from),
            to: Replicas::from(to),
            floor: Replicas::from(floor),
            member: Member { ordinal, uid, name },
            survivors,
            reached,
            plan: Plan { digest, steps },
            work,
            started,
            since,
            sent,
            attempt,
            progress,
            looks,
        }
    }
}

proptest! {
    #[test]
    fn what_is_stored_is_what_is_read_back(operation in any_operation()) {
        let text = operation.encode();
        prop_assert_eq!(Operation::decode(&text), Ok(operation), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = Operation::decode(&text);
    }

    #[test]
    fn nothing_can_be_left_out_but_what_may_be_absent(operation in any_operation()) {
        let text = operation.encode();
        let may_be_absent = ["with", "step", "sent", "attempt", "progress", "turned", "undone", "drained"];
        for left_out in text.split(' ') {
            let key = left_out.split('=').next().unwrap_or_default();
            let rest: Vec<&str> = text.split(' ').filter(|word| *word != left_out).collect();
            let is_read = Operation::decode(&rest.join(" ")).is_ok();
            prop_assert_eq!(is_read, may_be_absent.contains(&key), "{} of {}", left_out, text);
        }
    }
}

const STORED: &str = "1 leave:draining:1:committed id=5-to-4-x epoch=7 target=t-1 size=5>4>3 floor=2 \
                      member=4/uid-4/VerneMQ@vernemq-4.vernemq with=uid-0 with=uid-1 reached=2 digest=d \
                      step=soft/rup step=hard/c began=1795348773500 since=1795348774500 sent=1795348774500 \
                      attempt=1@1795348774500=unclear";

#[test]
fn the_stored_form_stays_readable_for_later_versions() {
    let operation = Operation::decode(STORED).unwrap();
    assert_eq!(
        operation.work,
        Work::Leave(Leave::Draining {
            step: 1,
            committed: true
        })
    );
    assert_eq!(operation.encode(), STORED);
}

#[test]
fn m9_what_a_later_version_has_stored_is_refused_with_the_word() {
    let refused = |from: &str, to: &str| Operation::decode(&STORED.replace(from, to)).unwrap_err().word;
    assert_eq!(refused("1 leave", "2 leave"), "2");
    assert_eq!(
        refused("leave:draining:1:committed", "leave:pondering"),
        "leave:pondering"
    );
    assert_eq!(refused("floor=2", "ceiling=2"), "ceiling=2");
    assert_eq!(refused("epoch=7", "epoch=7 epoch=8"), "epoch=8");
    // A flag that is not known, and one that says nothing without another.
    assert_eq!(refused("soft/rup", "soft/rux"), "step=soft/rux");
    assert_eq!(refused("soft/rup", "soft/rp"), "step=soft/rp");
    assert_eq!(refused("=unclear", "=perhaps"), "attempt=1@1795348774500=perhaps");
}
