use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use rstest::rstest;

use super::*;
use crate::clock::Clock;

const OWN: Duration = Duration::from_secs(30);

/// A lease of that version: by name of the holder, acquired and renewed or not, for so many seconds.
fn lease(version: u32, holder: Option<&str>, acquired: bool, renewed: bool, seconds: Option<i32>) -> Lease {
    let time = |present: bool| present.then_some(MicroTime(Timestamp::UNIX_EPOCH));
    let mut lease = record::missing("ns", "name");
    lease.metadata.resource_version = Some(version.to_string());
    lease.spec = Some(LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        acquire_time: time(acquired),
        renew_time: time(renewed),
        lease_duration_seconds: seconds,
        ..LeaseSpec::default()
    });
    lease
}

fn named(version: u32, holder: &str, seconds: i32) -> Lease {
    lease(version, Some(holder), true, true, Some(seconds))
}

fn erased(version: u32) -> Lease {
    lease(version, Some(""), true, true, Some(30))
}

fn released(version: u32) -> Lease {
    lease(version, Some(""), false, true, Some(30))
}

fn never_held(version: u32) -> Lease {
    lease(version, None, false, false, None)
}

fn start() -> BootTime {
    Clock::start().boot()
}

/// What is seen, each time a second after the last, and the step at the end in seconds after the last sight.
fn after(sights: &[Option<Lease>]) -> (Sighting, BootTime) {
    let mut now = start();
    let mut sighting = Sighting::first(sights[0].clone(), OWN, now);
    for sight in &sights[1..] {
        now = now.plus(Duration::from_secs(1));
        sighting = sighting.then(sight.clone(), OWN, now);
    }
    (sighting, now)
}

#[derive(Debug, PartialEq)]
enum Verdict {
    /// The lease does not exist: create it.
    Creates,
    /// It is taken without waiting.
    AtOnce(Handover),
    /// It is taken so many seconds after the last sight, and not a nanosecond before.
    After(u64),
}

fn verdict(sights: &[Option<Lease>]) -> Verdict {
    let (sighting, now) = after(sights);
    match sighting.step(now) {
        Step::Create => Verdict::Creates,
        Step::Take(handover) => Verdict::AtOnce(handover),
        Step::Wait(until) => {
            assert_eq!(sighting.step(until), Step::Take(Handover::TakenOver));
            let wait = until.since(now);
            assert_eq!(
                sighting.step(now.plus(wait.saturating_sub(Duration::from_nanos(1)))),
                Step::Wait(until)
            );
            Verdict::After(wait.as_secs())
        }
    }
}

const RELEASED: Handover = Handover::Released {
    at: Timestamp::UNIX_EPOCH,
};

#[rstest]
#[case::missing(&[None], Verdict::Creates)]
#[case::without_a_spec(&[Some(record::missing("ns", "name"))], Verdict::AtOnce(Handover::First))]
#[case::never_held(&[Some(never_held(1))], Verdict::AtOnce(Handover::First))]
#[case::given_up(&[Some(released(1))], Verdict::AtOnce(RELEASED))]
#[case::held(&[Some(named(1, "a", 30))], Verdict::After(30))]
#[case::held_for_longer_than_ours(&[Some(named(1, "a", 60))], Verdict::After(60))]
#[case::erased_by_hand(&[Some(erased(1))], Verdict::After(30))]
#[case::a_renewal_starts_the_wait_again(&[Some(named(1, "a", 30)), Some(named(2, "a", 30))], Verdict::After(30))]
#[case::the_same_version_again_does_not(&[Some(named(1, "a", 30)), Some(named(1, "a", 30))], Verdict::After(29))]
#[case::given_up_by_the_holder(&[Some(named(1, "a", 30)), Some(released(2))], Verdict::AtOnce(RELEASED))]
#[case::another_holder_asks_for_less(&[Some(named(1, "a", 90)), Some(named(2, "b", 30))], Verdict::After(30))]
fn the_lease_is_taken_at_once_only_on_proof(#[case] sights: &[Option<Lease>], #[case] expected: Verdict) {
    assert_eq!(verdict(sights), expected);
}

#[rstest]
#[case::shortened(&[Some(named(1, "a", 60)), Some(named(2, "a", 1))], Verdict::After(60))]
#[case::shortened_before_we_came(&[Some(named(1, "a", 1))], Verdict::After(30))]
#[case::no_duration(&[Some(lease(1, Some("a"), true, true, None))], Verdict::After(30))]
#[case::a_negative_duration(&[Some(named(1, "a", -5))], Verdict::After(30))]
#[case::erased_after_a_long_lease(&[Some(named(1, "a", 60)), Some(erased(2))], Verdict::After(60))]
#[case::deleted(&[Some(named(1, "a", 30)), None], Verdict::Creates)]
#[case::deleted_and_created_by_us(&[Some(named(1, "a", 60)), None, Some(erased(2))], Verdict::After(60))]
#[case::replaced_by_one_that_looks_new(&[Some(named(1, "a", 30)), Some(never_held(2))], Verdict::After(30))]
#[case::erased_and_then_replaced(&[Some(erased(1)), Some(never_held(2))], Verdict::After(30))]
#[case::deleted_and_new(&[Some(named(1, "a", 30)), None, Some(never_held(2))], Verdict::After(30))]
#[case::named_after_ourselves(&[Some(named(1, "a", 30)), Some(named(2, "me", 30))], Verdict::After(30))]
fn a_lease_changed_by_hand_is_never_taken_early(#[case] sights: &[Option<Lease>], #[case] expected: Verdict) {
    assert_eq!(verdict(sights), expected);
}

#[test]
fn the_other_side_s_clock_is_not_looked_at() {
    let mut ancient = named(1, "a", 30);
    let mut future = named(1, "a", 30);
    let renewed = |lease: &mut Lease, at| lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(at));
    renewed(&mut ancient, Timestamp::UNIX_EPOCH);
    renewed(
        &mut future,
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000),
    );
    assert_eq!(verdict(&[Some(ancient)]), verdict(&[Some(future)]));
}

#[test]
fn an_epoch_once_seen_is_never_given_again() {
    let mut old = named(1, "a", 30);
    old.spec.as_mut().unwrap().lease_transitions = Some(7);
    let (sighting, _) = after(&[Some(old), None, Some(never_held(2))]);
    assert_eq!(sighting.epoch(), 7);
}
