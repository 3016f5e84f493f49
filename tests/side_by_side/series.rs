//! What a metric is worth at each reading: steps, ramps, random walks and noise at the threshold, with gaps in between.
//!
//! Loads are thousandths of the metric's target, so that 1000 is one replica of an `averageValue` target, and exactly the
//! target of a `value` target. The n-th reading is the n-th sample whenever it comes: a slow machine changes nothing.

use crate::random::Random;

/// So many samples are drawn; the last one stays.
const LENGTH: usize = 600;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// A number.
    Whole(i64),
    /// A number whose newest sample is too old. The HPA does not ask.
    Stale(i64),
    /// A number that covers a part of the load only. The HPA does not ask.
    Partial(i64),
    /// An answer without any series.
    Empty,
    /// An error.
    Error,
}

impl Sample {
    /// The number that the HPA gets, if any.
    pub(crate) const fn number(self) -> Option<i64> {
        match self {
            Self::Whole(number) | Self::Stale(number) | Self::Partial(number) => Some(number),
            Self::Empty | Self::Error => None,
        }
    }
}

/// How a load moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Steps,
    Ramps,
    Walk,
    /// At the ends of the tolerance of a few counts, and a thousandth on either side of them.
    Threshold,
}

/// What may be wrong with a sample, in percent of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flaws {
    pub(crate) gaps: i64,
    pub(crate) doubts: i64,
    pub(crate) negative: i64,
}

/// The samples of one metric, whose load stays between `low` and `high`. `tolerances` are the ends of the tolerance in
/// thousandths, down and up.
pub(crate) fn draw(
    random: &mut Random,
    shape: Shape,
    (low, high): (i64, i64),
    tolerances: (i64, i64),
    flaws: Flaws,
) -> Vec<Sample> {
    let mut loads = match shape {
        Shape::Steps => steps(random, low, high),
        Shape::Ramps => ramps(random, low, high),
        Shape::Walk => walk(random, low, high),
        Shape::Threshold => threshold(random, low, high, tolerances),
    };
    loads.truncate(LENGTH);
    let mut gap = 0;
    let flawed = loads.into_iter().map(|load| {
        if gap == 0 && random.percent(flaws.gaps) {
            gap = random.between(1, 5);
        }
        if gap > 0 {
            gap -= 1;
            return random.pick(&[Sample::Empty, Sample::Error]);
        }
        if random.percent(flaws.negative) {
            return Sample::Whole(-load);
        }
        if random.percent(flaws.doubts) {
            return random.pick(&[Sample::Stale(load), Sample::Partial(load)]);
        }
        Sample::Whole(load)
    });
    flawed.collect()
}

fn steps(random: &mut Random, low: i64, high: i64) -> Vec<i64> {
    let mut loads = Vec::new();
    while loads.len() < LENGTH {
        let load = random.between(low, high);
        for _ in 0..random.between(1, 4) {
            loads.push(load);
        }
    }
    loads
}

fn ramps(random: &mut Random, low: i64, high: i64) -> Vec<i64> {
    let mut loads = vec![random.between(low, high)];
    while loads.len() < LENGTH {
        let (from, to) = (loads[loads.len() - 1], random.between(low, high));
        let length = random.between(3, 10);
        loads.extend((1..=length).map(|step| from + (to - from) * step / length));
    }
    loads
}

fn walk(random: &mut Random, low: i64, high: i64) -> Vec<i64> {
    let mut load = random.between(low, high);
    let walked = (0..LENGTH).map(|_| {
        // A few percent or a doubling; back from the ends.
        let stride = random.pick(&[10, 60, 100]);
        load = load * (100 + random.between(-stride / 2, stride)) / 100 + random.between(-50, 50);
        if load > high || load < low {
            load = random.between(low, high);
        }
        load
    });
    walked.collect()
}

fn threshold(random: &mut Random, low: i64, high: i64, (down, up): (i64, i64)) -> Vec<i64> {
    let counts: Vec<i64> = (0..3).map(|_| random.between(low, high).max(1000) / 1000).collect();
    let edges = [1000 - down, 1000 + up, 1000];
    let mut count = counts[0];
    let at_edge = (0..LENGTH).map(|_| {
        if random.percent(25) {
            count = random.pick(&counts);
        }
        random.pick(&edges) * count + random.between(-1, 1)
    });
    at_edge.collect()
}
