//! Answers: what exactly was asked?

use std::time::Instant;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};

use crate::http_server::{Reply, respond};

/// A form with a query of 4,096 characters is far smaller.
const LARGEST_FORM: usize = 1 << 20;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When its head and body were read.
    pub at: Instant,
    /// `GET` or `POST`.
    pub method: String,
    /// Without the parameters.
    pub path: String,
    /// Of the URL and of a form, decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Recorded {
    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.parameters, name)
    }

    /// The first header of this (lower case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// The PromQL.
    pub fn query(&self) -> Option<&str> {
        self.parameter("query")
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(candidate, _)| candidate == name)
        .map(|(_, value)| value.as_str())
}

/// Reads the request whole, so that it can be looked at and still be passed on.
pub(super) async fn record(request: Request<Incoming>) -> Result<(Recorded, Request<Full<Bytes>>), Reply> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_FORM).collect().await;
    let body = body
        .map_err(|error| respond(StatusCode::BAD_REQUEST, "text/plain", error.to_string()))?
        .to_bytes();
    let in_url = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let form = head
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let in_form = form_urlencoded::parse(if form { &body } else { &[] });
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let recorded = Recorded {
        at: Instant::now(),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        parameters: in_url.into_owned().chain(in_form.into_owned()).collect(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    };
    Ok((recorded, Request::from_parts(head, Full::new(body))))
}
