//! The rules M1 to M20, one by one, on worlds made by hand.

mod agreement;
mod fixtures;
mod growth;
mod lost;
mod people;
mod removal;
mod shrink;
mod stays;
mod waits;
mod words;
