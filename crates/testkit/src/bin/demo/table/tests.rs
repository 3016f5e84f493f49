use super::*;

const GOAL: Goal = Goal {
    name: "metrics-app",
    kind: "Deployment",
    floor: 2,
    peak: 5,
};

fn seen(size: u32) -> Seen {
    Seen {
        replicas: size,
        ready: size,
        target: "20".to_owned(),
        current: size,
        desired: size,
        targets: "20/20 (avg)".to_owned(),
        ..Seen::default()
    }
}

fn decided(size: u32, why: &str) -> Seen {
    Seen {
        targets: "27.106/20 (avg)".to_owned(),
        decisions: vec![format!("2026-11-22T14:39:08Z 2 -> {size}: {why}")],
        ..seen(size)
    }
}

fn teller() -> Teller {
    let mut teller = Teller::new(GOAL, Clock::start());
    assert!(teller.news(&seen(2)).is_some(), "the first look is always told");
    teller
}

#[test]
fn a_decision_is_told_once_with_what_asked_for_it() {
    let mut teller = teller();
    let why = "metric fake-load: 27.106 per replica, target 20, asks for 6; maxReplicas is 5";
    let row = teller.news(&decided(5, why)).map(|row| (row.tone, row.text));
    let text = "0:00  metrics-app  27.106/20 (avg)     2 -> 5   5 #####   fake-load asks for 6; maxReplicas is 5";
    assert_eq!(row, Some((Tone::Growth, text.to_owned())));
    assert_eq!(teller.news(&decided(5, why)), None);
}

#[test]
fn a_change_that_is_half_done_waits_for_its_other_half() {
    let mut teller = teller();
    let half = Seen {
        ready: 2,
        ..decided(3, "metric fake-load: 22 per replica, target 20, asks for 3")
    };
    assert_eq!(teller.news(&half), None);
    assert!(teller.news(&Seen { ready: 3, ..half }).is_some());
}

#[test]
fn a_new_hold_is_told_in_the_words_of_the_operator() {
    let mut teller = teller();
    let hold = |until: &str| Seen {
        hold: Some(Condition {
            reason: "ScaleDownStabilized".to_owned(),
            message: format!("the scaleDown stabilization window of 4 s holds 2 until {until}"),
        }),
        ..seen(2)
    };
    let row = teller.news(&hold("0:20")).map(|row| row.text);
    let text = "0:00  metrics-app  20/20 (avg)         2        2 ##      the scaleDown stabilization window of 4 s holds 2 \
                until 0:20";
    assert_eq!(row.as_deref(), Some(text));
    assert_eq!(teller.news(&hold("0:21")), None, "only its time has moved");
}

#[test]
fn a_hold_that_came_with_the_decision_is_not_told_again() {
    let mut teller = teller();
    let why = "metric fake-load: 7 per replica, target 20, asks for 2; the scaleDown policies allow no fewer than 3 before 0:20";
    assert!(teller.news(&decided(3, why)).is_some());
    let hold = |message: &str| {
        let hold = Condition {
            reason: "ScaleDownLimit".to_owned(),
            message: message.to_owned(),
        };
        Seen {
            hold: Some(hold),
            ..decided(3, why)
        }
    };
    assert_eq!(
        teller.news(&hold("the scaleDown policies allow no fewer than 3 before 0:21")),
        None
    );
    assert!(
        teller
            .news(&hold("the scaleDown policies allow no fewer than 4 now"))
            .is_some()
    );
}

#[test]
fn trouble_is_told_and_its_end_too() {
    let mut teller = teller();
    let trouble = Some(Condition {
        reason: "QueryFailed".to_owned(),
        message: "no metric can be read".to_owned(),
    });
    let row = teller.news(&Seen { trouble, ..seen(2) });
    assert_eq!(row.map(|row| row.tone), Some(Tone::Trouble));
    assert!(
        teller
            .news(&seen(2))
            .is_some_and(|row| row.text.ends_with("works again"))
    );
}

#[test]
fn a_heartbeat_has_the_metric_of_now() {
    let row = teller().heartbeat(&seen(2), Some(0.1));
    assert!(row.text.contains("50m/20 (avg)"), "{}", row.text);
    assert!(teller().heartbeat(&seen(2), None).text.contains("?/20 (avg)"));
}

#[test]
fn no_line_is_wider_than_119() {
    let mut teller = teller();
    let why = "the scaleDown stabilization window holds ".repeat(10);
    let row = teller.news(&decided(5, &why)).map(|row| row.text).unwrap_or_default();
    assert!(row.lines().count() > 1);
    assert!(
        row.lines()
            .chain(heading().lines())
            .chain(LEGEND.lines())
            .all(|line| line.chars().count() <= 119),
        "{row}"
    );
}

#[test]
fn figures_read_as_the_operator_writes_them() {
    let read = [0.0, 0.06, 0.081_662, 22.428, 35.0].map(figure);
    assert_eq!(read, ["0", "60m", "81.662m", "22.428", "35"]);
}
