//! What is sent, to whom, and with which credentials.

use std::fmt::Debug;
use std::time::Duration;

use autoscaler_core::{Evidence, Failure, FailureClass, Quantity, Reading};
use autoscaler_promql::{Prometheus, SourceConfig, SourceError};
use axum::body::Body;
use axum::response::Response;

use crate::fake::{Fake, number};
use crate::{client, failed, fresh, patient, query, read};

#[tokio::test]
async fn a_number_is_a_fresh_reading_that_is_not_probed() {
    let server = Fake::answering(200, number("42")).await;
    assert_eq!(read(&server, "sum(m)").await, fresh(42));
}

#[tokio::test]
async fn what_cannot_be_planned_is_sent_as_it_stands_and_said_so() {
    let server = Fake::answering(200, number("42")).await;
    let reading = read(&server, "1_000 * m").await;
    assert_eq!(
        reading,
        Reading::Fresh {
            value: Quantity::from_units(42),
            evidence: Evidence::Unprobeable
        }
    );
    assert_eq!(server.texts(), ["1_000 * m"]);
}

#[tokio::test]
async fn r5a_a_hostile_text_is_not_sent() {
    let server = Fake::answering(200, number("42")).await;
    let failure = Failure::of(FailureClass::BadQuery).because("the query has 4000 operators; at most 500 are sent");
    assert_eq!(read(&server, &"-".repeat(4000)).await, Reading::Failed(failure));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn r5_no_time_is_sent_and_the_parameters_and_headers_are() {
    let server = Fake::answering(200, number("42")).await;
    let config = SourceConfig {
        headers: vec![("X-Scope-OrgID".into(), "tenant-1".into())],
        query_parameters: vec![
            ("namespace".into(), "shop & co".into()),
            ("dedup".into(), "true".into()),
        ],
        query_timeout: Duration::from_secs(12),
        ..SourceConfig::new(format!("{}/prefix/", server.url()))
    };
    assert_eq!(
        client(config).read(&query("sum(m{a=\"b+c\"})"), patient()).await,
        fresh(42)
    );
    let [seen] = server.seen().try_into().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("GET", "/prefix/api/v1/query")
    );
    let parameters: Vec<(&str, &str)> = seen.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [
        ("dedup", "true"),
        ("namespace", "shop & co"),
        ("query", "sum(m{a=\"b+c\"})"),
        ("timeout", "12000ms"),
    ];
    assert_eq!(parameters, expected);
    assert_eq!(seen.headers["x-scope-orgid"], "tenant-1");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_long_text_goes_as_a_form_so_that_no_proxy_refuses_its_url() {
    let server = Fake::answering(200, number("42")).await;
    let config = SourceConfig {
        query_parameters: vec![("dedup".into(), "true".into())],
        ..SourceConfig::new(server.url())
    };
    let text = format!("sum(m{{a=\"{}\"}})", "=".repeat(3000));
    assert_eq!(client(config).read(&query(&text), patient()).await, fresh(42));
    let [seen] = server.seen().try_into().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/v1/query"));
    assert_eq!(
        seen.parameters.keys().collect::<Vec<_>>(),
        ["dedup", "query", "timeout"]
    );
    assert_eq!(seen.parameters["query"], text);
}

#[tokio::test]
async fn one_connection_serves_one_evaluation_after_the_other() {
    let server = Fake::answering(200, number("42")).await;
    let prometheus = client(SourceConfig::new(server.url()));
    for text in ["a", "b", "c"] {
        assert_eq!(prometheus.read(&query(text), patient()).await, fresh(42));
    }
    let peers: Vec<_> = server.seen().iter().map(|seen| seen.peer).collect();
    assert_eq!(peers, [peers[0]; 3]);
}

#[tokio::test]
async fn a_token_is_read_again_when_its_file_changes() {
    let server = Fake::answering(200, number("42")).await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "first\n").unwrap();
    let prometheus = client(SourceConfig {
        bearer_token_file: Some(token.clone()),
        ..SourceConfig::new(server.url())
    });
    prometheus.read(&query("a"), patient()).await;
    std::fs::write(&token, "second").unwrap();
    prometheus.read(&query("b"), patient()).await;
    // Emptied halfway through a rotation: the last one stays.
    std::fs::write(&token, "").unwrap();
    prometheus.read(&query("c"), patient()).await;
    std::fs::remove_file(&token).unwrap();
    prometheus.read(&query("d"), patient()).await;
    std::fs::write(&token, "third").unwrap();
    prometheus.read(&query("e"), patient()).await;
    let sent: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        sent,
        [
            "Bearer first",
            "Bearer second",
            "Bearer second",
            "Bearer second",
            "Bearer third"
        ]
    );
}

