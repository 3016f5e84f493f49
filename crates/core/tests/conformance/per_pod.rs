//! Metrics of every pod: sections A, B, F and G of the table, and what follows from the code (K).

use autoscaler_core::decision::Basis;
use autoscaler_core::per_pod::{Pod, PodCounts, PodMetricError, PodPhase, PodReady, PodTarget, WarmUp};
use autoscaler_core::{Quantity, Replicas};
use jiff::Timestamp;
use rstest::rstest;

use super::pods::{CPU, Pods, average};
use super::row::{at, judge};

const TENTH: (&str, &str) = ("0.1", "0.1");

/// Utilization of a resource, with what the HPA tells of it: percent, and the average usage. Rows that name a container are
/// the same to us: its usage and its request.
#[rstest]
#[case::a1_scale_up("A1", 3, 30, "r600 r1000 r1400", 2_000, 5, (50, 1_000))]
#[case::a2_one_container("A2", 3, 30, "r300 r500 r700", 1_000, 5, (50, 500))]
#[case::a3_unready("A3", 3, 30, "u600 r1000 r1400", 2_000, 4, (60, 1_200))]
#[case::a5_hot("A5", 3, 30, "h600 r1000 r1400", 2_000, 4, (60, 1_200))]
#[case::a6_unready_no_scale("A6", 3, 30, "r800 u1000 u1400", 2_000, 3, (40, 800))]
#[case::a7_hot_no_scale("A7", 3, 30, "r800 h1000 h1400", 2_000, 3, (40, 800))]
#[case::a8_failed("A8", 2, 30, "r1000 r1400 fx2", 2_000, 4, (60, 1_200))]
#[case::a9_failed_without_the_container("A9", 2, 30, "r500 r700 fx2", 1_000, 4, (60, 600))]
#[case::a11_deleted("A11", 2, 30, "r1000 r1400 dx2", 2_000, 4, (60, 1_200))]
#[case::a13_scale_down("A13", 5, 50, "r200 r600 r1000 r500x2", 2_000, 3, (28, 560))]
#[case::a14_scale_down_by_one_container("A14", 5, 50, "r100 r300 r500 r250x2", 1_000, 3, (28, 280))]
#[case::a15_scale_down_with_unready("A15", 5, 50, "r200 r600 r1000 u500x2", 2_000, 2, (30, 600))]
#[case::a16_by_one_container_with_unready("A16", 5, 50, "r100 r300 r500 u250x2", 1_000, 2, (30, 300))]
#[case::a18_unscheduled("A18", 5, 50, "r100 p300 p500 p250x2", 1_000, 1, (10, 100))]
#[case::a19_scale_down_with_hot("A19", 5, 50, "r200 r600 r1000 h500x2", 2_000, 2, (30, 600))]
#[case::a20_by_one_container_with_hot("A20", 5, 50, "r100 r300 r500 h1000x2", 1_000, 2, (30, 300))]
#[case::a23_scale_down_with_deleted("A23", 5, 50, "r200 r600 r1000 r500x2 dx2", 2_000, 3, (28, 560))]
#[case::a24_deleted_still_running("A24", 5, 50, "r100 r300 r500 r250x2 dx2", 1_000, 3, (28, 280))]
#[case::a32_missing("A32", 4, 100, "r800 r190 mx2", 2_000, 3, (24, 495))]
#[case::a33_missing_at_target("A33", 2, 100, "r2000 m", 2_000, 2, (100, 2_000))]
#[case::a34_missing_above_target("A34", 2, 100, "r3800 m", 2_000, 2, (190, 3_800))]
#[case::a35_missing_below_target("A35", 2, 100, "r1200 m", 2_000, 2, (60, 1_200))]
#[case::a37_missing_and_hot("A37", 3, 50, "h200 r900 m", 2_000, 3, (45, 900))]
#[case::a38_missing_and_unready("A38", 3, 50, "u200 r4000 m", 2_000, 4, (200, 4_000))]
#[case::a39_missing_and_hot_scale_up("A39", 3, 50, "h200 r4000 m", 2_000, 4, (200, 4_000))]
#[case::a42_surge("A42", 2, 50, "r200x2 m", 2_000, 2, (10, 200))]
#[case::k2_a_whole_percent("K2", 10, 50, "r560x10", 1_000, 12, (56, 560))]
#[case::k4_below_a_percent("K4", 10, 50, "r449x10", 1_000, 9, (44, 449))]
#[case::k40_succeeded("K40", 2, 100, "r2000x2 sx2", 1_000, 2, (200, 2_000))]
fn utilization(
    #[case] id: &str,
    #[case] current: u32,
    #[case] percent: u32,
    #[case] pods: &str,
    #[case] request: i64,
    #[case] hpa: u32,
    #[case] (told, average_usage): (i64, i64),
) {
    let pods = Pods::of(pods, request);
    let found = pods
        .propose(current, PodTarget::Utilization { percent }, CPU, TENTH)
        .expect("some pod is measured");
    judge(id, found.proposal.replicas.get(), hpa);
    assert_eq!(found.proposal.compared, Quantity::from_units(told), "{id}");
    assert_eq!(averaged(&pods, current), average_usage, "{id}");
}

