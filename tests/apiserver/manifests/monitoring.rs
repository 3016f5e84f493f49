//! `config/monitoring`: the alerts fire when they should, and ask for what there is; so does the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use autoscaler_api::conditions::reason;
use autoscaler_testkit::binaries::{Program, locate_all};
use serde_json::Value;
use tokio::process::Command;

use super::guide::path_between;
use super::rendered::{Rendered, directory};
use crate::shared::{plane, repository};

const ALERT_TESTS: &str = include_str!("alerts.yaml");

/// The rules, as Prometheus would load them.
async fn rules() -> Value {
    Rendered::of("monitoring").await.only("PrometheusRule")["spec"].clone()
}

fn alerts(rules: &Value) -> Vec<&Value> {
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect()
}

#[tokio::test]
async fn every_alert_fires_on_what_it_is_for_and_not_before() {
    let directory = plane().await.directory().join("alerts");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("rules.yaml"), rules().await.to_string()).unwrap();
    fs::write(directory.join("alerts.yaml"), ALERT_TESTS).unwrap();
    let [promtool] = locate_all([Program::Promtool]).await.unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "alerts.yaml"]] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(&directory)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn every_alert_has_a_unit_test_in_which_it_fires() {
    let rules = rules().await;
    let written = alerts(&rules).into_iter().map(|alert| alert["alert"].as_str().unwrap());
    let tests: Value = serde_saphyr::from_str(ALERT_TESTS).unwrap();
    let cases = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let firing = cases.filter(|case| case.get("exp_alerts").is_some());
    let tested: BTreeSet<&str> = firing.map(|case| case["alertname"].as_str().unwrap()).collect();
    assert_eq!(written.collect::<BTreeSet<_>>(), tested);
}

#[tokio::test]
async fn every_alert_has_a_runbook_that_is_there() {
    for alert in alerts(&rules().await) {
        let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
        let (page, anchor) = runbook.split_once('#').unwrap();
        let page = fs::read_to_string(repository().join(page)).unwrap();
        let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
        let found = headings.map(str::to_lowercase).any(|heading| heading == anchor);
        assert!(
            found && alert["alert"].as_str().unwrap().to_lowercase() == anchor,
            "{runbook}"
        );
    }
}

/// The guide's addition to `config/monitoring/kustomization.yaml`: a runbook is a link only where it has an address.
#[tokio::test]
async fn the_runbooks_are_where_the_guide_says_they_are() {
    let page = fs::read_to_string(repository().join("docs/guide/install.md")).unwrap();
    let addition = page
        .split("# config/monitoring/kustomization.yaml, added at its end\n")
        .nth(1)
        .unwrap();
    let addition = addition.split_once("```").unwrap().0;
    let plane = plane().await;
    let copy = plane.directory().join("monitoring");
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(directory("monitoring")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let kustomization = fs::read_to_string(copy.join("kustomization.yaml")).unwrap();
    fs::write(copy.join("kustomization.yaml"), kustomization + addition).unwrap();
    let rendered = Rendered::of_directory(&copy).await;
    let rule = rendered.only("PrometheusRule");
    assert_eq!(rule["metadata"]["labels"]["release"], "kube-prometheus-stack");
    for alert in alerts(&rule["spec"]) {
        let anchor = alert["alert"].as_str().unwrap().to_lowercase();
        let expected = format!("https://git.example.com/metric-autoscaler/blob/main/docs/guide/operate.md#{anchor}");
        assert_eq!(alert["annotations"]["runbook_url"], *expected);
    }
}

/// Beside `config/namespaced`: everything goes where the operator is.
#[tokio::test]
async fn another_namespace_is_watched_by_the_overlay_that_the_guide_has_for_it() {
    let page = fs::read_to_string(repository().join("docs/guide/install.md")).unwrap();
    let overlay = page.split("# mine/monitoring/kustomization.yaml\n").nth(1).unwrap();
    let overlay = overlay.split_once("```").unwrap().0;
    let directory = plane().await.directory().join("monitoring-elsewhere");
    fs::create_dir_all(&directory).unwrap();
    let base = path_between(&directory, &repository().join("config"));
    fs::write(
        directory.join("kustomization.yaml"),
        overlay.replace("../../config", &base),
    )
    .unwrap();
    let rendered = Rendered::of_directory(&directory).await;
    assert_eq!(rendered.all().len(), 3);
    for object in rendered.all() {
        assert_eq!(object["metadata"]["namespace"], "shop", "{}", object["kind"]);
    }
    // None of its own: what is scraped is what is there.
    assert_eq!(rendered.only("ServiceMonitor")["spec"].get("namespaceSelector"), None);
}

async fn queried() -> Vec<String> {
    let rules = rules().await;
    let asked = alerts(&rules)
        .into_iter()
        .map(|alert| alert["expr"].as_str().unwrap().to_owned());
    let panels = super::dashboard::queries().into_iter().map(|query| query.text);
    asked.chain(panels).collect()
}

/// All names in alerts and dashboard are on the page that is generated from the registry.
#[tokio::test]
async fn what_is_queried_is_exported() {
    let exported: BTreeSet<String> = rows("").map(|(name, _)| name).collect();
    for query in queried().await {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<&str> = words
            .filter(|word| word.starts_with("metric_autoscaler") || word.starts_with("process_"))
            .collect();
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(exported.contains(family), "{name} in {query} is not exported");
        }
    }
}

