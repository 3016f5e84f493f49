//! What must hold for any input: one function a parser, which takes bytes and panics where a promise is broken.
//!
//! Two runners call them: `tests/corpus.rs` on stable, with every file of `corpus/` and mutations of it, as part of
//! `make test`; and `libfuzzer/`, guided by coverage, for as long as one likes (`make fuzz TARGET=quantity`).

#![expect(clippy::missing_panics_doc, reason = "a panic is how a broken promise is told")]

pub mod answer;
pub mod duration;
pub mod history;
pub mod object;
pub mod profile;
pub mod quantity;
pub mod query;

/// One fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// What is run with each input.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "quantity",
        run: quantity::run,
    },
    Target {
        name: "query",
        run: query::run,
    },
    Target {
        name: "duration",
        run: duration::run,
    },
    Target {
        name: "answer",
        run: answer::run,
    },
    Target {
        name: "history",
        run: history::run,
    },
    Target {
        name: "object",
        run: object::run,
    },
    Target {
        name: "profile",
        run: profile::run,
    },
];
