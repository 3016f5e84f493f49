//! What may stand in `scaleTargetRef`, what may happen to it, and what a mode allows to be done to it.

mod definitions;
mod identity;
mod kinds;
mod modes;
mod rollout;
