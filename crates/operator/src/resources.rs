//! How kinds are asked for: always by name and version, always as untyped objects, in one namespace or in all.

use autoscaler_api::{GROUP, KIND, VERSION};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

/// The API of one kind, in one namespace or all.
pub(crate) fn dynamic(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// Our own API. Untyped, so that an object that this version cannot read is still an object (R23).
pub(crate) fn autoscalers(client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, KIND));
    dynamic(client, &resource, namespace)
}
