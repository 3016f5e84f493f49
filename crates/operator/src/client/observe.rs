//! Counts every request, and reads the API server's clock from its answers (R17). Changes nothing.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::DATE;
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tower::{Layer, Service};

use super::request::RequestName;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// A `Date` on an answer that took longer is too old to compare a clock with.
const PROMPT: Duration = Duration::from_secs(1);

/// Wraps a service in [`Observe`].
#[derive(Debug, Clone)]
pub(super) struct ObserveLayer {
    clock: Clock,
    metrics: Metrics,
}

impl ObserveLayer {
    pub(super) fn new(clock: Clock, metrics: Metrics) -> Self {
        Self { clock, metrics }
    }
}

impl<Inner> Layer<Inner> for ObserveLayer {
    type Service = Observe<Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        Observe {
            inner,
            with: self.clone(),
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Observe<Inner> {
    inner: Inner,
    with: ObserveLayer,
}

impl<Inner, Sent, Received> Service<Request<Sent>> for Observe<Inner>
where
    Inner: Service<Request<Sent>, Response = Response<Received>>,
    Inner::Future: Send + 'static,
    Inner::Error: 'static,
    Received: 'static,
{
    type Response = Inner::Response;
    type Error = Inner::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        let unanswered = Unanswered::new(RequestName::of(request.method(), request.uri()), self.with.clone());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            if let Ok(response) = &answer {
                unanswered.answered(response.status().as_u16(), response.headers());
            }
            answer
        }
        .boxed()
    }
}

/// A request that is counted when it is dropped, which is also what a deadline does to it.
struct Unanswered {
    name: RequestName,
    with: ObserveLayer,
    sent: crate::clock::BootTime,
    code: Option<u16>,
}

impl Unanswered {
    fn new(name: RequestName, with: ObserveLayer) -> Self {
        let sent = with.clock.boot();
        Self {
            name,
            with,
            sent,
            code: None,
        }
    }

    fn answered(mut self, code: u16, headers: &HeaderMap) {
        self.code = Some(code);
        let took = self.with.clock.boot().since(self.sent);
        if let Some(date) = server_date(headers).filter(|_| took < PROMPT) {
            self.with.clock.note_server_date(date);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        let took = self.with.clock.boot().since(self.sent);
        let RequestName { verb, resource } = &self.name;
        self.with.metrics.api_request(verb, resource, self.code, took);
    }
}

fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    // An HTTP date (RFC 9110, 5.6.7) is an RFC 2822 date in GMT.
    rfc2822::DateTimeParser::new()
        .parse_timestamp(headers.get(DATE)?.as_bytes())
        .ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use jiff::SignedDuration;
    use prometheus_client::encoding::text::encode;
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn request() -> Request<()> {
        Request::get("/apis/apps/v1/deployments").body(()).unwrap()
    }

    async fn answer(delay: Duration) -> Result<Response<()>, std::io::Error> {
        tokio::time::sleep(delay).await;
        let response = Response::builder()
            .status(200)
            .header(DATE, "Thu, 01 Jan 1970 00:01:00 GMT");
        Ok(response.body(()).unwrap())
    }

    #[test]
    fn an_http_date_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(server_date(&headers), Some("1994-11-06T08:49:37Z".parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn r17_only_prompt_answers_tell_the_time() {
        // The simulated clock starts at 1970-01-01T00:00:00Z.
        for (delay, skew) in [(Duration::from_millis(900), -59_100), (Duration::from_millis(1_100), 0)] {
            let clock = Clock::simulated(0);
            let layer = ObserveLayer::new(clock.clone(), Metrics::new(&clock).0);
            layer
                .layer(service_fn(|_| answer(delay)))
                .oneshot(request())
                .await
                .unwrap();
            assert_eq!(clock.skew(), SignedDuration::from_millis(skew));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_failures_and_abandoned_requests_are_counted() {
        let clock = Clock::simulated(0);
        let (metrics, registry) = Metrics::new(&clock);
        let layer = ObserveLayer::new(clock, metrics);
        layer
            .layer(service_fn(|_| answer(Duration::ZERO)))
            .oneshot(request())
            .await
            .unwrap();
        let broken = service_fn(|_| async { Err::<Response<()>, _>(std::io::Error::other("refused")) });
        layer.layer(broken).oneshot(request()).await.unwrap_err();
        let never = layer.layer(service_fn(|_| answer(Duration::MAX))).oneshot(request());
        tokio::time::timeout(Duration::from_secs(1), never).await.unwrap_err();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"metric_autoscaler_api_requests_total{verb="list",resource="deployments",code="200"} 1"#,
            r#"metric_autoscaler_api_requests_total{verb="list",resource="deployments",code="none"} 2"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in {text}");
        }
    }
}
