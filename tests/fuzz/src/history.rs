//! The stored history, which whoever may write status can edit: any text is read or refused, what was read is written
//! the same way for ever, and it does not grow beyond what status has room for.

use autoscaler_core::History;

/// Longer than the largest memory (64 runs and 64 changes each way, marks for 8 metrics) can get.
const ROOM: usize = 32_768;

/// Reads one text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(history) = History::decode(text) else { return };
    let written = history.encode();
    let read = History::decode(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(read.encode(), written, "of {text:?}");
    let stored_marks = text.matches(['=']).count() * 300;
    assert!(
        written.len() <= ROOM + stored_marks,
        "{} bytes of {text:?}",
        written.len()
    );
}