/// The rows of `docs/reference/metrics.md` below a heading: what is in backquotes, the first by itself.
fn rows(heading: &str) -> impl Iterator<Item = (String, Vec<String>)> {
    let page = fs::read_to_string(repository().join("docs/reference/metrics.md")).unwrap();
    let below = page.split_once(heading).unwrap().1.to_owned();
    let rows: Vec<_> = below
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned)
        .collect();
    rows.into_iter().map(|row| {
        let mut words = row.split('`').skip(1).step_by(2).map(str::to_owned);
        (words.next().unwrap(), words.collect())
    })
}

/// Whoever renames a reason or an outcome would silence an alert, whose own test has the same word.
#[tokio::test]
async fn every_value_of_a_label_that_is_queried_is_one_that_is_exported() {
    let outcomes: BTreeMap<String, Vec<String>> = rows("## Outcomes").collect();
    let of_conditions = |label: &str| -> BTreeSet<&str> {
        let all = || reason::TABLE.iter().flat_map(|entry| entry.stands_in);
        match label {
            "reason" => reason::TABLE.iter().map(|entry| entry.reason).collect(),
            "type" => all().map(|(condition, _)| condition.as_str()).collect(),
            "status" => all().map(|(_, status)| status.as_str()).collect(),
            other => panic!("nobody knows the values of {other}"),
        }
    };
    let mut compared = 0;
    for query in queried().await {
        for Matcher { metric, label, values } in matchers(&query) {
            for value in values {
                let known = match label {
                    // A user's own, and what the API server answers.
                    "namespace" | "name" | "code" => continue,
                    "outcome" => outcomes[metric].iter().any(|outcome| outcome == value),
                    "direction" => ["up", "down", "none"].contains(&value),
                    label => of_conditions(label).contains(value),
                };
                assert!(known, "{metric} never has {label}={value}: {query}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

/// And it stands in that condition.
#[tokio::test]
async fn every_reason_that_is_queried_stands_in_the_condition_that_is_queried() {
    for query in queried().await {
        let all = matchers(&query);
        let of = |label: &str| all.iter().find(|found| found.label == label).map(|found| &found.values);
        let (Some(reasons), Some(types)) = (of("reason"), of("type")) else {
            continue;
        };
        for reason in reasons {
            let entry = reason::TABLE.iter().find(|entry| entry.reason == *reason).unwrap();
            let stands = entry
                .stands_in
                .iter()
                .any(|(condition, _)| types.contains(&condition.as_str()));
            assert!(stands, "{reason} never stands in {types:?}: {query}");
        }
    }
}

/// One condition on a label, as in `metric{label=~"one|other"}`.
struct Matcher<'a> {
    metric: &'a str,
    label: &'a str,
    values: Vec<&'a str>,
}

fn matchers(query: &str) -> Vec<Matcher<'_>> {
    let mut found = Vec::new();
    for (start, _) in query.match_indices('{') {
        let (before, inside) = (&query[..start], query[start + 1..].split_once('}').unwrap().0);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let metric = before.rsplit(|c| !is_name(c)).next().unwrap();
        for matcher in inside.split(", ") {
            let (label, quoted) = matcher.split_once(['=', '!']).unwrap();
            let values = quoted
                .trim_start_matches(['=', '~'])
                .trim_matches('"')
                .split('|')
                .collect();
            found.push(Matcher { metric, label, values });
        }
    }
    found
}
