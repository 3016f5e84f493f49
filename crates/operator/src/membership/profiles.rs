//! Profiles: what is built in, and above it the objects of the cluster. An object is asked for when it is needed, so at rest
//! nothing is asked; where the definition is not installed, or the right is missing, only what is built in is known.

use std::sync::Arc;

use autoscaler_api::status::MAX_STORED_PROFILE;
use autoscaler_api::{MembershipProfile, MembershipProfileSpec};
use autoscaler_members::{Compiled, built_in};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};

use super::right::MissingRight;
use crate::gate::{CallError, Gate};

/// A profile that can be used, with the text that an operation keeps of it (M9).
#[derive(Debug)]
pub(crate) struct Known {
    /// Compiled.
    pub compiled: Compiled,
    /// Its spec as JSON.
    pub text: String,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// There is none of this name.
    #[error("there is no MembershipProfile {name}, and none of this name is built in{}", .right.as_ref().map_or(String::new(), |right| format!("; {right}")))]
    NotFound {
        /// Its name.
        name: String,
        /// The right that the operator lacks to ask for the object.
        right: Option<MissingRight>,
    },
    /// It is not valid.
    #[error("MembershipProfile {name} cannot be used: {why}")]
    NotAccepted {
        /// Its name.
        name: String,
        /// The field, and what is wrong with it.
        why: String,
    },
    /// It could not be asked for.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Known {
    /// From a spec.
    fn of(name: &str, spec: &MembershipProfileSpec) -> Result<Self, ProfileError> {
        let compiled = Compiled::compile(spec).map_err(|faults| ProfileError::NotAccepted {
            name: name.to_owned(),
            why: faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })?;
        Self::compiled(name, compiled)
    }

    fn compiled(name: &str, compiled: Compiled) -> Result<Self, ProfileError> {
        let not_accepted = |why: String| ProfileError::NotAccepted {
            name: name.to_owned(),
            why,
        };
        let text = serde_json::to_string(compiled.spec()).map_err(|error| not_accepted(error.to_string()))?;
        if text.chars().count() > MAX_STORED_PROFILE {
            return Err(not_accepted(format!(
                "it is longer than {MAX_STORED_PROFILE} characters"
            )));
        }
        Ok(Self { compiled, text })
    }

    /// From what an operation keeps.
    pub(super) fn stored(text: &str) -> Result<Self, ProfileError> {
        let name = "of the operation under way";
        let spec = serde_json::from_str(text).map_err(|error| ProfileError::NotAccepted {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        Self::of(name, &spec)
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Profiles {
    client: Client,
    gate: Gate,
    /// Objects that are in no namespace are not for an operator that has rights in one.
    only_built_in: bool,
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Profiles")
            .field("only_built_in", &self.only_built_in)
            .finish_non_exhaustive()
    }
}

impl Profiles {
    pub(crate) fn new(client: Client, gate: Gate, only_built_in: bool) -> Self {
        Self {
            client,
            gate,
            only_built_in,
        }
    }

    /// The profile of this name: the object, else what is built in.
    pub(super) async fn get(&self, name: &str) -> Result<Arc<Known>, ProfileError> {
        let (object, right) = match self.object(name).await {
            Ok(object) => (object, None),
            Err(error) if error.lacks_right("get") => (None, Some(MissingRight::to_profiles(&error))),
            Err(error) => return Err(error.into()),
        };
        let known = match object {
            Some(object) => Self::of_object(name, &object)?,
            None => match built_in(name) {
                Some(compiled) => Known::compiled(name, compiled)?,
                None => {
                    return Err(ProfileError::NotFound {
                        name: name.to_owned(),
                        right,
                    });
                }
            },
        };
        Ok(Arc::new(known))
    }

    async fn object(&self, name: &str) -> Result<Option<DynamicObject>, CallError> {
        if self.only_built_in {
            return Ok(None);
        }
        let resource = ApiResource::erase::<MembershipProfile>(&());
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        match self.gate.read("read the profile", api.get(name)).await {
            Ok(object) => Ok(Some(object)),
            // Neither the object nor its definition needs to be there.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of_object(name: &str, object: &DynamicObject) -> Result<Known, ProfileError> {
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        let spec = serde_json::from_value(spec).map_err(|error| ProfileError::NotAccepted {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        Known::of(name, &spec)
    }
}
