//! The rows of the HPA's own tests (Kubernetes v1.36, `pkg/controller/podautoscaler/*_test.go`) against our core.
//!
//! A row keeps the number that the HPA's test gives it; each is a case named by its id. Where we decide otherwise on
//! purpose, the row states the HPA's result like any other, and `differences` has ours and the reason: a row that
//! differs without an entry there fails, and so does an entry that no row bears out.
//! Metrics of the CPU go through the code of every metric of pods, with requests as input.

mod conformance {
    mod arithmetic;
    mod differences;
    mod formula;
    mod guide;
    mod index;
    mod limits;
    mod memory;
    mod per_pod;
    mod pod_decisions;
    mod pods;
    mod policies;
    mod row;
    mod several;
    mod tolerance;
    mod windows;
    mod zero;
}
