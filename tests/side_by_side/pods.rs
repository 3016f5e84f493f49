//! Cases that are measured pod by pod: what their pods are, and what each is worth at each reading.
//!
//! The loads are drawn for every pod that there may ever be, and for one that never is: which pods there are when they are
//! read is the world's to say (`keeper`).

use std::fmt;

use jiff::SignedDuration;

use crate::random::Random;
use crate::series::Sample;

/// What the HPA can see of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodState {
    /// There is none of that name.
    Gone,
    Pending,
    Running,
    Succeeded,
    Failed,
    Terminating,
}

impl PodState {
    /// `status.phase`. Whoever is terminating ran before.
    pub(crate) const fn phase(self) -> &'static str {
        match self {
            Self::Gone | Self::Running | Self::Terminating => "Running",
            Self::Pending => "Pending",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether it carries nothing any more. One that has succeeded is an accident, and is not counted as an end.
    pub(crate) const fn is_over(self) -> bool {
        match self {
            Self::Gone | Self::Failed | Self::Terminating => true,
            Self::Pending | Self::Running | Self::Succeeded => false,
        }
    }
}

/// The pods of a target at one time.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Pods {
    pub(crate) ready: u32,
    /// By their number; only where each is measured.
    pub(crate) states: Vec<PodState>,
}

impl Pods {
    /// So many ready ones.
    pub(crate) const fn ready(ready: u32) -> Self {
        let states = Vec::new();
        Self { ready, states }
    }

    /// These, of which the running ones are ready.
    pub(crate) fn each(states: &[PodState]) -> Self {
        let running = states.iter().filter(|state| **state == PodState::Running).count();
        Self {
            ready: u32::try_from(running).expect("a few pods"),
            states: states.to_vec(),
        }
    }
}

impl fmt::Debug for Pods {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ready", self.ready)?;
        self.states.iter().try_for_each(|state| write!(formatter, " {state:?}"))
    }
}

/// What one pod is worth at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PodLoad {
    /// The number of the pod.
    pub(crate) pod: u32,
    /// In thousandths of the target.
    pub(crate) load: i64,
    /// It covers a time at which the pod had not started. The HPA does not ask.
    pub(crate) young: bool,
}

impl PodLoad {
    /// How long a time it covers: more than a pod's age if it is young.
    pub(crate) const fn range(&self) -> SignedDuration {
        if self.young {
            SignedDuration::from_hours(2)
        } else {
            SignedDuration::from_mins(1)
        }
    }
}

/// How pods of one case come and go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// What becomes of those that are not wanted any more.
    pub(crate) ending: PodState,
    /// Whether those that begin are pending for a while.
    pub(crate) slow_start: bool,
    /// How often something happens to one of them, in percent of the times that it could.
    pub(crate) accidents: i64,
}

impl Habits {
    pub(crate) fn draw(random: &mut Random) -> Self {
        Self {
            ending: random.pick(&[PodState::Failed, PodState::Failed, PodState::Terminating]),
            slow_start: random.percent(35),
            accidents: random.pick(&[0, 0, 25, 60]),
        }
    }
}

/// What pods have at a reading besides a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Measured,
    Missing,
    Young,
}

/// One pod's part in a series.
struct Member {
    /// Thousandths of the mean load.
    weight: i64,
    mood: Mood,
    /// For how many more readings.
    readings: i64,
}

/// The loads of pods 0 to `max` at each sample, whose number is their mean. Pod number `max` is nobody's.
pub(crate) fn draw(random: &mut Random, samples: &[Sample], max: u32) -> Vec<Vec<PodLoad>> {
    let skewed = random.percent(50);
    let (missing, young) = (random.pick(&[0, 0, 3, 8]), random.pick(&[0, 0, 0, 6]));
    let foreign = random.percent(20);
    let mut member = |_| Member {
        weight: if skewed { random.between(300, 1700) } else { 1000 },
        mood: Mood::Measured,
        readings: 0,
    };
    let mut members: Vec<Member> = (0..=max).map(&mut member).collect();
    if !foreign {
        let stranger = members.last_mut().expect("there is one");
        (stranger.mood, stranger.readings) = (Mood::Missing, i64::MAX);
    }
    let mut reading = |sample: &Sample| {
        let mean = sample.number().unwrap_or(0);
        let mut loads = Vec::new();
        for (pod, member) in (0..).zip(&mut members) {
            member.go_on(random, missing, young);
            let percent = match member.mood {
                Mood::Missing => continue,
                Mood::Measured => 100,
                // Mostly it reads low, for the time before it started counts too.
                Mood::Young => random.pick(&[10, 40, 80, 100]),
            };
            loads.push(PodLoad {
                pod,
                load: mean * member.weight / 1000 * percent / 100,
                young: member.mood == Mood::Young,
            });
        }
        loads
    };
    samples.iter().map(&mut reading).collect()
}

impl Member {
    fn go_on(&mut self, random: &mut Random, missing: i64, young: i64) {
        if self.readings > 0 {
            self.readings -= 1;
            return;
        }
        self.mood = match random.between(0, 99) {
            lot if lot < missing => Mood::Missing,
            lot if lot < missing + young => Mood::Young,
            _ => Mood::Measured,
        };
        self.readings = match self.mood {
            Mood::Measured => 0,
            Mood::Missing | Mood::Young => random.between(0, 4),
        };
    }
}
