//! The machine of membership operations against a simulated cluster: every interleaving of a small one (a model check),
//! many of a larger one (properties), and faults put into the machine on purpose, each of which must be found.

#![expect(clippy::print_stdout, reason = "how much was looked at is what one wants to know")]

mod membership {
    mod cluster;
    mod faults;
    mod model;
}
