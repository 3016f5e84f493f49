//! One kind of target: discovered once, watched once, kept as views.

use std::sync::Arc;
use std::time::Duration;

use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;
use kube::runtime::watcher;
use kube::{Client, discovery};
use tokio_util::sync::CancellationToken;

use super::view::{Shape, TargetView};
use super::{MissingRight, TargetError};
use crate::gate::Gate;
use crate::mirror::{Listing, Mirror};
use crate::resources::dynamic;

/// How long an evaluation waits for the first list of a kind before it goes on without.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// Why a kind cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KindError {
    /// Not served.
    Unknown {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// Served without a scale subresource.
    NoScale {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// Objects of it are in no namespace.
    NotNamespaced {
        /// As given.
        api_version: String,
        /// As given.
        kind: String,
    },
    /// Discovery did not succeed.
    Undiscovered {
        /// As given.
        kind: String,
        /// What went wrong.
        category: &'static str,
    },
}

impl From<KindError> for TargetError {
    fn from(error: KindError) -> Self {
        match error {
            KindError::Unknown { api_version, kind } => Self::UnknownKind { api_version, kind },
            KindError::NoScale { api_version, kind } => Self::NoScale { api_version, kind },
            KindError::NotNamespaced { api_version, kind } => Self::NotNamespaced { api_version, kind },
            KindError::Undiscovered { kind, category } => Self::Undiscovered { kind, category },
        }
    }
}

/// A kind under watch.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) shape: Shape,
    pub(super) views: Mirror<TargetView>,
}

impl Kind {
    /// Asks the API server for the kind: one request.
    pub(crate) async fn discover(client: &Client, gate: &Gate, wanted: &GroupVersionKind) -> Result<Self, KindError> {
        let (api_version, kind) = (wanted.api_version(), wanted.kind.clone());
        match gate
            .read("discover the target's kind", discovery::pinned_kind(client, wanted))
            .await
        {
            Ok((resource, capabilities)) => {
                if capabilities.scope == Scope::Cluster {
                    return Err(KindError::NotNamespaced { api_version, kind });
                }
                if !capabilities
                    .subresources
                    .iter()
                    .any(|(subresource, _)| subresource.plural == "scale")
                {
                    return Err(KindError::NoScale { api_version, kind });
                }
                let shape = Shape::of(&resource.group, &resource.kind);
                Ok(Self {
                    resource,
                    shape,
                    views: Mirror::new(move |object| TargetView::of(object, shape)),
                })
            }
            Err(error) if error.is_unknown_kind() => Err(KindError::Unknown { api_version, kind }),
            Err(error) => {
                let category = error.category();
                tracing::warn!(%api_version, %kind, category, "failed to discover a kind of target");
                Err(KindError::Undiscovered { kind, category })
            }
        }
    }

    /// Watches the kind until `stop`, keeping views.
    pub(crate) fn watch(self: Arc<Self>, client: &Client, namespace: Option<&str>, stop: CancellationToken) {
        let api = dynamic(client, &self.resource, namespace);
        tokio::spawn(async move {
            stop.run_until_cancelled(
                self.views
                    .follow(&self.resource.plural, api, watcher::Config::default()),
            )
            .await;
        });
    }

    /// Keeps an answer, unless the watch has said something newer.
    pub(super) fn keep(&self, namespace: &str, name: &str, view: &TargetView) {
        self.views.update(namespace, name, view, |known| view.supersedes(known));
    }

    /// Waits for the first list of views.
    pub(super) async fn usable(&self) -> Result<(), TargetError> {
        match self.views.settled(FIRST_LIST).await {
            // What is stale is asked for.
            Listing::Done | Listing::Stale(_) => Ok(()),
            Listing::Pending(trouble) => Err(TargetError::NotSynced {
                kind: self.resource.kind.clone(),
                trouble,
            }),
            Listing::Forbidden => Err(TargetError::Forbidden(MissingRight::new("list", &self.resource, ""))),
        }
    }
}

#[cfg(test)]
mod tests;
