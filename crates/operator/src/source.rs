//! Prometheus, as the flags describe it.

use std::sync::Arc;

use autoscaler_promql::{ClientCertificate, Prometheus, SourceConfig, SourceError};

use crate::args::Args;
use crate::metrics::Metrics;

/// The source of metrics, set up once for the process; none if no URL is given.
pub(crate) fn connect(args: &Args, metrics: &Metrics) -> Result<Option<Arc<Prometheus>>, SourceError> {
    let observer = Arc::new(metrics.clone());
    let prometheus = config(args)
        .map(|config| Prometheus::observed(config, observer))
        .transpose()?;
    Ok(prometheus.map(Arc::new))
}

fn config(args: &Args) -> Option<SourceConfig> {
    let mut config = SourceConfig::new(args.prometheus_url.clone()?);
    config.bearer_token_file.clone_from(&args.prometheus_bearer_token_file);
    config.certificate_authority_file.clone_from(&args.prometheus_ca_file);
    config.client_certificate = args
        .prometheus_client_certificate_file
        .clone()
        .zip(args.prometheus_client_key_file.clone())
        .map(|(certificate_file, key_file)| ClientCertificate {
            certificate_file,
            key_file,
        });
    config.headers.clone_from(&args.prometheus_header);
    config.query_parameters.clone_from(&args.prometheus_query_parameter);
    config.max_answer_bytes = args.max_answer_bytes;
    config.query_timeout = args.query_timeout;
    Some(config)
}
