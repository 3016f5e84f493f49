//! How conditions change, and that the table of reasons is whole.

use std::collections::BTreeSet;

use super::reason::TABLE;
use super::*;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn verdict(condition: ConditionType, status: Status, reason: &'static str) -> Verdict {
    Verdict {
        condition,
        status,
        reason,
        message: "because".to_owned(),
        observed_generation: Some(3),
    }
}

#[test]
fn the_transition_time_moves_with_the_status_and_not_with_the_reason() {
    let mut conditions = Vec::new();
    let ready = |status, reason| verdict(ConditionType::Ready, status, reason);

    set_condition(
        &mut conditions,
        ready(Status::True, reason::VALID_METRIC_FOUND),
        at("2026-11-22T10:00:00.7Z"),
    );
    let first = conditions[0].last_transition_time.clone();
    assert_eq!(
        first,
        Time(at("2026-11-22T10:00:00Z")),
        "whole seconds, as they come back from the server"
    );

    set_condition(
        &mut conditions,
        ready(Status::True, reason::PAUSED),
        at("2026-11-22T10:05:00Z"),
    );
    assert_eq!((conditions.len(), conditions[0].reason.as_str()), (1, "Paused"));
    assert_eq!(conditions[0].last_transition_time, first);

    set_condition(
        &mut conditions,
        ready(Status::False, reason::TARGET_NOT_FOUND),
        at("2026-11-22T10:06:00Z"),
    );
    assert_eq!(conditions[0].last_transition_time, Time(at("2026-11-22T10:06:00Z")));
    assert_eq!(conditions[0].observed_generation, Some(3));
}

#[test]
fn conditions_keep_one_order_whatever_is_set_first_and_foreign_ones_stay() {
    let now = at("2026-11-22T10:00:00Z");
    let foreign = Condition {
        last_transition_time: Time(now),
        message: String::new(),
        observed_generation: None,
        reason: "Other".to_owned(),
        status: "True".to_owned(),
        type_: "Foreign".to_owned(),
    };
    let mut conditions = vec![foreign];
    for (condition, status, reason) in [
        (
            ConditionType::ScalingLimited,
            Status::False,
            reason::DESIRED_WITHIN_RANGE,
        ),
        (ConditionType::Ready, Status::True, reason::VALID_METRIC_FOUND),
        (ConditionType::AbleToScale, Status::True, reason::READY_FOR_NEW_SCALE),
        (ConditionType::ScalingActive, Status::True, reason::VALID_METRIC_FOUND),
        (ConditionType::ScalingLimited, Status::True, reason::COOLING_DOWN),
    ] {
        set_condition(&mut conditions, verdict(condition, status, reason), now);
    }
    let order: Vec<&str> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(
        order,
        ["Ready", "ScalingActive", "AbleToScale", "ScalingLimited", "Foreign"]
    );
}

#[test]
fn a_message_longer_than_the_schema_allows_is_cut() {
    let mut conditions = Vec::new();
    let mut long = verdict(ConditionType::Ready, Status::False, reason::INVALID_SPEC);
    long.message = "ü".repeat(40_000);
    set_condition(&mut conditions, long, at("2026-11-22T10:00:00Z"));
    assert_eq!(conditions[0].message.chars().count(), MAX_CONDITION_MESSAGE);
    assert!(conditions[0].message.ends_with('…'));
}

#[test]
fn reasons_are_unique_camel_case_words_that_stand_somewhere_and_are_explained() {
    let mut seen = BTreeSet::new();
    for entry in TABLE {
        assert!(seen.insert(entry.reason), "{} twice", entry.reason);
        assert!(
            entry.reason.starts_with(|first: char| first.is_ascii_uppercase()),
            "{}",
            entry.reason
        );
        assert!(
            entry.reason.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{}",
            entry.reason
        );
        assert!(!entry.stands_in.is_empty(), "{} stands nowhere", entry.reason);
        assert!(
            entry.meaning.concat().trim().ends_with('.'),
            "{} has no whole sentence",
            entry.reason
        );
        let faulty = |(condition, status): &(ConditionType, Status)| {
            let is_no_fault = [ConditionType::ScalingLimited, ConditionType::MembershipStable].contains(condition);
            *status != condition.good() && !is_no_fault
        };
        assert!(
            !entry.stands_in.iter().any(faulty) || entry.action.ends_with('.'),
            "{} is a fault and says not what to do",
            entry.reason
        );
    }
}

#[test]
fn each_condition_has_a_reason_for_true_and_for_false() {
    for condition in ConditionType::ALL {
        for status in [Status::True, Status::False] {
            assert!(
                TABLE.iter().any(|entry| entry.stands_in.contains(&(condition, status))),
                "{condition:?} {status:?}"
            );
        }
    }
}
