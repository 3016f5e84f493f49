//! The MetricAutoscaler resource, its schema and rules, conditions and reasons.
