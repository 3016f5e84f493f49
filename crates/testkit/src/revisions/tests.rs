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
}
