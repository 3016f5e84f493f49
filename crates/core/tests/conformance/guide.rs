//! `docs/guide/coming-from-hpa.md` says what the tests say: its rows are the differences, its example is computed, and it
//! answers each of the fifteen asks.

use std::collections::BTreeSet;

use autoscaler_core::{
    Change, ChangeCause, Cooldown, Decision, Evidence, LimitCause, Quantity, Reading, Seconds, decide,
};

use super::differences::{Difference, TOPICS, all};
use super::row::{Row, at};

const GUIDE: &str = include_str!("../../../../docs/guide/coming-from-hpa.md");

/// A chapter by its heading, up to the next heading of the same level or above.
pub(super) fn chapter(heading: &str) -> impl Iterator<Item = &'static str> {
    let level = heading.split(' ').next().expect("a heading begins with its level");
    let mut lines = GUIDE.lines();
    assert!(lines.any(|line| line == heading), "the guide has no {heading:?}");
    lines.take_while(move |line| !(line.starts_with('#') && line.split(' ').next().is_some_and(|it| it <= level)))
}

/// The cells of the rows of a table, without its head.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = chapter(heading).filter(|line| line.starts_with('|'));
    lines
        .skip(2)
        .map(|line| line[1..line.len() - 1].split('|').map(str::trim).collect())
        .collect()
}

fn line(difference: &Difference) -> String {
    let Difference { id, given, hpa, ours } = difference;
    format!("| {id} | {given} | {hpa} | {ours} |")
}

#[test]
fn every_difference_stands_in_the_guide_under_its_reason() {
    for topic in TOPICS {
        let lines: BTreeSet<&str> = chapter(&format!("### {}", topic.heading)).collect();
        for difference in topic.differences {
            let line = line(difference);
            assert!(
                lines.contains(line.as_str()),
                "under {:?} the guide lacks\n{line}",
                topic.heading
            );
        }
    }
}

#[test]
fn the_guide_has_no_difference_that_is_not_one() {
    let known: BTreeSet<String> = all().map(line).collect();
    let told: Vec<&str> = chapter("## What differs")
        .filter(|line| line.starts_with('|') && !line.starts_with("|---") && !line.starts_with("| row "))
        .collect();
    assert_eq!(told.len(), known.len());
    for line in told {
        assert!(known.contains(line), "no test bears out\n{line}");
    }
}

#[test]
fn each_of_the_fifteen_asks_is_answered() {
    let answers = rows("## What people ask the HPA for");
    let numbers: Vec<String> = answers.iter().map(|row| row[0].to_owned()).collect();
    let expected: Vec<String> = (1..=15).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
    for row in answers {
        assert!(["Have it", "Not yet", "Never"].contains(&row[2]), "{row:?}");
        assert!(row.len() == 5 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

/// One line of the worked example.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    second: i64,
    load: i64,
    asks_for: u32,
    replicas: u32,
    held_by: String,
    next_change: Option<i64>,
}

impl Line {
    fn told(cells: &[&str]) -> Self {
        let number = |cell: &str| cell.parse::<u32>().unwrap_or_else(|_| panic!("{cell:?} in {cells:?}"));
        Self {
            second: number(cells[0]).into(),
            load: number(cells[1]).into(),
            asks_for: number(cells[2]),
            replicas: number(cells[3]),
            held_by: cells[4].to_owned(),
            next_change: (!cells[5].is_empty()).then(|| number(cells[5]).into()),
        }
    }

    fn of(decision: &Decision, second: i64, load: i64) -> Self {
        let held_by = match decision.limit().map(|limit| &limit.cause) {
            None => "",
            Some(LimitCause::Window { .. }) => "window",
            Some(LimitCause::Cooldown { .. }) => "cooldown",
            Some(other) => panic!("the example is not about {other:?}"),
        };
        Self {
            second,
            load,
            asks_for: decision.merged().expect("the metric can be read").1.get(),
            replicas: decision.desired.get(),
            held_by: held_by.to_owned(),
            next_change: decision.next_change.map(|next| next.duration_since(at(0)).as_secs()),
        }
    }

    /// Whether something is otherwise than in the line before, apart from the time.
    fn is_news(&self, before: &Self) -> bool {
        self.load != before.load
            || self.asks_for != before.asks_for
            || self.replicas != before.replicas
            || self.held_by != before.held_by
            || self.next_change != before.next_change
    }
}

#[test]
fn the_worked_example_is_what_is_decided() {
    let told: Vec<Line> = rows("## Cooldown and stabilization together")
        .iter()
        .map(|row| Line::told(row))
        .collect();
    let load_at = |second: i64| {
        told.iter()
            .rfind(|line| line.second <= second)
            .expect("it begins at 0")
            .load
    };
    assert!(GUIDE.contains("cooldown: {scaleUpSeconds: 60, scaleDownSeconds: 420}"));
    let mut row = Row::at(3).bounds(1, 10).default_rules().average(100_000, 0);
    row.policy.cooldown = Cooldown {
        up: Seconds::new(60),
        down: Seconds::new(420),
    };
    let mut computed: Vec<Line> = Vec::new();
    for second in (0..=1_200).step_by(15) {
        let load = load_at(second);
        row.observation.readings[0].reading = Reading::Fresh {
            value: Quantity::from_units(load),
            evidence: Evidence::Probed,
        };
        let decision = decide(&row.policy, &row.observation, &row.history, at(second));
        let line = Line::of(&decision, second, load);
        row.history = decision.history.clone();
        if let Some((from, to)) = decision.change() {
            let (at, cause) = (decision.at, ChangeCause::Ours);
            row.history.record_change(Change { from, to, at, cause }, &row.policy);
            (row.observation.replicas, row.observation.ready) = (to, Some(to));
        }
        computed.push(line);
    }
    // What the guide tells is what happens at those seconds, and nothing happens at others but the end of a hold.
    for line in &told {
        assert!(computed.contains(line), "computed otherwise: {line:?}");
    }
    let quiet = |line: &Line| line.held_by.is_empty() && line.asks_for == line.replicas;
    for pair in computed
        .windows(2)
        .filter(|pair| pair[1].is_news(&pair[0]) && !quiet(&pair[1]))
    {
        assert!(told.contains(&pair[1]), "the guide does not tell {:?}", pair[1]);
    }
    let changes = |lines: &[Line]| -> Vec<u32> {
        let mut counts: Vec<u32> = lines.iter().map(|line| line.replicas).collect();
        counts.dedup();
        counts
    };
    assert_eq!(changes(&told), changes(&computed));
}
