//! One look at a target and the members of its cluster, or what stands in the way of one. Changes nothing.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::ScaleTargetRef;
use autoscaler_api::conditions::{Status, reason};
use autoscaler_core::membership::{Fact, Leave, Operation, Work, World, undrained};
use autoscaler_members::Members;

use super::credentials::{self, CredentialError};
use super::intent::Intent;
use super::profiles::{Known, ProfileError};
use super::questions::Asking;
use super::right::MissingBinding;
use super::scene::{Reader, Scene, SceneError};
use super::told::Told;
use super::world::{Extra, world};
use crate::clock::BootTime;
use crate::context::Context;
use crate::subject::Subject;

/// What was found.
#[derive(Debug)]
pub(super) struct Look {
    /// When it began: the age of what it proves.
    pub at: BootTime,
    pub scene: Scene,
    pub known: Arc<Known>,
    pub world: World,
    /// The pod that it is about.
    pub about: u32,
    /// A member that nobody drained.
    pub undrained: Option<String>,
    /// What could not be answered, for people.
    pub trouble: Vec<String>,
    /// A right that is missing.
    pub lacks: Option<MissingBinding>,
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub(super) enum Obstacle {
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The credential is missing.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The API server did not answer, or refused.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// There is no target.
    #[error("StatefulSet {0} does not exist")]
    NoTarget(String),
    /// The spec cannot be read, and was never read before.
    #[error("the spec cannot be read, so it is not known whose members these are")]
    NoReference,
    /// The target was stopped by a person (M11).
    #[error("the target has spec.replicas 0, and nothing is done until all members are back")]
    Stopped,
}

impl Obstacle {
    /// The conditions.
    pub(super) fn told(&self) -> Told {
        let message = self.to_string();
        let reason = match self {
            Self::Profile(ProfileError::NotFound { .. }) => reason::PROFILE_NOT_FOUND,
            Self::Profile(ProfileError::NotAccepted { .. }) => reason::PROFILE_NOT_ACCEPTED,
            Self::Credential(_) => reason::CREDENTIAL_MISSING,
            Self::Scene(SceneError::Forbidden(_)) => reason::FORBIDDEN,
            Self::Profile(ProfileError::Unknown(_))
            | Self::Scene(SceneError::Call(_))
            | Self::NoTarget(_)
            | Self::NoReference
            | Self::Stopped => return Told::unknown(&message),
        };
        let stable = (Status::Unknown, reason::NOT_PROBED, message.clone());
        Told::new((Status::False, reason, message), stable)
    }
}

/// Looks: about the member of the operation under way, or about the highest one.
pub(super) async fn look(
    context: &Context,
    subject: &Subject,
    reference: &ScaleTargetRef,
    known: Arc<Known>,
    intent: &Intent,
) -> Result<Look, Obstacle> {
    let at = context.clock.boot();
    let namespace = &subject.snapshot.namespace;
    let settings = &context.settings;
    let credential = credentials::read(settings.credentials_dir.as_deref(), namespace, &known.compiled).await?;
    let reader = reader(context, subject, reference);
    let scene = reader.scene(&settings.cluster_domain, credential).await?;
    let scene = scene.ok_or_else(|| Obstacle::NoTarget(reference.name.clone()))?;
    let operation = subject.membership.operation();
    let highest = scene
        .target
        .ordinals()
        .end
        .checked_sub(1)
        .filter(|_| !scene.target.ordinals().is_empty());
    let about = operation
        .map(|operation| operation.member.ordinal)
        .or(highest)
        .ok_or(Obstacle::Stopped)?;
    let questions = Asking {
        prometheus: context.prometheus.clone(),
        limit: settings.query_timeout.min(Duration::from_secs(5)),
    };
    let asked = context
        .members
        .look(&known.compiled, &scene.cluster, Some(about), operation, &questions);
    let (found, extra) = tokio::join!(asked, extra(&reader, subject, &scene, operation, about));
    let (trouble, mut extra) = (found.trouble.clone(), extra?);
    let is_new = subject.membership.is_new;
    let wish = intent.wish(subject, operation, scene.target.replicas, is_new);
    let mut seen = world(
        context.epoch,
        &scene,
        &known.compiled,
        found,
        extra.clone(),
        wish,
        about,
    );
    // Who has left without a drain is known only now; what is left of it says whether it may be forgotten (M10).
    let left = undrained(&seen, |ordinal| Members::name(&known.compiled, &scene.cluster, ordinal));
    if operation.is_none()
        && let Some((ordinal, _)) = &left
    {
        extra.claim = Some(reader.claim(&scene, *ordinal).await?);
        seen.subject.has_stale_claim = extra.claim.unwrap_or(Fact::Unknown);
    }
    Ok(Look {
        at,
        undrained: left.map(|(_, name)| name),
        scene,
        known,
        world: seen,
        about,
        trouble,
        lacks: extra.lacks,
    })
}

/// What only some operations need.
async fn extra(
    reader: &Reader<'_>,
    subject: &Subject,
    scene: &Scene,
    operation: Option<&Operation>,
    about: u32,
) -> Result<Extra, SceneError> {
    let work = operation.map(|operation| operation.work);
    let mut extra = Extra {
        uid: reader.pod(scene, about).await?,
        ..Extra::default()
    };
    match work {
        Some(Work::Join(_)) => extra.claim = Some(reader.claim(scene, about).await?),
        Some(Work::Forget) => {
            extra.claim = Some(reader.claim(scene, about).await?);
            // Without the right it is not known, and the operation can still end otherwise.
            match reader.is_nothing_cut_off().await {
                Ok(is_nothing_cut_off) => extra.is_node_lost = is_nothing_cut_off,
                Err(SceneError::Forbidden(right)) => extra.lacks = Some(right),
                Err(error) => return Err(error),
            }
        }
        Some(Work::Leave(Leave::Gating)) => extra.budgets = reader.budgets(scene).await?,
        Some(Work::Leave(_)) | None => {}
    }
    if subject.snapshot.terminating && operation.is_some() {
        extra.is_namespace_going = reader.is_namespace_going().await?;
    }
    Ok(extra)
}

/// Reads for this autoscaler.
pub(super) fn reader<'a>(context: &'a Context, subject: &'a Subject, reference: &'a ScaleTargetRef) -> Reader<'a> {
    Reader {
        client: &context.client,
        gate: &context.gate,
        namespace: &subject.snapshot.namespace,
        name: &reference.name,
        is_namespaced: context.settings.namespace.is_some(),
    }
}
