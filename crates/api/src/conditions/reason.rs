//! Every reason a condition can have: the constant, where it stands, what it means, what to do.
//!
//! This is the only place. The constants, `docs/reference/reasons.md` and the check in
//! [`set_condition`](super::set_condition) all come from the one table below.

#![expect(clippy::doc_markdown, reason = "the text is shown to users as it stands")]

use super::ConditionType::{
    self, AbleToScale, MembershipHealthy, MembershipStable, Ready, ScalingActive, ScalingLimited,
};
use super::Status::{self, False, True, Unknown};

/// One reason.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The word in the condition.
    pub reason: &'static str,
    /// The conditions and statuses it goes with.
    pub stands_in: &'static [(ConditionType, Status)],
    /// What it means.
    pub meaning: &'static [&'static str],
    /// What to do about it; empty if nothing need be done.
    pub action: &'static str,
}

/// The reason of the event about a change of size, as the HPA has it.
pub const SUCCESSFUL_RESCALE: &str = "SuccessfulRescale";
/// The reason of the event about an operation that began.
pub const OPERATION_BEGUN: &str = "OperationBegun";
/// The reason of the event about an operation that is further on.
pub const OPERATION_ADVANCED: &str = "OperationAdvanced";
/// The reason of the event about an operation that is being taken back.
pub const OPERATION_ABORTING: &str = "OperationAborting";
/// The reason of the event about an operation that ended as it was meant to.
pub const OPERATION_DONE: &str = "OperationDone";
/// The reason of the event about an operation that was taken back.
pub const OPERATION_ABORTED: &str = "OperationAborted";
/// The reason of the event about an operation that was given up because its autoscaler was deleted and it did not end.
pub const OPERATION_ABANDONED: &str = "OperationAbandoned";

/// What is told by an event: its reason, and when it is sent.
pub const EVENTS: &[(&str, &str)] = &[
    (
        SUCCESSFUL_RESCALE,
        "The target was scaled; the note has both counts and why.",
    ),
    (
        "the reason of Ready",
        "Ready has another status or reason than before: Normal if True, else Warning.",
    ),
    (FAILED_UPDATE_SCALE, "The replicas could not be written."),
    (OPERATION_BEGUN, "An operation on a member of the cluster began."),
    (
        OPERATION_ADVANCED,
        "It has got to its next phase; the note says which, and what comes next.",
    ),
    (OPERATION_ABORTING, "It is being taken back; the note says why."),
    (OPERATION_DONE, "It has ended as it was meant to."),
    (
        OPERATION_ABORTED,
        "It was taken back, and nothing of it is left; the note says why.",
    ),
    (
        OPERATION_ABANDONED,
        "Its autoscaler was deleted, and it did not end in time: the event is on the target, and says what may be left.",
    ),
    (
        "the reason of MembershipHealthy",
        "MembershipHealthy has another status or reason than before: Normal if True, else Warning.",
    ),
    (
        "the reason of MembershipStable",
        "An operation waits for something that a person may have to look at: Warning.",
    ),
    (
        SCALE_DOWN_BLOCKED_BY_METRIC,
        "A metric blocks scaling down while others can be read; when none can, Ready tells it.",
    ),
];

/// Whether the table has this reason for this status of this condition.
pub fn is_documented(condition: ConditionType, status: Status, reason: &str) -> bool {
    TABLE
        .iter()
        .any(|entry| entry.reason == reason && entry.stands_in.contains(&(condition, status)))
}

/// Nothing can be decided: neither ready, nor active.
const CANNOT_DECIDE: &[(ConditionType, Status)] = &[(Ready, False), (ScalingActive, False)];
/// Nothing can be decided, nor written.
const CANNOT_ACT: &[(ConditionType, Status)] = &[(Ready, False), (ScalingActive, False), (AbleToScale, False)];
/// The replicas are not what the metrics ask for.
const LIMITED: &[(ConditionType, Status)] = &[(ScalingLimited, True)];
/// A member is on its way.
const UNDER_WAY: &[(ConditionType, Status)] = &[(MembershipStable, False)];
/// Something is wrong with the members, or with what is needed to ask them.
const UNHEALTHY: &[(ConditionType, Status)] = &[(MembershipHealthy, False)];

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident = $reason:literal, $stands_in:expr, $action:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $name: &str = $reason;)+

        /// All reasons, in the order of the documentation.
        pub const TABLE: &[Entry] = &[$(Entry {
            reason: $reason,
            stands_in: $stands_in,
            meaning: &[$($meaning),+],
            action: $action,
        }),+];
    };
}