const A44: &str = "r300/800 r300/400 r300/620 r300/580 r300/604 r300/596 r300/602 r300/598 r300/600x2";

/// Pods of different requests, and tolerances that differ by direction.
#[rstest]
#[case::a26_no_tolerance("A26", 3, 100, "r1818/1800 r2020/2000 r2222/2200", ("0", "0"), 4, 2_020)]
#[case::a27_a_large_one_upwards("A27", 3, 100, "r3780/1800 r3820/2000 r3800/2200", ("0.1", "2"), 3, 3_800)]
#[case::a28_a_small_one_upwards("A28", 3, 100, "r2200/1800 r2160/2000 r2180/2200", ("2", "0.08"), 4, 2_180)]
#[case::a29_a_large_one_downwards("A29", 3, 100, "r1320/1800 r1280/2000 r1300/2200", ("0.36", "0.1"), 3, 1_300)]
#[case::a30_just_too_small_downwards("A30", 3, 100, "r1320/1800 r1280/2000 r1300/2200", ("0.34", "0.1"), 2, 1_300)]
#[case::a44_within("A44", 10, 55, A44, TENTH, 10, 300)]
fn utilization_with_a_tolerance(
    #[case] id: &str,
    #[case] current: u32,
    #[case] percent: u32,
    #[case] pods: &str,
    #[case] tolerance: (&str, &str),
    #[case] hpa: u32,
    #[case] average_usage: i64,
) {
    let pods = Pods::of(pods, 0);
    let found = pods
        .propose(current, PodTarget::Utilization { percent }, CPU, tolerance)
        .expect("all pods are measured");
    judge(id, found.proposal.replicas.get(), hpa);
    assert_eq!(averaged(&pods, current), average_usage, "{id}");
}

/// The average usage of the pods that count, in thousandths rounded down as the HPA tells it: what the same pods are
/// compared by where the target is an average.
fn averaged(pods: &Pods, current: u32) -> i64 {
    let found = pods.propose(current, average(1), CPU, TENTH);
    let compared = found.expect("some pod is measured").proposal.compared;
    i64::try_from(compared.nanos() / 1_000_000).expect("a small amount")
}

