//! The scrape configuration that the Prometheus Operator makes of a `ServiceMonitor`, as far as the examples need it.
//!
//! Source: `pkg/prometheus/promcfg.go` of the Prometheus Operator, `generateServiceMonitorConfig`.

use serde_json::{Map, Value, json};

/// One job for each endpoint.
pub(super) fn scrape_configs(monitor: &Value, namespace: &str) -> Vec<Value> {
    let endpoints = monitor["spec"]["endpoints"].as_array().unwrap();
    let jobs = endpoints.iter().enumerate();
    jobs.map(|(number, endpoint)| {
        let name = monitor["metadata"]["name"].as_str().unwrap();
        let mut job = Map::new();
        job.insert(
            "job_name".to_owned(),
            json!(format!("serviceMonitor/{namespace}/{name}/{number}")),
        );
        job.insert("kubernetes_sd_configs".to_owned(), json!([{"role": "endpointslice"}]));
        let fields = [
            ("path", "metrics_path"),
            ("params", "params"),
            ("scheme", "scheme"),
            ("interval", "scrape_interval"),
            ("scrapeTimeout", "scrape_timeout"),
            ("honorLabels", "honor_labels"),
            ("trackTimestampsStaleness", "track_timestamps_staleness"),
            ("bearerTokenFile", "bearer_token_file"),
            ("tlsConfig", "tls_config"),
        ];
        for (field, plain) in fields {
            if let Some(value) = endpoint.get(field) {
                job.insert(plain.to_owned(), value.clone());
            }
        }
        job.insert(
            "relabel_configs".to_owned(),
            json!(relabel_configs(&monitor["spec"], endpoint, namespace)),
        );
        Value::Object(job)
    })
    .collect()
}

fn relabel_configs(spec: &Value, endpoint: &Value, namespace: &str) -> Vec<Value> {
    let mut rules = vec![keep("namespace", &namespaces(spec, namespace))];
    for (name, value) in spec["selector"]["matchLabels"].as_object().unwrap() {
        rules.push(keep(
            &format!("service_label_{}", sanitized(name)),
            value.as_str().unwrap(),
        ));
    }
    rules.push(keep("endpointslice_port_name", endpoint["port"].as_str().unwrap()));
    for kind in ["Node", "Pod"] {
        rules.push(json!({
            "source_labels": [meta("endpointslice_address_target_kind"), meta("endpointslice_address_target_name")],
            "separator": ";",
            "regex": format!("{kind};(.*)"),
            "target_label": kind.to_lowercase(),
        }));
    }
    for (source, label) in [
        ("namespace", "namespace"),
        ("service_name", "service"),
        ("pod_name", "pod"),
        ("pod_container_name", "container"),
        ("service_name", "job"),
    ] {
        rules.push(json!({"source_labels": [meta(source)], "regex": "(.+)", "target_label": label}));
    }
    rules.push(json!({"target_label": "endpoint", "replacement": endpoint["port"]}));
    for label in spec["targetLabels"].as_array().into_iter().flatten() {
        let label = sanitized(label.as_str().unwrap());
        let source = meta(&format!("service_label_{label}"));
        rules.push(json!({"source_labels": [source], "regex": "(.+)", "target_label": label}));
    }
    for rule in endpoint["relabelings"].as_array().into_iter().flatten() {
        rules.push(json!({"source_labels": rule["sourceLabels"], "target_label": rule["targetLabel"]}));
    }
    rules
}

/// As a regular expression. Without a selector it is the monitor's own.
fn namespaces(spec: &Value, own: &str) -> String {
    let selector = &spec["namespaceSelector"];
    if selector["any"] == true {
        return ".*".to_owned();
    }
    let names = selector["matchNames"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    if names.is_empty() {
        own.to_owned()
    } else {
        names.join("|")
    }
}

fn keep(label: &str, regex: &str) -> Value {
    json!({"source_labels": [meta(label)], "regex": regex, "action": "keep"})
}

fn meta(label: &str) -> String {
    format!("__meta_kubernetes_{label}")
}

fn sanitized(name: &str) -> String {
    name.replace(|character: char| !character.is_ascii_alphanumeric(), "_")
}
