//! What the machine of the core has to know of a profile: its steps without their requests, sizes, quorum and times.

use autoscaler_api::MembershipProfileSpec;
use autoscaler_api::limits::{MAX_ALLOWED_SIZES, MAX_DAY_SECONDS};
use autoscaler_api::profile::{AllowedSizes, ProfileStep, QuorumRule, SizeRule};
use autoscaler_core::membership::{DrainStep, Profile, Quorum, Sizes, Times, Undo};
use autoscaler_core::{Replicas, Seconds};

use super::{ACT_SECONDS, Faults, digest};

pub(super) fn profile(faults: &mut Faults, spec: &MembershipProfileSpec) -> Option<Profile> {
    let sizes = sizes(faults, spec.sizes.as_ref());
    let times = times(faults, spec);
    Some(Profile {
        digest: digest::of(spec),
        drain: spec.drain.iter().flatten().map(step).collect(),
        can_forget: spec.forget.is_some(),
        has_progress: spec.progress.is_some(),
        sizes: sizes?,
        quorum: match spec.quorum.unwrap_or_default() {
            QuorumRule::One => Quorum::One,
            QuorumRule::Majority => Quorum::Majority { down_to_one: false },
            QuorumRule::MajorityOrOne => Quorum::Majority { down_to_one: true },
        },
        times: times?,
    })
}

fn step(step: &ProfileStep) -> DrainStep {
    DrainStep {
        name: step.name.clone(),
        commits: step.commits.unwrap_or(false),
        is_repeatable: step.repeatable.unwrap_or(false),
        undo: step.undo.as_ref().map(|undo| Undo {
            ends_with_pod: undo.ends_with_pod.unwrap_or(false),
        }),
    }
}

fn sizes(faults: &mut Faults, rule: Option<&SizeRule>) -> Option<Sizes> {
    let field = "spec.sizes.list";
    let Some(rule) = rule else { return Some(Sizes::Any) };
    let list = rule.list.as_deref().unwrap_or_default();
    let is_list = rule.allowed == AllowedSizes::List;
    if is_list == list.is_empty() || list.len() > MAX_ALLOWED_SIZES {
        faults.fault(
            field,
            &format!("set 1 to {MAX_ALLOWED_SIZES} sizes with allowed: List, and none otherwise"),
        );
        return None;
    }
    match rule.allowed {
        AllowedSizes::Any => Some(Sizes::Any),
        AllowedSizes::Odd => Some(Sizes::Odd),
        AllowedSizes::List if list.is_sorted_by(|one, two| one < two) => {
            let size = |size: &i32| u32::try_from(*size).ok().filter(|size| *size > 0).map(Replicas::new);
            let sizes: Option<Vec<Replicas>> = list.iter().map(size).collect();
            faults.note(
                field,
                sizes.map(Sizes::List).ok_or_else(|| "a size is at least 1".to_owned()),
            )
        }
        AllowedSizes::List => {
            faults.fault(field, "must be in ascending order");
            None
        }
    }
}

fn times(faults: &mut Faults, spec: &MembershipProfileSpec) -> Option<Times> {
    let given = spec.times.clone().unwrap_or_default();
    let mut time = |name: &str, given: Option<i32>, default: i32, least: i32| {
        let value = given.unwrap_or(default);
        let seconds = u32::try_from(value)
            .ok()
            .filter(|_| (least..=MAX_DAY_SECONDS).contains(&value));
        let outcome = seconds
            .map(Seconds::new)
            .ok_or_else(|| format!("must be {least} to {MAX_DAY_SECONDS}"));
        faults.note(&format!("spec.times.{name}"), outcome)
    };
    let times = Times {
        gossip: time("gossipSeconds", given.gossip_seconds, 30, 1)?,
        stall: time("stallSeconds", given.stall_seconds, 300, 1)?,
        total: time("totalSeconds", given.total_seconds, 3600, 1)?,
        retry: time("retrySeconds", given.retry_seconds, 30, 1)?,
        confirm: time("confirmSeconds", given.confirm_seconds, 0, 0)?,
        in_flight: time("inFlightSeconds", given.in_flight_seconds, 90, 1)?,
        settle: time("settleSeconds", given.settle_seconds, 30, 0)?,
    };
    let longest = longest_reply(spec);
    let least = longest.saturating_add(SENDING_SECONDS);
    if u32::try_from(least).is_ok_and(|least| times.in_flight < Seconds::new(least)) {
        faults.fault(
            "spec.times.inFlightSeconds",
            &format!(
                "must be at least {least}, {SENDING_SECONDS} more than the longest timeoutSeconds: an act is under way from when it \
                 is stored until its reply has come"
            ),
        );
    }
    Some(times)
}

/// From when an act is stored until it is sent: what takes longer is not sent.
const SENDING_SECONDS: i32 = 5;

/// The longest time for which the reply to one request is waited for.
fn longest_reply(spec: &MembershipProfileSpec) -> i32 {
    let steps = spec.drain.iter().flatten();
    let acts = steps.flat_map(|step| [Some(&step.act), step.undo.as_ref().map(|undo| &undo.act)]);
    let acts = acts.chain([spec.forget.as_ref()]).flatten();
    acts.map(|act| act.timeout_seconds.unwrap_or(ACT_SECONDS))
        .max()
        .unwrap_or(0)
}
