//! The names of one look or act: who is there, who leaves, and what each variable stands for. Asks nobody.

use std::collections::BTreeMap;

use autoscaler_api::profile::{Asked, HttpMethod};
use cel::Value;

use crate::cluster::{Cluster, Pod};
use crate::expression::Variables;
use crate::expression::values::{as_field, field, map, text};
use crate::profile::{Ask, Parts, Request, Source};
use crate::template::{Place, Template, encoded};

/// A member in both worlds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// What the cluster calls it.
    pub(crate) name: String,
    /// The name of its pod.
    pub(crate) pod: String,
    pub(crate) ordinal: u32,
}

/// A request as it is sent, without host and secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rendered {
    pub(crate) method: HttpMethod,
    pub(crate) path_and_query: String,
    pub(crate) body: Option<String>,
}

/// Everything that has a name.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    pub(crate) profile: &'a Parts,
    pub(crate) cluster: &'a Cluster,
    /// The member that leaves, or has come.
    pub(crate) leaving: Option<Who>,
}

impl<'a> Scene<'a> {
    /// `name` is what an operation calls the member: it keeps that when the profile is edited (M9).
    pub(crate) fn new(profile: &'a Parts, cluster: &'a Cluster, about: Option<u32>, name: Option<&str>) -> Self {
        let leaving = about.map(|ordinal| {
            let who = who(profile, cluster, ordinal);
            Who {
                name: name.map_or(who.name, ToOwned::to_owned),
                ..who
            }
        });
        Self {
            profile,
            cluster,
            leaving,
        }
    }

    /// The pods that a question is asked of; none if it is about a member that leaves, and there is none.
    pub(crate) fn asked(&self, of: Asked) -> Option<Vec<&'a Pod>> {
        let pods = self.cluster.pods.iter();
        let leaving = self.leaving.as_ref().map(|leaving| leaving.ordinal);
        Some(match (of, leaving) {
            (Asked::EachMember, _) => pods.collect(),
            (Asked::Leaving, leaving) => pods.filter(|pod| Some(pod.ordinal) == leaving).collect(),
            (Asked::EachSurvivor, Some(leaving)) => pods.filter(|pod| pod.ordinal != leaving).collect(),
            (Asked::EachSurvivor, None) => return None,
        })
    }

    /// A request to a member, if every variable in it has a value.
    pub(crate) fn request(&self, request: &Request, pod: &Pod, item: Option<&Value>) -> Option<Rendered> {
        let asked = self.who(pod);
        let value = |name: &str| self.text(Some(&asked), item, name);
        let mut path_and_query = request.path.render(Place::Url, value)?;
        for (at, (name, given)) in request.query.iter().enumerate() {
            path_and_query.push(if at == 0 { '?' } else { '&' });
            path_and_query.push_str(&encoded(&name.render(Place::Plain, value)?));
            if let Some(given) = given {
                path_and_query.push('=');
                path_and_query.push_str(&encoded(&given.render(Place::Plain, value)?));
            }
        }
        let body = request.body.as_ref().map(|body| body.render(Place::Json, value));
        Some(Rendered {
            method: request.method,
            path_and_query,
            body: body.map_or(Some(None), |body| body.map(Some))?,
        })
    }

    /// A query, if every variable in it has a value.
    pub(crate) fn promql(&self, query: &Template) -> Option<String> {
        query.render(Place::PromQl, |name| self.text(None, None, name))
    }

    /// What every expression about a member may read.
    pub(crate) fn variables(&self, asked: &Pod) -> Variables {
        let value = |who: &Who| {
            map([
                ("name", text(&who.name)),
                ("pod", text(&who.pod)),
                ("ordinal", Value::Int(i64::from(who.ordinal))),
            ])
        };
        let mut variables = vec![("member", value(&self.who(asked)))];
        variables.extend(self.leaving.as_ref().map(|leaving| ("leaving", value(leaving))));
        variables
    }

    /// A pod as a member: the one that leaves keeps the name that its operation gave it.
    pub(crate) fn who(&self, pod: &Pod) -> Who {
        let leaving = self.leaving.as_ref().filter(|leaving| leaving.ordinal == pod.ordinal);
        leaving
            .cloned()
            .unwrap_or_else(|| who(self.profile, self.cluster, pod.ordinal))
    }

    fn text(&self, asked: Option<&Who>, item: Option<&Value>, variable: &str) -> Option<String> {
        let of = |who: Option<&Who>, part: &str| {
            who.map(|who| match part {
                "name" => who.name.clone(),
                "pod" => who.pod.clone(),
                _ => who.ordinal.to_string(),
            })
        };
        match variable.split_once('.') {
            Some(("member", part)) => of(asked, part),
            Some(("leaving", part)) => of(self.leaving.as_ref(), part),
            Some((_, part)) => item.and_then(|item| field(item, part)).and_then(as_field),
            None => of_the_target(self.cluster, variable),
        }
    }
}

/// What the cluster calls the member of an ordinal, there or not.
pub(crate) fn who(profile: &Parts, cluster: &Cluster, ordinal: u32) -> Who {
    let pod = cluster.pod_name(ordinal);
    let name = profile.name.render(Place::Plain, |variable| match variable {
        "pod" => Some(pod.clone()),
        "ordinal" => Some(ordinal.to_string()),
        other => of_the_target(cluster, other),
    });
    Who {
        // Names of Kubernetes are short, so the text never is too long.
        name: name.unwrap_or_default(),
        pod,
        ordinal,
    }
}

fn of_the_target(cluster: &Cluster, variable: &str) -> Option<String> {
    let value = match variable {
        "namespace" => &cluster.namespace,
        "target" => &cluster.target,
        "service" => &cluster.service,
        "domain" => &cluster.domain,
        _ => return None,
    };
    Some(value.clone())
}

/// The requests of a question, by the pod that is asked.
pub(crate) fn requests(scene: &Scene<'_>, ask: &Ask) -> BTreeMap<u32, Rendered> {
    let Source::Http(request) = &ask.source else {
        return BTreeMap::new();
    };
    let pods = scene.asked(ask.of).unwrap_or_default();
    let rendered = pods
        .into_iter()
        .map(|pod| Some((pod.ordinal, scene.request(request, pod, None)?)));
    rendered.flatten().collect()
}