reasons! {
    // The work goes on.

    /// Some metric can be read, and the replicas follow it.
    VALID_METRIC_FOUND = "ValidMetricFound", &[(Ready, True), (ScalingActive, True)], "";
    /// No stabilization window holds the target's replicas. What else limits them is told by `ScalingLimited`.
    READY_FOR_NEW_SCALE = "ReadyForNewScale", &[(AbleToScale, True)], "";
    /// The target was scaled, and nothing has happened since that would need telling.
    SUCCEEDED_RESCALE = "SucceededRescale", &[(AbleToScale, True)], "";
    /// The metrics ask for fewer replicas, but a higher recommendation within the stabilization window holds them.
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized", &[(AbleToScale, True)],
        "Wait for the window to pass. To scale down sooner, lower behavior.scaleDown.stabilizationWindowSeconds.";
    /// The metrics ask for more replicas, but a lower recommendation within the stabilization window holds them.
    SCALE_UP_STABILIZED = "ScaleUpStabilized", &[(AbleToScale, True)],
        "Wait for the window to pass. To scale up sooner, lower behavior.scaleUp.stabilizationWindowSeconds.";
    /// The replicas are what the metrics ask for, or only a stabilization window holds them; AbleToScale tells which.
    DESIRED_WITHIN_RANGE = "DesiredWithinRange", &[(ScalingLimited, False)], "";
    /// Nothing has been evaluated yet, or there is nothing to evaluate.
    NOT_EVALUATED = "NotEvaluated",
        &[(Ready, Unknown), (ScalingActive, Unknown), (AbleToScale, Unknown), (ScalingLimited, Unknown)],
        "Wait for one interval. If another condition is False, see that one first.";

    /// The operator has just begun and does not know the target, or who else scales it, yet.
    WAITING_FOR_CACHE = "WaitingForCache", &[(Ready, Unknown), (ScalingActive, Unknown), (AbleToScale, Unknown)],
        "Wait. If it stays, the message says which watch fails, and why.";

    // A person wants it so.

    /// mode is DryRun, or the operator runs with --max-mode=dryrun: replicas are decided and reported, never written.
    DRY_RUN = "DryRun", &[(Ready, True), (ScalingActive, False)],
        "Compare desiredReplicas with currentReplicas; set mode: Active when you trust it, or have --max-mode raised.";
    /// mode is Paused, or the operator runs with --max-mode=paused: nothing is measured or decided.
    PAUSED = "Paused", &[(Ready, True), (ScalingActive, False)], "Set mode: Active to go on; if the message names --max-mode, whoever runs the operator must raise it.";
    /// The target was scaled to 0 by a person, which pauses the autoscaler.
    SCALING_DISABLED = "ScalingDisabled", &[(Ready, True), (ScalingActive, False)],
        "Scale the target to 1 or more to go on.";

    // The replicas are not what the metrics ask for.

    /// The metrics ask for fewer replicas than minReplicas, or the target had fewer and was corrected; the message says which.
    TOO_FEW_REPLICAS = "TooFewReplicas", LIMITED, "If the metrics ask for fewer, lower minReplicas if that is enough.";
    /// The metrics ask for more replicas than maxReplicas, or the target had more and was corrected; the message says which.
    TOO_MANY_REPLICAS = "TooManyReplicas", LIMITED,
        "If the metrics ask for more, the workload may be short of replicas: raise maxReplicas if the cluster can carry them.";
    /// The policies of behavior.scaleUp allow no more replicas now.
    SCALE_UP_LIMIT = "ScaleUpLimit", LIMITED, "Wait for the period to pass, or allow larger steps in behavior.scaleUp; with selectPolicy: Disabled nothing ever scales up.";
    /// The policies of behavior.scaleDown allow no fewer replicas now.
    SCALE_DOWN_LIMIT = "ScaleDownLimit", LIMITED,
        "Wait for the period to pass, or allow larger steps in behavior.scaleDown; with selectPolicy: Disabled nothing ever scales down.";
    /// A metric that cannot be trusted blocks scaling down; the message names it, and says what is wrong and since when.
    SCALE_DOWN_BLOCKED_BY_METRIC = "ScaleDownBlockedByMetric", LIMITED,
        "Mend the metric named in the message; currentMetrics says what is wrong with it.";
    /// A metric had a gap, so it reads low until the range of its query, such as [5m], is filled again: nothing scales down until then.
    DATA_GAP = "DataGap", LIMITED, "Wait until nextChangeTime.";
    /// A metric with perPod still looks back to before the last scale down, or to before a change by somebody else that may have been one, so what the removed pods carried does not show in the others' samples yet: nothing scales down until then.
    AWAITING_SAMPLES = "AwaitingSamples", LIMITED, "Wait until nextChangeTime.";
    /// The cooldown after the last change has not passed.
    COOLING_DOWN = "CoolingDown", LIMITED, "Wait until nextChangeTime, or lower cooldown.";
    /// A rollout of the target is under way, during which it may scale up but not down.
    ROLLOUT_IN_PROGRESS = "RolloutInProgress", &[(ScalingLimited, True), (MembershipStable, False)], "Wait for the rollout, or mend it: kubectl rollout status.";
    /// Replicas that are starting may already be the answer to the load, so scaling up waits for them.
    AWAITING_REPLICAS = "AwaitingReplicas", LIMITED, "Wait for the replicas to become ready, or find out why they do not: kubectl describe pod.";
    /// The clocks of the operator and of the API server differ by more than an interval, so nothing scales down.
    CLOCK_SKEW = "ClockSkew", LIMITED, "Set the clocks of the nodes right (NTP).";
    /// Nobody evaluated for a while, or what was remembered cannot be trusted. So the stabilization windows start anew, and a metric that cannot be probed is taken to have had a gap.
    HISTORY_UNCERTAIN = "HistoryUncertain", LIMITED, "Wait for one stabilization window, or for the range of the query if the message names a gap. If it comes back with every restart, the operator does not end in order: see its log.";
    /// No metric could be read for fallback.afterSeconds, so the target has at least fallback.minReplicas.
    FALLBACK_ACTIVE = "FallbackActive", LIMITED, "Mend the metrics; ScalingActive says what is wrong with them.";

    // Something about the object or its target is wrong.

    /// The spec cannot be used; the message names the field.
    INVALID_SPEC = "InvalidSpec", CANNOT_DECIDE,
        "Correct the field. If the API server took it, the CustomResourceDefinition installed is older than the operator: apply the newer one.";
    /// The CustomResourceDefinition installed lacks a field that the operator writes.
    OUTDATED_DEFINITION = "OutdatedDefinition", CANNOT_DECIDE,
        "Apply the CustomResourceDefinition that belongs to this version of the operator; it is tried again within five minutes, or at the next evaluation if that is later.";
    /// The target does not exist.
    TARGET_NOT_FOUND = "TargetNotFound", CANNOT_ACT, "Create it, or create a MetricAutoscaler with the right scaleTargetRef.";
    /// The target is being deleted.
    TARGET_TERMINATING = "TargetTerminating", CANNOT_ACT, "Nothing, unless it stays: then look at its finalizers.";
    /// The target's kind has no scale subresource, or its objects are in no namespace.
    TARGET_HAS_NO_SCALE = "TargetHasNoScale", CANNOT_ACT,
        "Name the object that owns the replicas, or give the custom resource a scale subresource.";
    /// Another autoscaler scales the same target; the message names it.
    TARGET_CONFLICT = "TargetConflict", CANNOT_ACT, "Delete one of the two, or set this one to mode: DryRun.";
    /// The target belongs to another controller, which sets its replicas; the message names the owner.
    TARGET_MANAGED = "TargetManaged", CANNOT_ACT, "Name the owner in scaleTargetRef instead.";
    /// Another writer keeps setting the target's replicas; the message names it. Nothing is written for ten minutes.
    CONTENDED = "Contended", CANNOT_ACT,
        "Take replicas out of what the other writer applies, such as the manifests of a GitOps tool.";
    /// The operator may not read or write what it needs; the message says which right is missing.
    FORBIDDEN = "Forbidden",
        &[(Ready, False), (ScalingActive, False), (AbleToScale, False), (MembershipHealthy, False)],
        "Apply the role shown in the message.";
    /// The watch of HorizontalPodAutoscalers or ScaledObjects has been failing for a minute or more, so another autoscaler may have taken the target unseen; nothing is written until it works.
    RIVALS_UNKNOWN = "RivalsUnknown", CANNOT_ACT, "The message says which watch fails, and why: mend that. For ScaledObjects look at KEDA's definitions.";
    /// The target's replicas could not be read.
    FAILED_GET_SCALE = "FailedGetScale", CANNOT_ACT, "See the message; it is tried again at the next evaluation.";
    /// The target's replicas could not be written.
    FAILED_UPDATE_SCALE = "FailedUpdateScale", &[(AbleToScale, False)],
        "See the message; it is decided again at the next evaluation. Admission policies and quotas are common causes.";
    /// The operator failed on this object; others are not affected.
    INTERNAL_ERROR = "InternalError", CANNOT_ACT, "See the operator's log of that time. It is tried again by itself, later each time; if it comes back, report it with that log to whoever maintains the operator.";

    // Members of a cluster: nothing is under way.

    /// No member is on its way in or out.
    STABLE = "Stable", &[(MembershipStable, True)], "";
    /// The last shrink was taken back, so the next one waits: 5 minutes, twice as long after each further one, 2 hours at most.
    BACKING_OFF = "BackingOff", &[(MembershipStable, True)], "Wait, or set the annotation metricautoscaler.dev/retry as the message says.";
    /// Three shrinks in a row were taken back, so no further one begins by itself.
    SHRINK_HELD = "ShrinkHeld", &[(MembershipStable, True)],
        "Find out why they were taken back (events, status.membership.lastResult), then edit the spec or set the annotation metricautoscaler.dev/retry.";
    /// Every member answers, finds the cluster well, and lists exactly those that have pods.
    MEMBERS_AGREE = "MembersAgree", &[(MembershipHealthy, True)], "";
    /// The members have not been asked yet, or what is needed to ask them could not be read.
    NOT_PROBED = "NotProbed", &[(MembershipHealthy, Unknown), (MembershipStable, Unknown)], "See the message; it is tried again at the next evaluation.";

    // Members of a cluster: what is under way, and what it waits for. It goes on by itself as soon as that is over.

    /// A member is leaving; its pod is removed when it is proven that it has left.
    MEMBER_LEAVING = "MemberLeaving", UNDER_WAY, "";
    /// A pod was added, and has to come into the cluster.
    MEMBER_JOINING = "MemberJoining", UNDER_WAY, "";
    /// The other members are made to forget one that nobody drained, because a person allowed it or nothing of it is left.
    MEMBER_FORGOTTEN = "MemberBeingForgotten", UNDER_WAY, "";
    /// An operation is being taken back; the message says why.
    TAKING_BACK = "TakingBack", UNDER_WAY, "Wait; the member serves again when nothing of the operation is left.";
    /// A gate of the profile, or a PodDisruptionBudget, is closed or not known to be open.
    GATE_CLOSED = "GateClosed", UNDER_WAY, "The message names the gate: mend what it is about. Before anything has begun nothing is lost by waiting.";
    /// With one member fewer there would be no quorum.
    QUORUM_AT_RISK = "QuorumAtRisk", UNDER_WAY, "Raise minReplicas, so that nobody asks for so few members.";
    /// Not every pod is Ready, or the members do not list exactly those that have pods, or one finds the cluster not well.
    MEMBERS_DISAGREE = "MembersDisagree", &[(MembershipHealthy, False), (MembershipStable, False)], "The message says which member tells what: look at its log.";
    /// A claim of an earlier member is left at the ordinal that would come next: whoever starts on it does not join.
    STALE_CLAIM = "StaleClaim", UNDER_WAY, "Delete the claim named in the message if nothing on it is needed, or set persistentVolumeClaimRetentionPolicy.whenScaled: Delete on the StatefulSet.";
    /// A step has not moved for longer than the profile allows, and cannot be taken back.
    STEP_STALLED = "StepStalled", UNDER_WAY, "Look at the log of the member named in the message: its sessions or queues do not move. If its leave has ended with an error, restart its container: it is drained anew.";
    /// It is not known whether an act that cannot be taken back has happened; it will show.
    IN_DOUBT = "InDoubt", UNDER_WAY, "Wait: it is never sent a second time blindly.";
    /// The proof that the member has left is not complete: somebody does not answer, or lists it still.
    NOT_PROVEN = "NotProven", UNDER_WAY, "Wait; if it stays, look at the member that the message names.";
    /// Nobody is left who knew the member: every pod that could confirm that it has left was made anew.
    NOBODY_AFFIRMS = "NobodyAffirms", UNDER_WAY, "The pod is kept, for it may be the only one with data. Look at the cluster by hand.";
    /// The member has left the cluster and serves clients alone, so its pod is kept.
    LEAVER_SERVES_ALONE = "LeaverServesAlone", UNDER_WAY, "Stop its process (VerneMQ: vmq-admin node stop); then its pod is removed by itself.";
    /// The replicas were lowered, and the pod stays, for the controller waits until every lower pod is available.
    LEAVER_LINGERS = "LeaverLingers", UNDER_WAY, "Mend the pods with lower ordinals.";
    /// The member has left, and its pod stays: the replicas were raised, or the pod was made anew before they were lowered.
    LEFT_AND_STAYS = "LeftAndStays", UNDER_WAY, "If it does not join by itself, delete its pod, with its claim if nothing on it is needed.";
    /// A member is not forgotten as long as it may still run on a node that does not answer.
    NODE_NOT_LOST = "NodeNotLost", UNDER_WAY, "Once it is certain that the node is down, delete it or taint it node.kubernetes.io/out-of-service.";
    /// The new pod has not come into the cluster for longer than the profile allows.
    JOIN_STALLED = "JoinStalled", UNDER_WAY, "Look at the log of the new pod; data of an earlier member is a common cause.";
    /// The target was made anew while an operation that cannot be taken back was under way.
    TARGET_REPLACED = "TargetReplaced", UNDER_WAY, "Look at the cluster by hand. Deleting the MetricAutoscaler gives the operation up.";
    /// The stored operation cannot be read by this version of the operator, so it is left as it is.
    OPERATION_UNREADABLE = "OperationUnreadable", &[(MembershipStable, Unknown)], "Run the version of the operator that wrote it. To give it up, delete the MetricAutoscaler.";

    // Members of a cluster: what is wrong with them, or with what is needed to ask them.

    /// A member does not answer, or not in the way that the profile expects.
    MEMBER_SILENT = "MemberSilent", UNHEALTHY, "The message names the member: look whether its API can be reached from the operator (network policy, listener), and whether its version fits the profile.";
    /// The profile needs a credential, and there is none for this autoscaler.
    CREDENTIAL_MISSING = "CredentialMissing", UNHEALTHY, "Mount it into the operator at the path that the message names.";
    /// There is no MembershipProfile of this name, neither as an object nor built in.
    PROFILE_NOT_FOUND = "ProfileNotFound", UNHEALTHY, "Correct spec.membership.profileName, or create the profile.";
    /// The profile cannot be used; its own status names the field.
    PROFILE_NOT_ACCEPTED = "ProfileNotAccepted", UNHEALTHY, "Correct the profile: kubectl describe mpf shows what is wrong.";
    /// A member was removed without a drain, by a person or another writer. What it holds is in its claim.
    UNDRAINED_REMOVAL = "UndrainedRemoval", UNHEALTHY, "Scale back to bring it back; or forget it for good with the annotation metricautoscaler.dev/forget as the message says.";
    /// Something is left of an operation that no status tells of; it is being taken back, or cannot be.
    LEFTOVER = "Leftover", UNHEALTHY, "Wait; if it stays, the message says what was found.";

    // No metric can be read. The first one's reason stands in the condition, the others in currentMetrics.

    /// A metric is about each pod, and which pods are the target's is not known.
    PODS_UNKNOWN = "PodsUnknown", CANNOT_DECIDE, "See the message: a right is missing, the pods cannot be listed or watched, the selector of a custom resource cannot be read, or none of the pods that it finds is owned by the target.";
    /// The operator has no Prometheus to ask.
    SOURCE_NOT_CONFIGURED = "SourceNotConfigured", CANNOT_DECIDE, "Start the operator with --prometheus-url.";
    /// Prometheus cannot be connected to.
    SOURCE_UNREACHABLE = "SourceUnreachable", CANNOT_DECIDE, "Look whether it runs, and at network policies and DNS.";
    /// Prometheus did not answer in time.
    SOURCE_TIMEOUT = "SourceTimeout", CANNOT_DECIDE, "Make the query cheaper (a recording rule), or the interval longer.";
    /// Prometheus refuses the operator's credentials.
    SOURCE_UNAUTHORIZED = "SourceUnauthorized", CANNOT_DECIDE, "Renew the token or certificate the operator is given.";
    /// Prometheus is overloaded or shutting down. Its Retry-After is honoured, for five minutes at most.
    SOURCE_UNAVAILABLE = "SourceUnavailable", CANNOT_DECIDE, "Look at Prometheus, or at the proxy before it.";
    /// Prometheus, or a proxy before it, answered with an HTTP error.
    SOURCE_HTTP_ERROR = "SourceHTTPError", CANNOT_DECIDE, "Look at the status in the message; --prometheus-url may be wrong.";
    /// The query is not valid PromQL, or beyond the bounds of the operator; the message says which.
    QUERY_REFUSED = "QueryRefused", CANNOT_DECIDE, "Correct the query; try it in Prometheus first.";
    /// The query failed while it ran, such as a join with several matches.
    QUERY_FAILED = "QueryFailed", CANNOT_DECIDE, "Try the query in Prometheus; its own message says what fails.";
    /// The answer is not that of Prometheus, such as the log-in page of a proxy.
    ANSWER_MALFORMED = "AnswerMalformed", CANNOT_DECIDE, "Look at --prometheus-url and at what stands before Prometheus.";
    /// The answer is larger than the operator accepts.
    ANSWER_TOO_LARGE = "AnswerTooLarge", CANNOT_DECIDE, "Aggregate in the query: one series is needed, or with perPod one for each pod.";
    /// The query answers with something else than the metric needs: a histogram, a string or a range; or, with perPod, series that do not tell their pods.
    WRONG_RESULT_TYPE = "WrongResultType", CANNOT_DECIDE,
        "Make a number of it: histogram_count, histogram_sum or histogram_quantile; a function such as rate around a range. With perPod aggregate by namespace and pod.";
    /// The query can be read, but the check of the age and coverage of its series, without which no size changes, failed.
    PROBE_FAILED = "ProbeFailed", CANNOT_DECIDE,
        "The message says how. If there is no answer in time, make the selectors cheaper (a recording rule with lookBackSeconds), or the interval longer.";
    /// The query answers with no series.
    METRIC_MISSING = "MetricMissing", CANNOT_DECIDE,
        "Look at the labels in the query and whether the target is scraped; if no series means no load, set whenMissing: Zero.";
    /// The query answers NaN or an infinity.
    METRIC_NOT_A_NUMBER = "MetricNotANumber", CANNOT_DECIDE,
        "A division by zero, mostly: guard the query, or set whenNaN: Zero.";
    /// The query answers with several series where one is due.
    METRIC_TOO_MANY_SERIES = "MetricTooManySeries", CANNOT_DECIDE, "Aggregate in the query with sum, max or avg; with perPod by namespace and pod.";
    /// The newest sample behind the query is older than maxSampleAgeSeconds.
    METRIC_STALE = "MetricStale", CANNOT_DECIDE, "Find out why the series are no longer scraped.";
    /// The answer covers only part of the load, so the target may scale up but not down.
    METRIC_PARTIAL = "MetricPartial", CANNOT_DECIDE, "Look at the targets page of Prometheus for what is not scraped.";
    /// The metric is of a kind that this version of the operator does not know.
    UNKNOWN_METRIC_KIND = "UnknownMetricKind", CANNOT_DECIDE, "Upgrade the operator, or remove the metric.";
}
