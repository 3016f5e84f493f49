//! Answers with one series for each pod (R10): joined on namespace and name, never on the name alone, for the pods of a
//! StatefulSet have the same names in every namespace.

use std::collections::{BTreeMap, BTreeSet};

use autoscaler_core::{Evidence, Failure, FailureClass, PartialCause, Quantity, Reading};

use super::{Answer, Series, Value};

/// Which labels tell whose series it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodLabels {
    /// The label with the name of the pod.
    pub pod: String,
    /// The label with its namespace.
    pub namespace: String,
}

/// Whose series are looked for. What an answer tells of other pods is not even judged: it may be of another workload that
/// exports the same metric otherwise.
#[derive(Debug, Clone, Copy)]
pub struct OwnSeries<'a> {
    /// Which labels tell.
    pub labels: &'a PodLabels,
    /// The namespace of the pods.
    pub namespace: &'a str,
    /// Their names.
    pub pods: &'a BTreeSet<&'a str>,
}

/// What an answer tells of the pods looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfPods {
    /// The sum, and whether it can be believed.
    pub reading: Reading,
    /// The amounts by the names of the pods. A pod whose number is NaN is left out, like one without a series.
    pub amounts: BTreeMap<String, Quantity>,
}

impl From<Reading> for OfPods {
    fn from(reading: Reading) -> Self {
        Self {
            reading,
            amounts: BTreeMap::new(),
        }
    }
}

impl Answer {
    /// The reading of these pods. `evidence` is what numbers are given along.
    pub fn of_pods(&self, own: OwnSeries<'_>, evidence: Evidence) -> OfPods {
        let OwnSeries {
            labels,
            namespace,
            pods,
        } = own;
        let series = match &self.value {
            Value::Vector(series) if series.is_empty() => return Reading::Missing { source_proven: false }.into(),
            Value::Vector(series) => series,
            Value::Scalar(_) => return not_per_pod(labels, "the query answers with one number").into(),
            Value::Other => return Reading::Failed(Failure::of(FailureClass::WrongResultType)).into(),
        };
        let named: Vec<(&str, &str, &Series)> = series
            .iter()
            .filter_map(|one| Some((one.labels.get(&labels.namespace)?, one.labels.get(&labels.pod)?, one)))
            .collect();
        if named.is_empty() {
            let (namespace, pod) = (&labels.namespace, &labels.pod);
            return not_per_pod(labels, &format!("no series has the labels {namespace} and {pod}")).into();
        }
        let ours = named
            .into_iter()
            .filter(|(theirs, pod, _)| *theirs == namespace && pods.contains(pod));
        match amounts(ours.map(|(_, pod, series)| (pod, series.sample))) {
            Ok(amounts) => self.sum(amounts, evidence),
            Err(reading) => reading.into(),
        }
    }

    fn sum(&self, amounts: BTreeMap<String, Quantity>, evidence: Evidence) -> OfPods {
        let value = Quantity::from_nanos(amounts.values().map(|amount| amount.nanos()).sum());
        let reading = if self.warned {
            Reading::Partial {
                value,
                cause: PartialCause::Warning,
            }
        } else {
            Reading::Fresh { value, evidence }
        };
        OfPods { reading, amounts }
    }
}

/// The amount of each pod, or the reading that takes the place of all of them.
fn amounts<'a>(samples: impl Iterator<Item = (&'a str, Option<f64>)>) -> Result<BTreeMap<String, Quantity>, Reading> {
    let mut seen: BTreeMap<&str, (usize, Option<Quantity>)> = BTreeMap::new();
    for (pod, sample) in samples {
        let sample = sample.ok_or_else(|| Reading::Failed(Failure::of(FailureClass::WrongResultType)))?;
        let (series, amount) = seen.entry(pod).or_default();
        *series += 1;
        *amount = Quantity::from_f64(sample);
    }
    if let Some((pod, (series, _))) = seen.iter().find(|(_, (series, _))| *series > 1) {
        return Err(Reading::TooMany {
            series: *series,
            pod: Some((*pod).into()),
        });
    }
    let any = !seen.is_empty();
    let amounts: BTreeMap<String, Quantity> = seen
        .into_iter()
        .filter_map(|(pod, (_, amount))| Some((pod.to_owned(), amount?)))
        .collect();
    match (amounts.is_empty(), any) {
        (false, _) => Ok(amounts),
        (true, true) => Err(Reading::NotANumber { source_proven: false }),
        (true, false) => Err(Reading::Missing { source_proven: false }),
    }
}

