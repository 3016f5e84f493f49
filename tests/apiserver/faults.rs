//! What the source may do to us: whatever it does, the size is held where nothing better is known, and a condition says
//! which of its ways it was.

mod absence;
mod answers;
mod coverage;
mod neighbours;
mod outages;
mod requests;
mod scene;