#[tokio::test]
async fn a_token_projected_by_kubernetes_is_read_again_when_the_link_above_it_is_swapped() {
    let server = Fake::answering(200, number("42")).await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (version, token) in [("..1", "first"), ("..2", "other")] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::write(path(version).join("token"), token).unwrap();
    }
    std::os::unix::fs::symlink("..1", path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", path("token")).unwrap();
    let prometheus = client(SourceConfig {
        bearer_token_file: Some(path("token")),
        ..SourceConfig::new(server.url())
    });
    prometheus.read(&query("a"), patient()).await;
    std::os::unix::fs::symlink("..2", path("..data_tmp")).unwrap();
    std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    prometheus.read(&query("b"), patient()).await;
    let sent: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.headers["authorization"].clone())
        .collect();
    assert_eq!(sent, ["Bearer first", "Bearer other"]);
}

#[tokio::test]
async fn no_secret_shows_in_debug_or_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "s3cret").unwrap();
    let config = SourceConfig {
        bearer_token_file: Some(token.clone()),
        headers: vec![("X-Key".into(), "s3cret".into())],
        query_parameters: vec![("key".into(), "s3cret".into())],
        ..SourceConfig::new("http://127.0.0.1:9")
    };
    let hides = |shown: &dyn Debug| !format!("{shown:?}{shown:#?}").contains("s3cret");
    assert!(hides(&config));
    assert!(hides(&client(config.clone())));
    let wrong = [
        SourceConfig {
            url: "http://user:s3cret@host".into(),
            ..config.clone()
        },
        SourceConfig {
            url: "http://host/?key=s3cret".into(),
            ..config.clone()
        },
        SourceConfig {
            url: "s3cret".into(),
            ..config.clone()
        },
        SourceConfig {
            headers: vec![("X-Key".into(), "s3cret\n".into())],
            ..config.clone()
        },
        SourceConfig {
            headers: vec![("Authorization".into(), "s3cret".into())],
            ..config.clone()
        },
        SourceConfig {
            query_parameters: vec![("time".into(), "s3cret".into())],
            ..config.clone()
        },
        SourceConfig {
            certificate_authority_file: Some(token),
            ..config
        },
    ];
    for config in wrong {
        let error = Prometheus::new(config).unwrap_err();
        assert!(hides(&error) && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn what_a_source_cannot_be_is_refused_at_once() {
    let refused = |config: SourceConfig| Prometheus::new(config).unwrap_err();
    for url in [
        "",
        "prometheus:9090",
        "ftp://host",
        "http://",
        "http://u@host",
        "http://host?a=b",
        "http://host#a",
    ] {
        assert!(
            matches!(refused(SourceConfig::new(url)), SourceError::Url { .. }),
            "{url}"
        );
    }
    for name in ["time", "query", "timeout", "limit", "lookback_delta", ""] {
        let query_parameters = vec![(name.to_owned(), "1".to_owned())];
        let error = refused(SourceConfig {
            query_parameters,
            ..SourceConfig::new("http://host")
        });
        assert!(matches!(error, SourceError::QueryParameter { .. }), "{name}");
    }
    let missing = Some("/nowhere/token".into());
    let error = refused(SourceConfig {
        bearer_token_file: missing,
        ..SourceConfig::new("http://host")
    });
    assert!(matches!(error, SourceError::Read { .. }));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_takes_no_credential_along() {
    let elsewhere = Fake::answering(200, number("42")).await;
    let target = elsewhere.url();
    let server = Fake::start(move |_| {
        let target = target.clone();
        async move {
            Response::builder()
                .status(302)
                .header("location", target)
                .body(Body::empty())
                .unwrap()
        }
    })
    .await;
    assert_eq!(read(&server, "m").await, failed(FailureClass::HttpStatus, Some(302)));
    assert!(elsewhere.seen().is_empty());
}