/// Metrics of the custom metrics API, with the average that is told: readiness is not consulted.
#[rstest]
#[case::b1_scale_up("B1", 3, 15_000, "r20000 r10000 r30000", TENTH, 4, 20_000)]
#[case::b2_hot("B2", 3, 15_000, "r50000 r10000 h30000", TENTH, 6, 30_000)]
#[case::b3_hot_and_at_target("B3", 3, 15_000, "h50000 r15000 h30000", TENTH, 7, 31_666)]
#[case::b4_one_pod("B4", 1, 4_400, "r8600", TENTH, 2, 8_600)]
#[case::b5_one_pod_again("B5", 1, 4_400, "r8600", TENTH, 2, 8_600)]
#[case::b6_scale_down("B6", 5, 20_000, "r12000x5", TENTH, 3, 12_000)]
#[case::b7_within("B7", 3, 20_000, "r20000 r21000x2", TENTH, 3, 20_666)]
#[case::b8_a_small_tolerance_upwards("B8", 3, 20_000, "r20000 r21000x2", ("0.1", "0.01"), 4, 20_666)]
#[case::k36_missing_above_target("K36", 4, 100_000, "r300000x2 mx2", TENTH, 6, 300_000)]
#[case::k38_pending_below_target("K38", 4, 100_000, "r50000x2 px2", TENTH, 1, 50_000)]
#[case::k39_missing_below_target("K39", 4, 100_000, "r20000x2 mx2", TENTH, 3, 20_000)]
#[case::r10_young_below_target("R10", 4, 100_000, "r20000x2 h1000x2", TENTH, 1, 20_000)]
fn average_value(
    #[case] id: &str,
    #[case] current: u32,
    #[case] target: i64,
    #[case] pods: &str,
    #[case] tolerance: (&str, &str),
    #[case] hpa: u32,
    #[case] told: i128,
) {
    let found = Pods::of(pods, 0)
        .propose(current, average(target), WarmUp::Sample, tolerance)
        .expect("some pod is measured");
    judge(id, found.proposal.replicas.get(), hpa);
    assert_eq!(found.proposal.compared.nanos() / 1_000_000, told, "{id}");
}

#[test]
fn case_a31_samples_of_unknown_pods_do_not_count() {
    let mut pods = Pods::of("r8000 r19000 r6000 r14000", 2_000);
    pods.sample("stranger-0", 6_400);
    pods.sample("stranger-1", 4_000);
    let found = pods.propose(4, PodTarget::Utilization { percent: 100 }, CPU, TENTH);
    let proposal = found.expect("all pods are measured").proposal;
    judge("A31", proposal.replicas.get(), 24);
    assert_eq!(proposal.compared, Quantity::from_units(587));
    assert_eq!(averaged(&pods, 4), 11_750);
}

#[test]
fn case_k35_nor_do_they_for_an_average() {
    let mut pods = Pods::of("r100000x2", 0);
    pods.sample("stranger", 700_000);
    let found = pods.propose(2, average(100_000), WarmUp::Sample, TENTH);
    judge("K35", found.expect("all pods are measured").proposal.replicas.get(), 6);
}

/// One pod, and whether it belongs to the group that the HPA puts it into.
#[rstest]
#[case::f2_succeeded_memory("F2", (PodPhase::Succeeded, WarmUp::Sample), None, None, Some(0), measured, 1)]
#[case::f3_succeeded_cpu("F3", (PodPhase::Succeeded, CPU), Some(0), None, Some(0), unready, 1)]
#[case::f5_window_before_ready("F5", (PodPhase::Running, CPU), Some(60), Some((true, 30)), Some(0), unready, 1)]
#[case::f7_age_of_a_sample("F7", (PodPhase::Running, CPU), Some(180), Some((true, 180)), Some(120), measured, 1)]
#[case::f8_was_ready_once("F8", (PodPhase::Running, CPU), Some(600), Some((false, 540)), Some(0), measured, 1)]
#[case::f9_exactly_at_the_delay("F9", (PodPhase::Running, CPU), Some(600), Some((false, 590)), Some(0), measured, 1)]
#[case::f12_pending("F12", (PodPhase::Pending, CPU), None, None, None, unready, 1)]
#[case::f14_failed("F14", (PodPhase::Failed, CPU), Some(600), Some((true, 590)), Some(0), anything, 0)]
fn group(
    #[case] id: &str,
    #[case] (phase, warm_up): (PodPhase, WarmUp),
    #[case] started: Option<i64>,
    #[case] ready: Option<(bool, i64)>,
    #[case] sample_age: Option<i64>,
    #[case] in_group: fn(PodCounts) -> usize,
    #[case] hpa: u32,
) {
    let mut pods = Pods::of("r100", 0);
    let ago = |seconds: i64| -> Timestamp { at(-seconds) };
    pods.pods[0] = Pod {
        phase,
        started: started.map(ago),
        ready: ready.map(|(status, since)| PodReady {
            status: Some(status),
            since: ago(since),
        }),
        ..pods.pods[0].clone()
    };
    match sample_age {
        Some(age) => pods
            .samples
            .values_mut()
            .for_each(|sample| sample.since = ago(age + 60)),
        None => pods.samples.clear(),
    }
    let counts = match pods.propose(1, average(100), warm_up, TENTH) {
        Ok(found) => found.counts,
        Err(PodMetricError::NoSamples { counts }) => counts,
        Err(error @ PodMetricError::NoRequest { .. }) => panic!("an average asks for no request: {error}"),
    };
    judge(id, u32::try_from(in_group(counts)).expect("one pod"), hpa);
}

