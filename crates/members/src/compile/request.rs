//! Requests and queries of a profile: their templates, and that what stands in them is a path, a query and JSON.

use autoscaler_api::limits::{MAX_QUERY, MAX_TEMPLATE};
use autoscaler_api::profile::HttpRequest;

use super::Faults;
use crate::profile::{Request, Source};
use crate::template::{Place, Template};

/// Variables of every template.
pub(super) const OF_THE_TARGET: [&str; 4] = ["namespace", "target", "service", "domain"];
/// Of the name of a member, besides.
pub(super) const OF_A_POD: [&str; 2] = ["pod", "ordinal"];
/// Of a request, besides: the member that is asked, and the one that leaves.
const OF_MEMBERS: [&str; 6] = [
    "member.name",
    "member.pod",
    "member.ordinal",
    "leaving.name",
    "leaving.pod",
    "leaving.ordinal",
];

impl Faults {
    pub(super) fn promql(&mut self, field: &str, query: &str) -> Option<Source> {
        if query.chars().count() > MAX_QUERY {
            self.fault(field, &format!("has more than {MAX_QUERY} characters"));
            return None;
        }
        // It is asked once, not of a member: only the one that leaves is known.
        let of_leaving = &OF_MEMBERS[3..];
        self.compiled(field, query, &[&OF_THE_TARGET, of_leaving], false)
            .map(Source::PromQl)
    }

    pub(super) fn request(
        &mut self,
        field: &str,
        request: &HttpRequest,
        has_leaving: bool,
        has_item: bool,
    ) -> Option<Request> {
        let of_members = if has_leaving { &OF_MEMBERS[..] } else { &OF_MEMBERS[..3] };
        let variables = [&OF_THE_TARGET[..], of_members];
        let path_field = format!("{field}.path");
        let path = self.template(&path_field, &request.path, &variables, has_item);
        if !request.path.starts_with('/') || request.path.starts_with("//") {
            self.fault(&path_field, "must begin with one '/'");
        }
        let may_stand = |character: char| character.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(character);
        if let Some(path) = &path
            && !path.literals().all(|literal| literal.chars().all(may_stand))
        {
            self.fault(
                &path_field,
                "must be the path of a URL: what stands behind the '?' belongs to query",
            );
        }
        let query = self.query(&format!("{field}.query"), request, &variables, has_item);
        let body = self.optional(request.body.as_ref(), |faults, body| {
            faults.body(&format!("{field}.body"), body, &variables, has_item)
        });
        Some(Request {
            method: request.method.unwrap_or_default(),
            path: path?,
            query: query?,
            body: body?,
        })
    }

    pub(super) fn query(
        &mut self,
        field: &str,
        request: &HttpRequest,
        variables: &[&[&str]],
        has_item: bool,
    ) -> Option<Vec<(Template, Option<Template>)>> {
        self.each(request.query.as_deref().unwrap_or_default(), |faults, at, part| {
            let name = faults.template(&format!("{field}[{at}].name"), &part.name, variables, has_item);
            let value = faults.optional(part.value.as_ref(), |faults, value| {
                faults.template(&format!("{field}[{at}].value"), value, variables, has_item)
            });
            Some((name?, value?))
        })
    }

    pub(super) fn body(&mut self, field: &str, body: &str, variables: &[&[&str]], has_item: bool) -> Option<Template> {
        let template = self.template(field, body, variables, has_item)?;
        let sample = template.render(Place::Json, |_| Some("x".to_owned()));
        let is_json = sample.is_some_and(|sample| serde_json::from_str::<serde_json::Value>(&sample).is_ok());
        if !is_json {
            self.fault(field, "must be JSON, with its variables inside of texts");
        }
        Some(template)
    }

    pub(super) fn template(
        &mut self,
        field: &str,
        text: &str,
        variables: &[&[&str]],
        has_item: bool,
    ) -> Option<Template> {
        if text.chars().count() > MAX_TEMPLATE {
            self.fault(field, &format!("has more than {MAX_TEMPLATE} characters"));
            return None;
        }
        self.compiled(field, text, variables, has_item)
    }

    pub(super) fn compiled(
        &mut self,
        field: &str,
        text: &str,
        variables: &[&[&str]],
        has_item: bool,
    ) -> Option<Template> {
        let is_known = |name: &str| {
            let of_item = has_item && name.strip_prefix("item.").is_some_and(is_word);
            of_item || variables.iter().any(|names| names.contains(&name))
        };
        self.note(field, Template::compile(text, is_known))
    }
}

/// A field of an item.
fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_-".contains(character))
}
