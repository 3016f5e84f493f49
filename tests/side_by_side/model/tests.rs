//! Rows that the drawn experiments find now and then, written out.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::case::{Kind, Source};
use crate::random::Random;
use crate::replay::Replay;
use crate::series::Sample;

/// A look at so many replicas, so many seconds after the first, that ends with so many.
fn look(seconds: i64, spec: u32, load: i64, result: u32) -> Look {
    let at = Timestamp::from_second(1_795_348_000 + seconds).expect("a time of this century");
    Look {
        began: at,
        at,
        spec,
        status: spec,
        ready: vec![spec],
        samples: vec![Sample::Whole(load)],
        asked: true,
        proposed: None,
        result,
        changed: (spec != result).then_some(at),
    }
}

#[test]
fn the_hpa_forgets_a_growth_that_the_budget_of_shrinking_still_counts() {
    let case = Case {
        name: "forgetful".to_owned(),
        kind: Kind::AverageValue,
        source: Source::External,
        min: 1,
        max: 20,
        start: 10,
        behavior: Some(json!({
            "scaleUp": {"policies": [{"type": "Pods", "value": 10, "periodSeconds": 1}]},
            "scaleDown": {
                "stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}],
            },
        })),
        metrics: vec![Vec::new()],
        lag: Duration::ZERO,
        meddling: None,
        random: Random::new(0),
    };
    let policy = case.policy();
    let mut hpa = Model::new(&case, &policy, Differences::NONE);
    let mut keeping = Model::new(&case, &policy, Differences::NONE.and(Difference::ChangesAreKept));
    let mut ours = Replay::new(&policy);

    // A minute ago there were 10. The growth to 17 overwrites the one to 14, which is older than a second.
    let looks = [
        look(0, 10, 14_000, 14),
        look(25, 14, 17_000, 17),
        look(30, 17, 2_000, 17),
    ];
    let decided = looks.each_ref().map(|look| {
        let counts = (
            hpa.decide(look, look.spec),
            keeping.decide(look, look.spec),
            ours.decide(look, look.spec),
        );
        (counts.0, counts.1, i64::from(counts.2))
    });
    assert_eq!(decided, [(14, 14, 14), (17, 17, 17), (10, 6, 6)]);
}