fn not_per_pod(labels: &PodLabels, what: &str) -> Reading {
    let PodLabels { pod, namespace } = labels;
    let detail = format!(
        "{what}, and perPod needs one series for each pod: aggregate with sum by ({namespace}, {pod}), or with nothing"
    );
    Reading::Failed(Failure::of(FailureClass::WrongResultType).because(detail))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn labels() -> PodLabels {
        PodLabels {
            pod: "pod".to_owned(),
            namespace: "namespace".to_owned(),
        }
    }

    /// An answer with series of (namespace, pod, value).
    fn told(series: &[(&str, &str, &str)], warning: bool) -> OfPods {
        let series: Vec<String> = series
            .iter()
            .map(|(namespace, pod, value)| {
                format!(r#"{{"metric":{{"namespace":"{namespace}","pod":"{pod}"}},"value":[1,"{value}"]}}"#)
            })
            .collect();
        let warnings = if warning { r#","warnings":["w"]"# } else { "" };
        of(&format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}{warnings}}}"#,
            series.join(",")
        ))
    }

    fn of(body: &str) -> OfPods {
        let answer = parse(200, body.as_bytes()).expect("the answer is well-formed");
        let own = OwnSeries {
            labels: &labels(),
            namespace: "shop",
            pods: &BTreeSet::from(["web-0", "web-1"]),
        };
        answer.of_pods(own, Evidence::Unprobed)
    }

    fn amounts(pairs: &[(&str, i64)]) -> BTreeMap<String, Quantity> {
        pairs
            .iter()
            .map(|(pod, value)| ((*pod).to_owned(), Quantity::from_units(*value)))
            .collect()
    }

    #[test]
    fn r10_pods_are_joined_on_namespace_and_name() {
        let found = told(
            &[("shop", "web-0", "3"), ("test", "web-0", "50"), ("shop", "web-1", "4")],
            false,
        );
        assert_eq!(found.amounts, amounts(&[("web-0", 3), ("web-1", 4)]));
        let value = Quantity::from_units(7);
        assert_eq!(
            found.reading,
            Reading::Fresh {
                value,
                evidence: Evidence::Unprobed
            }
        );
    }

    #[test]
    fn r10_two_series_for_one_pod_are_too_many() {
        let found = told(
            &[("shop", "web-0", "3"), ("shop", "web-1", "4"), ("shop", "web-1", "5")],
            false,
        );
        let expected = Reading::TooMany {
            series: 2,
            pod: Some("web-1".into()),
        };
        assert_eq!(found, expected.into());
    }

    #[test]
    fn r10_what_other_pods_of_the_namespace_tell_is_not_judged() {
        let found = told(
            &[("shop", "web-0", "3"), ("shop", "other", "1"), ("shop", "other", "2")],
            false,
        );
        assert_eq!(found.amounts, amounts(&[("web-0", 3)]));
    }

    #[test]
    fn r4_a_pod_whose_number_is_none_counts_as_without_a_series() {
        let found = told(&[("shop", "web-0", "NaN"), ("shop", "web-1", "4")], false);
        assert_eq!(found.amounts, amounts(&[("web-1", 4)]));
        let found = told(&[("shop", "web-0", "NaN"), ("shop", "web-1", "+Inf")], false);
        assert_eq!(found, Reading::NotANumber { source_proven: false }.into());
    }

    #[test]
    fn r4_without_any_series_of_the_namespace_the_metric_is_missing() {
        let missing = OfPods::from(Reading::Missing { source_proven: false });
        assert_eq!(told(&[], false), missing);
        assert_eq!(told(&[("test", "web-0", "50")], false), missing);
    }

    #[test]
    fn r3_a_warning_makes_it_a_part() {
        let found = told(&[("shop", "web-0", "3")], true);
        let value = Quantity::from_units(3);
        assert_eq!(
            found.reading,
            Reading::Partial {
                value,
                cause: PartialCause::Warning
            }
        );
        assert_eq!(found.amounts, amounts(&[("web-0", 3)]));
    }

    #[test]
    fn a_string_or_a_range_is_not_told_to_be_a_number() {
        let wrong = OfPods::from(Reading::Failed(Failure::of(FailureClass::WrongResultType)));
        let answered = |kind: &str, result: &str| {
            of(&format!(
                r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#
            ))
        };
        assert_eq!(
            answered("matrix", r#"[{"metric":{"pod":"a"},"values":[[1,"1"]]}]"#),
            wrong
        );
        assert_eq!(answered("string", r#"[1,"3"]"#), wrong);
    }

    #[test]
    fn an_answer_that_is_not_about_pods_says_what_to_write() {
        let detail = |found: OfPods| match found.reading {
            Reading::Failed(Failure {
                class: FailureClass::WrongResultType,
                detail: Some(detail),
                ..
            }) => detail,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            &*detail(of(
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#
            )),
            "the query answers with one number, and perPod needs one series for each pod: aggregate with sum by \
             (namespace, pod), or with nothing"
        );
        let unlabelled =
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1,"1"]}]}}"#;
        assert_eq!(
            &*detail(of(unlabelled)),
            "no series has the labels namespace and pod, and perPod needs one series for each pod: aggregate with sum by \
             (namespace, pod), or with nothing"
        );
    }
}
