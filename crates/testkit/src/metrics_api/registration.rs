//! Answers: how does the API server learn who serves the metrics APIs?

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceSpec, ServiceReference};
use kube::api::{Api, ObjectMeta, PostParams};

use super::request::{CUSTOM, EXTERNAL};
use crate::certificates::METRICS_SERVICE;
use crate::plane::{ControlPlane, PlaneError};
use crate::wait::within;

/// The API server asks a new service whether it is there at once, and again after a second if it was not.
const AVAILABLE: Duration = Duration::from_mins(1);

pub(super) async fn register(plane: &ControlPlane, port: u16) -> Result<(), PlaneError> {
    let (name, rest) = METRICS_SERVICE.split_once('.').unwrap_or((METRICS_SERVICE, ""));
    let namespace = rest.trim_end_matches(".svc");
    let client = plane.client_as_admin();
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    services.create(&PostParams::default(), &localhost(name)).await?;

    let api_services: Api<APIService> = Api::all(client);
    for (group, version) in [EXTERNAL, CUSTOM] {
        let spec = APIServiceSpec {
            ca_bundle: Some(ByteString(plane.certificates().authority_pem().as_bytes().to_vec())),
            group: Some(group.to_owned()),
            group_priority_minimum: 100,
            insecure_skip_tls_verify: None,
            service: Some(ServiceReference {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                port: Some(i32::from(port)),
            }),
            version: Some(version.to_owned()),
            version_priority: 100,
        };
        let name = format!("{version}.{group}");
        let api_service = APIService {
            metadata: named(&name),
            spec: Some(spec),
            status: None,
        };
        api_services.create(&PostParams::default(), &api_service).await?;
        let available = within(AVAILABLE, || is_available(&api_services, &name)).await;
        available.map_err(|last| PlaneError::Unavailable { name, last })?;
    }
    Ok(())
}

async fn is_available(api_services: &Api<APIService>, name: &str) -> Result<(), String> {
    let found = api_services.get(name).await.map_err(|error| error.to_string())?;
    let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == "Available") {
        Some(condition) if condition.status == "True" => Ok(()),
        Some(condition) => Err(condition.message.clone().unwrap_or_default()),
        None => Err("nobody has looked yet".to_owned()),
    }
}

fn localhost(name: &str) -> Service {
    let spec = ServiceSpec {
        type_: Some("ExternalName".to_owned()),
        external_name: Some("localhost".to_owned()),
        ..ServiceSpec::default()
    };
    Service {
        metadata: named(name),
        spec: Some(spec),
        status: None,
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}