fn measured(counts: PodCounts) -> usize {
    counts.measured
}

fn unready(counts: PodCounts) -> usize {
    counts.unready
}

fn anything(counts: PodCounts) -> usize {
    let PodCounts {
        measured,
        young,
        unready,
        missing,
    } = counts;
    measured + young + unready + missing
}

#[test]
fn a_pending_pod_is_unready_with_a_sample_too() {
    let found = Pods::of("r100 p p100", 0).propose(3, average(100), CPU, TENTH);
    let expected = PodCounts {
        measured: 1,
        unready: 2,
        ..PodCounts::default()
    };
    assert_eq!(found.expect("one is measured").counts, expected);
}

/// `GetResourceUtilizationRatio` and `GetMetricUsageRatio`: what is compared, for people.
#[rstest]
#[case::g11_base("G11", "r50 r76", 100, PodTarget::Utilization { percent: 50 }, 63_000)]
#[case::g13_a_request_without_usage("G13", "r50 r76 m", 100, PodTarget::Utilization { percent: 50 }, 63_000)]
#[case::g15_average("G15", "r5000 r10000", 0, average(10_000), 7_500)]
fn what_is_compared(
    #[case] id: &str,
    #[case] pods: &str,
    #[case] request: i64,
    #[case] target: PodTarget,
    #[case] hpa: u32,
) {
    let found = Pods::of(pods, request)
        .propose(2, target, CPU, TENTH)
        .expect("two are measured");
    let millis = found.proposal.compared.nanos() / 1_000_000;
    judge(id, u32::try_from(millis).expect("a small amount"), hpa);
}

/// As in the HPA, where `calculatePodRequests` fails before anything is compared.
#[test]
fn a_pod_without_a_request_fails_a_target_in_percent() {
    let found = Pods::of("r50/100 r76/100 r100", 0).propose(3, PodTarget::Utilization { percent: 50 }, CPU, TENTH);
    let pod = "pod-2".to_owned();
    assert_eq!(found, Err(PodMetricError::NoRequest { pod }));
}

