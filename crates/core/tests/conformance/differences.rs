//! Where we differ from the HPA on purpose: each row with both results, by reason. `docs/guide/coming-from-hpa.md` has
//! exactly these rows; see `guide`.

/// One row in which we decide otherwise.
pub(super) struct Difference {
    /// The row.
    pub(super) id: &'static str,
    /// What is given, for people. Backticks as in Markdown.
    pub(super) given: &'static str,
    /// What the HPA does: a count, unless `given` asks for something else.
    pub(super) hpa: u32,
    /// What we do.
    pub(super) ours: u32,
}

/// Differences for one reason.
pub(super) struct Topic {
    /// The heading in the guide, under which the reason stands in full.
    pub(super) heading: &'static str,
    /// Its rows.
    pub(super) differences: &'static [Difference],
}

const fn row(id: &'static str, given: &'static str, hpa: u32, ours: u32) -> Difference {
    Difference { id, given, hpa, ours }
}

/// All of them.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        heading: "Exact numbers",
        differences: &[
            row("K5", "50 replicas at 7 % of a target of 50 %", 8, 7),
            row("K6", "25 replicas at 28 % of a target of 100 %", 8, 7),
            row("K7", "100 replicas at 44 % of a target of 80 %", 56, 55),
            row("K8.1", "scaleUp 10 percent, from 100", 111, 110),
            row("K8.2", "scaleUp 10 percent, from 50", 56, 55),
            row("K8.3", "scaleUp 10 percent, from 90", 100, 99),
            row("K8.4", "scaleUp 10 percent, from 200", 221, 220),
            row("K9.2", "scaleDown 90 percent, from 20", 1, 2),
            row("K9.4", "scaleDown 80 percent, from 10", 1, 2),
            row("K9.5", "scaleDown 30 percent, from 90", 62, 63),
            row(
                "K43",
                "a total that asks for 3,000,000,000 replicas, 1 to 10 allowed (Object metric)",
                1,
                10,
            ),
        ],
    },
    Topic {
        heading: "Replicas that are not ready",
        differences: &[
            row(
                "C11",
                "`value` 4.4 and the metric at 8.6, 3 replicas of which 1 is ready",
                2,
                3,
            ),
            row(
                "K27",
                "`value` 1 and the metric at 1.95, 5 replicas of which none is ready (before `minReplicas`)",
                0,
                5,
            ),
            row(
                "K28",
                "`value` 1 and the metric at 1.95, 5 replicas of which 1 is ready",
                2,
                5,
            ),
            row(
                "R8",
                "`value` 1 and the metric at 0.556, 3 replicas while 6 pods are still ready",
                4,
                2,
            ),
            row(
                "K29.surge",
                "`averageValue` 1 and a total of 5.4, 5 replicas and a sixth that a rollout surges",
                6,
                5,
            ),
            row(
                "A15",
                "target 50 % of requests, 5 pods: three at 30 % on average, two not ready",
                2,
                3,
            ),
            row("A16", "the same by the usage of one container", 2, 3),
            row(
                "A19",
                "target 50 % of requests, 5 pods: three at 30 % on average, two in their CPU initialization",
                2,
                3,
            ),
            row("A20", "the same by the usage of one container", 2, 3),
            row(
                "E45",
                "target 50 % of requests, 5 pods: three at 30 % on average, two not ready, 2 to 6 allowed",
                2,
                3,
            ),
            row(
                "E72",
                "target 50 % of requests, 4 replicas of which one pod is listed, at 100 %",
                2,
                4,
            ),
            row("K38", "100 per pod, 4 pods, two at 50 and two pending", 1, 2),
            row(
                "R10",
                "100 per pod, 4 pods, two at 20 and two that have just started at 1",
                1,
                3,
            ),
        ],
    },
    Topic {
        heading: "Pods that are not the target's, or have ended",
        differences: &[
            row(
                "K35",
                "100 per pod, 2 pods at 100, and a sample of a pod unknown to the target at 700",
                6,
                2,
            ),
            row(
                "K40",
                "2 pods at 200 % of their requests and 2 that have succeeded, target 100 %",
                2,
                4,
            ),
            row(
                "F2",
                "a pod that has succeeded, with a sample: pods that count as measured",
                1,
                0,
            ),
            row(
                "F3",
                "the same, measured by its CPU: pods that count as not ready",
                1,
                0,
            ),
        ],
    },
    Topic {
        heading: "Negative values",
        differences: &[row("K33", "3 replicas, 1 to 10 allowed, External metric at -5", 10, 1)],
    },
    Topic {
        heading: "Zero is a pause",
        differences: &[
            row("E16", "0 replicas, `value` 15 and the metric at 20, gate on", 2, 0),
            row("E18", "0 replicas, `value` 1 and the metric at 1, gate on", 1, 0),
            row("E39", "0 replicas, `minReplicas` raised from 0 to 2, gate on", 2, 0),
            row("K12", "0 replicas, the metrics ask for 30, gate on", 4, 0),
            row("K13", "0 replicas, a metric just above zero, gate on", 1, 0),
            row("E33", "5 replicas, no load, `minReplicas` 0", 0, 1),
            row("D1.3", "1 replica, no load, `minReplicas` 0, without `behavior`", 0, 1),
            row("D3.3", "1 replica, no load, `minReplicas` 0", 0, 1),
        ],
    },
    Topic {
        heading: "One path, with or without behavior",
        differences: &[
            row("K14.1", "without `behavior`, from 1, the metrics ask for 100", 4, 5),
            row("K14.2", "without `behavior`, from 2, the metrics ask for 100", 4, 6),
            row("K14.3", "without `behavior`, from 3, the metrics ask for 100", 6, 7),
            row(
                "K17",
                "without `behavior`, 4 replicas, 10 recommended a minute ago, 2 now",
                8,
                4,
            ),
            row(
                "E53",
                "`tolerance` 0.01 upwards, 3 replicas at 102 %, gate HPAConfigurableTolerance off",
                3,
                4,
            ),
        ],
    },
    Topic {
        heading: "What is remembered",
        differences: &[
            row(
                "R13",
                "9 recommended once, 2 ever since, window of 300 s: seconds until it shrinks",
                300,
                330,
            ),
            row(
                "K19",
                "a new autoscaler, scaleUp window of 60 s, 3 replicas, the metrics ask for 9",
                3,
                9,
            ),
            row(
                "D6.cross",
                "scaleUp 10 pods in 1 s, scaleDown 4 pods in 60 s; grown to 14 half a minute ago and to 17 five seconds \
                 ago, the metrics ask for 2",
                10,
                6,
            ),
            row(
                "K45.after",
                "5 replicas, no metric readable for 10 minutes, then one that asks for 2: the count at once",
                2,
                5,
            ),
        ],
    },
    Topic {
        heading: "What others do to the size",
        differences: &[
            row(
                "R14",
                "5 wanted for long, `kubectl scale` to 20: the count 15 s later",
                5,
                20,
            ),
            row(
                "R14.budget",
                "scaleUp 4 pods in 60 s, `kubectl scale` from 4 to 8 ten seconds ago, the metrics ask for 20",
                12,
                8,
            ),
            row(
                "R18",
                "5 replicas in a rolling update, the metrics ask for 2, no window",
                2,
                5,
            ),
        ],
    },
];

/// All rows, whatever the reason.
pub(super) fn all() -> impl Iterator<Item = &'static Difference> {
    TOPICS.iter().flat_map(|topic| topic.differences)
}

/// The difference of one row.
pub(super) fn find(id: &str) -> Option<&'static Difference> {
    all().find(|difference| difference.id == id)
}

#[test]
fn each_difference_is_one_and_stands_once() {
    for difference in all() {
        assert_ne!(difference.hpa, difference.ours, "{}", difference.id);
        assert_eq!(
            all().filter(|other| other.id == difference.id).count(),
            1,
            "{}",
            difference.id
        );
    }
}
