//! What holds for every policy, observation and memory: the properties at the end of the rules, worded so that they can
//! fail. Seeds of failures are kept beside the sources (`*.regressions`).

mod properties {
    mod decisions;
    mod explanations;
    mod generators;
    mod interruption;
    mod load;
    mod pods;
    mod rest;
    mod simulator;
    mod stored;
    mod witness;
}