#[test]
fn r10_a_young_pod_never_turns_the_direction() {
    // Two old pods above the target, two young ones that read low: the average of all four is below it.
    let found = Pods::of("r150000x2 h10000x2", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    let proposal = found.expect("two are measured").proposal;
    assert_eq!(
        (proposal.replicas, proposal.compared),
        (Replicas::new(4), Quantity::from_units(150))
    );
}

#[test]
fn r10_when_all_pods_are_young_nothing_shrinks() {
    let found = Pods::of("h10000x4", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    assert_eq!(found.expect("four are measured").proposal.replicas, Replicas::new(4));
    let found = Pods::of("h150000x4", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    assert_eq!(
        found.expect("four are measured").proposal.replicas,
        Replicas::new(6),
        "growth needs no patience"
    );
}

#[test]
fn r9_one_pod_of_four_to_be_seen_never_shrinks_under_load() {
    let found = Pods::of("r200", 200).propose(4, PodTarget::Utilization { percent: 50 }, CPU, TENTH);
    assert_eq!(found.expect("one is measured").proposal.replicas, Replicas::new(4));
}

#[test]
fn r10_a_pod_that_has_not_started_counts_as_idle_before_growth() {
    // Four at 130 of 100, one pending: 520 for five pods is within the tolerance.
    let found = Pods::of("r130000x4 p", 0).propose(5, average(100_000), WarmUp::Sample, TENTH);
    assert_eq!(found.expect("four are measured").proposal.replicas, Replicas::new(5));
}

#[test]
fn r10_a_pod_without_a_sample_may_use_all_that_it_requests() {
    // Two at 20 % and one unknown, which may be at 100 %: 46 % of a target of 50 % is within the tolerance.
    let found = Pods::of("r200x2 m", 1_000).propose(3, PodTarget::Utilization { percent: 50 }, CPU, TENTH);
    assert_eq!(found.expect("two are measured").proposal.replicas, Replicas::new(3));
}

#[test]
fn r8_growth_that_missing_pods_may_already_be_says_so() {
    // 300 over four pods, two of them without a sample: three replicas would do, and four are there.
    let found = Pods::of("r150000x2 mx2", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    let proposal = found.expect("two are measured").proposal;
    assert_eq!(
        (proposal.replicas, proposal.basis),
        (Replicas::new(4), Basis::AwaitsReplicas)
    );
    // Two of four pods are to be seen, at twice their target: four would do.
    let found = Pods::of("r200000x2", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    let proposal = found.expect("two are measured").proposal;
    assert_eq!(
        (proposal.replicas, proposal.basis),
        (Replicas::new(4), Basis::AwaitsReplicas)
    );
    // 401 over four: one more than there are.
    let found = Pods::of("r200500x2 mx2", 0).propose(4, average(100_000), WarmUp::Sample, ("0", "0"));
    let proposal = found.expect("two are measured").proposal;
    assert_eq!(
        (proposal.replicas, proposal.basis),
        (Replicas::new(5), Basis::AboveTarget)
    );
}

#[test]
fn r10_after_a_shrink_the_samples_must_be_newer_before_the_next() {
    // Ten pods at 40 became four that carry 100 each, and whose rates over a minute read 43 half a minute later.
    let pods = Pods::of("r43000x4", 0);
    let lags = pods.propose_after_removal(4, average(100_000), 30).lags_until;
    assert_eq!(lags, Some(at(30)));
    let found = pods.propose_after_removal(4, average(100_000), 60);
    assert_eq!((found.proposal.replicas, found.lags_until), (Replicas::new(2), None));
    // Growth waits for nothing.
    let found = Pods::of("r143000x4", 0)
        .propose_after_removal(4, average(100_000), 30)
        .proposal;
    assert_eq!((found.replicas, found.basis), (Replicas::new(6), Basis::AboveTarget));
}

#[test]
fn r18_pods_of_a_surge_are_no_capacity() {
    // 112 each of what is not shared anew, such as memory: twelve replicas, not twenty-three.
    let found = Pods::of("r112000x20", 0).propose(10, average(100_000), WarmUp::Sample, TENTH);
    assert_eq!(found.expect("all are measured").proposal.replicas, Replicas::new(12));
}

#[test]
fn r18_pods_of_a_surge_share_the_load() {
    // Six pods at 60 % of the target carry 3.6 targets: shrinking to three of four would overload them.
    let found = Pods::of("r60000x6", 0).propose(4, average(100_000), WarmUp::Sample, TENTH);
    assert_eq!(found.expect("six are measured").proposal.replicas, Replicas::new(4));
}
