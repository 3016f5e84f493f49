//! Queries: no text stops the process (R5a), and a plan holds nothing that could not be asked.

use autoscaler_promql::QueryPlan;
use autoscaler_promql::plan::{MAX_LEAVES, MAX_LOOK_BACK};
use jiff::SignedDuration;

/// Plans one text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(plan) = QueryPlan::of(text) else { return };
    assert!(
        (1..=MAX_LEAVES).contains(&plan.leaves.len()),
        "{text:?} has {} leaves",
        plan.leaves.len()
    );
    assert!(
        !plan.look_back.is_negative() && plan.look_back <= MAX_LOOK_BACK,
        "{text:?}"
    );
    for leaf in &plan.leaves {
        assert!(leaf.look_back <= plan.look_back, "{text:?}: {leaf:?}");
        check_selector(text, &leaf.selector.instant(SignedDuration::ZERO));
    }
}

/// What is put into probes is a selector by itself, and nothing but that.
fn check_selector(text: &str, selector: &str) {
    let plan = QueryPlan::of(selector).unwrap_or_else(|error| panic!("{selector:?} of {text:?}: {error}"));
    let [leaf] = plan.leaves.as_slice() else {
        panic!("{selector:?} of {text:?} is {} selectors", plan.leaves.len());
    };
    assert_eq!(leaf.selector.instant(SignedDuration::ZERO), selector, "of {text:?}");
}
