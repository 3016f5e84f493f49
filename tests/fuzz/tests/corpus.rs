//! Runs every target with every file of its corpus, and with mutations of each that are the same in every run.
//!
//! `MUTATIONS=100000 cargo test --package fuzz` tries harder.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use fuzz::{TARGETS, Target};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let trials = TARGETS
        .into_iter()
        .flat_map(|target| {
            [
                Trial::test(format!("{}: what was found before", target.name), move || {
                    replay(target)
                }),
                Trial::test(format!("{}: mutations of it", target.name), move || mutate(target)),
            ]
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn replay(target: Target) -> Result<(), Failed> {
    for (name, input) in corpus(target)? {
        attempt(target, &input).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

fn mutate(target: Target) -> Result<(), Failed> {
    let rounds = std::env::var("MUTATIONS").map_or(Ok(2_000), |text| text.parse())?;
    let inputs = corpus(target)?;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..rounds {
        let (_, seed) = &inputs[round % inputs.len()];
        let (_, other) = &inputs[random.below(inputs.len())];
        let input = mutated(seed, other, &mut random);
        attempt(target, &input)
            .map_err(|error| format!("round {round}, {:?}: {error}", String::from_utf8_lossy(&input)))?;
    }
    Ok(())
}

/// A panic is the failure of this input, with its text.
fn attempt(target: Target, input: &[u8]) -> Result<(), String> {
    std::panic::catch_unwind(|| (target.run)(input)).map_err(|panic| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| "a promise was broken".to_owned())
    })
}

fn corpus(target: Target) -> Result<Vec<(String, Vec<u8>)>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut inputs = fs::read_dir(&folder)?
        .map(|entry| {
            let path = entry?.path();
            Ok((path.display().to_string(), fs::read(&path)?))
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    inputs.sort();
    if inputs.is_empty() {
        return Err(format!("no inputs in {}", folder.display()).into());
    }
    Ok(inputs)
}

/// One to four small changes: bits, digits, pieces cut out, doubled, or taken from another input.
fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = at + random.below(input.len() - at + 1).min(32);
        match random.below(5) {
            0 => input
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << random.below(8)),
            1 => input.insert(at, b"0123456789.-+eEnumkKMGTPi{}[]()\"',:@= \n"[random.below(39)]),
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let from = random.below(other.len() + 1);
                let piece = &other[from..(from + 32).min(other.len())];
                input.splice(at..end, piece.iter().copied());
            }
        }
    }
    input
}

/// Marsaglia's xorshift, 64 bits: good enough to choose, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bound = u64::try_from(bound.max(1)).expect("a length fits");
        usize::try_from(self.0 % bound).expect("below a length")
    }
}
