//! The double of VerneMQ keeps its contract, row by row.

use std::path::Path;

use autoscaler_testkit::vernemq::{Nodes, contract};
use futures::StreamExt;

/// Each row forms a cluster of its own: a few at once.
const AT_ONCE: usize = 4;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vernemq-double"))
}

#[tokio::test]
async fn the_double_keeps_every_row_of_its_contract() {
    let part = std::env::var("ROW").unwrap_or_default();
    let rows = contract::rows().into_iter().filter(|row| row.name.contains(&part));
    let checked = futures::stream::iter(rows).map(|row| async move {
        let outcome = contract::check(&row, Nodes::new(program()).unwrap()).await;
        outcome.map_err(|error| format!("{}: {error}", row.name))
    });
    let outcomes: Vec<_> = checked.buffer_unordered(AT_ONCE).collect().await;
    let broken: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!outcomes.is_empty());
    assert!(
        broken.is_empty(),
        "{} of {} rows:\n{broken:#?}",
        broken.len(),
        outcomes.len()
    );
}

#[tokio::test]
async fn a_broker_of_which_only_the_address_is_known_is_checked_against_what_it_can_be_asked() {
    let mut nodes = Nodes::new(program()).unwrap();
    nodes.form(1).await.unwrap();
    let address = format!("{}:8888", nodes.address("a").unwrap());
    let check = |address: &str| {
        let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_testkit"));
        check.args(["vernemq-contract", "--address", address]);
        check
    };
    let said = check(&address).output().await.unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}");
    let count = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    let rows = contract::rows();
    let readable = rows.iter().filter(|row| row.needs().is_none()).count();
    assert!(readable >= 10, "{readable}");
    assert_eq!((count("holds"), count("not run")), (readable, rows.len() - readable));

    // And whatever is no broker does not pass.
    let exporter = autoscaler_testkit::exporter::Exporter::start();
    let said = check(&exporter.address().to_string()).output().await.unwrap();
    assert!(!said.status.success());
}
