//! `docs/reference/reasons.md`: every reason a condition can have, from the one table of them.

use autoscaler_api::conditions::ConditionType;
use autoscaler_api::conditions::reason::{EVENTS, Entry, TABLE};

const INTRODUCTION: &str = "\
<!-- Generated from crates/api by `make generate`. Do not edit. -->
# Conditions and reasons

`kubectl describe mas <name>` shows the conditions, `kubectl get mas -o wide` the reasons of `Ready` and of
`ScalingLimited`. The message of a condition has the numbers.
";

const EVENTS_INTRODUCTION: &str = "\
Limits come and go with the load and have no event. An autoscaler has at most 25 at once, then one every five minutes.
";

pub(super) fn markdown() -> String {
    let conditions = ConditionType::ALL.map(condition).concat();
    let reasons: String = TABLE.iter().map(reason).collect();
    let events: String = EVENTS.iter().map(event).collect();
    format!(
        "{INTRODUCTION}\n## Conditions\n\n| type | what it is about | all is well when |\n|---|---|---|\n{conditions}\n\
         ## Reasons\n\n| reason | stands in | meaning | what to do |\n|---|---|---|---|\n{reasons}\n\
         ## Events\n\n{EVENTS_INTRODUCTION}\n| reason | when |\n|---|---|\n{events}"
    )
}

fn condition(condition: ConditionType) -> String {
    format!(
        "| `{}` | {} | {} |\n",
        condition.as_str(),
        condition.meaning(),
        condition.good().as_str()
    )
}

fn reason(entry: &Entry) -> String {
    let Entry {
        reason,
        stands_in,
        meaning,
        action,
    } = entry;
    let stands_in: Vec<String> = stands_in
        .iter()
        .map(|(condition, status)| format!("{}={}", condition.as_str(), status.as_str()))
        .collect();
    let meaning: Vec<&str> = meaning.iter().map(|line| line.trim()).collect();
    format!(
        "| `{reason}` | {} | {} | {action} |\n",
        stands_in.join(", "),
        meaning.join(" ")
    )
}

fn event((reason, when): &(&str, &str)) -> String {
    format!("| {reason} | {when} |\n")
}
