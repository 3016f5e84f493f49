//! Each rule is broken once, and nothing else is.

use super::*;
use crate::recorder::Callee;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

fn sizes(sizes: &[(i64, u32)]) -> Vec<Revision> {
    let revision = |(at, replicas): &(i64, u32)| Revision {
        revision: at.to_string(),
        at: second(*at),
        replicas: *replicas,
    };
    sizes.iter().map(revision).collect()
}

fn call(at: i64, pod: &str, path: &str, said: &str) -> Call {
    Call {
        at: second(at),
        callee: Callee {
            namespace: "x".to_owned(),
            pod: pod.to_owned(),
            uid: format!("uid-of-{pod}"),
        },
        caller: String::new(),
        method: "GET".to_owned(),
        path: path.to_owned(),
        sent: String::new(),
        said: said.to_owned(),
        is_passed_on: true,
        heard: Heard::Status(200),
        answered: Some(second(at)),
    }
}

const READING: Reading = Reading {
    removes: |call| call.path.strip_prefix("/leave/").map(str::to_owned),
    lists: |call| (call.path == "/members").then(|| call.said.split(' ').map(str::to_owned).collect()),
    proof: SignedDuration::from_secs(2),
    times: 1,
};

fn broken(sizes_: &[(i64, u32)], calls: &[Call]) -> Vec<String> {
    broken_rules("db", 0, &sizes(sizes_), calls, &READING)
}

fn proven() -> Vec<Call> {
    vec![
        call(1, "db-2", "/leave/db-2", ""),
        call(5, "db-0", "/members", "db-0 db-1"),
        call(5, "db-1", "/members", "db-0 db-1"),
    ]
}

#[test]
fn a_shrink_that_every_survivor_has_just_affirmed_breaks_nothing() {
    assert_eq!(broken(&[(0, 3), (6, 2)], &proven()), Vec::<String>::new());
}

#[test]
fn a_shrink_without_a_leave_or_a_word_is_found() {
    assert_eq!(
        broken(&[(0, 2), (6, 1)], &[]),
        [
            "db-1 went at 6 and was never told to leave",
            "db-1 went at 6, and db-0 was never asked"
        ]
    );
}

#[test]
fn a_survivor_that_still_lists_the_leaver_or_said_so_long_ago_is_found() {
    let mut calls = proven();
    calls.push(call(6, "db-1", "/members", "db-0 db-1 db-2"));
    assert_eq!(
        broken(&[(0, 3), (6, 2)], &calls),
        ["db-2 went at 6, and db-1 still listed it"]
    );
    let late = broken(&[(0, 3), (9, 2)], &proven());
    assert_eq!(late.len(), 2, "{late:?}");
    assert!(late[0].contains("had said so 4s ago"), "{late:?}");
}

#[test]
fn two_at_once_are_found_whether_they_are_told_or_taken() {
    assert_eq!(
        broken(&[(0, 3), (6, 1)], &[]),
        ["3 to 1 at 6: more than one member at a time"]
    );
    let mut calls = proven();
    calls.insert(1, call(2, "db-1", "/leave/db-1", ""));
    assert_eq!(
        broken(&[(0, 3), (6, 2)], &calls),
        ["db-1 was told to leave while db-2 was leaving"]
    );
    calls.remove(1);
    calls.push(call(8, "db-1", "/leave/db-1", ""));
    assert_eq!(broken(&[(0, 3), (6, 2)], &calls), Vec::<String>::new());
}

#[test]
fn a_leave_that_is_repeated_too_often_is_found() {
    let mut calls = proven();
    calls.insert(1, call(2, "db-2", "/leave/db-2", ""));
    assert_eq!(broken(&[(0, 3), (6, 2)], &calls), ["db-2 was told to leave 2 times"]);
    // One that never arrived is none.
    calls[0].is_passed_on = false;
    assert_eq!(broken(&[(0, 3), (6, 2)], &calls), Vec::<String>::new());
}

#[test]
fn a_removal_is_measured_from_the_last_word_that_was_needed_to_the_last_that_agrees() {
    let mut calls = proven();
    // db-1 has said so for two seconds already, and lists the leaver again for a moment before that.
    calls.push(call(2, "db-1", "/members", "db-0 db-1"));
    calls.push(call(3, "db-1", "/members", "db-0 db-1 db-2"));
    calls.push(call(4, "db-1", "/members", "db-0 db-1"));
    calls.push(call(9, "db-0", "/members", "db-0 db-1"));
    calls.push(call(10, "db-1", "/members", "db-0 db-1"));
    let end = |second_: i64| PodEnd {
        pod: "db-2".to_owned(),
        at: second(second_),
    };
    let measured = removals("db", 0, &sizes(&[(0, 3), (6, 2)]), &calls, &[end(-1), end(8)], &READING);
    let seconds = |seconds| Some(SignedDuration::from_secs(seconds));
    let expected = Removal {
        member: "db-2".to_owned(),
        proof_to_patch: seconds(1),
        oldest_word: seconds(1),
        agreed_after: seconds(2),
    };
    assert_eq!(measured, std::slice::from_ref(&expected));
    // Nobody was asked after the pod's end, and db-0 lists it still.
    calls.retain(|call| call.at < second(5));
    calls.push(call(5, "db-0", "/members", "db-0 db-1 db-2"));
    let unproven = Removal {
        proof_to_patch: None,
        oldest_word: seconds(2),
        agreed_after: None,
        ..expected
    };
    assert_eq!(
        removals("db", 0, &sizes(&[(0, 3), (6, 2)]), &calls, &[end(8)], &READING),
        [unproven]
    );
}

#[test]
fn members_on_their_way_out_and_in_are_counted_together() {
    let mut calls = proven();
    let most = |calls: &[Call]| most_in_transit("db", 0, &sizes(&[(0, 3), (6, 2), (7, 3)]), calls, &READING);
    let all = "db-0 db-1 db-2";
    calls.extend((0..3).map(|ordinal| call(8, &format!("db-{ordinal}"), "/members", all)));
    assert_eq!(most(&calls), 1);
    // One that nobody told to leave is on its way for no time; another one begins before the third has joined.
    calls.push(call(7, "db-1", "/leave/db-1", ""));
    assert_eq!(most(&calls), 2);
    // It has joined before.
    let last = calls.len() - 1;
    calls[last] = call(9, "db-1", "/leave/db-1", "");
    assert_eq!(most(&calls), 1);
}
