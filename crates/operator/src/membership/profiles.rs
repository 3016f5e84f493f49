//! Profiles: what is built in, and above it the objects of the cluster. Those are watched, each is judged as it comes, and its
//! status tells the verdict (`answers.rs`). Where the definition is not installed, or the right is missing, only what is built
//! in is known.

mod answers;

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::status::MAX_STORED_PROFILE;
use autoscaler_api::{MembershipProfile, MembershipProfileSpec, SpecError};
use autoscaler_members::{Compiled, built_in};
use kube::Client;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use self::answers::{Answer, Answers};
use crate::clock::Clock;
use crate::gate::Gate;
use crate::mirror::{Listing, Mirror, Trouble};
use crate::resources::dynamic;
use crate::target::MissingRight;

/// How long a first look waits to learn of the objects.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// The definition may be installed after us: how often we look.
const LOOK_AGAIN: Duration = Duration::from_mins(5);

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
    /// It is not known whether there is an object of this name.
    #[error("it is not known which MembershipProfiles there are{}", .0.as_ref().map_or(String::new(), |trouble| format!("; {trouble}")))]
    Unknown(Option<Trouble>),
}

impl Known {
    /// From a spec.
    fn of(spec: &MembershipProfileSpec) -> Result<Self, Vec<SpecError>> {
        Self::compiled(Compiled::compile(spec)?).map_err(|fault| vec![fault])
    }

    fn compiled(compiled: Compiled) -> Result<Self, SpecError> {
        let text = serde_json::to_string(compiled.spec()).map_err(|error| SpecError::new("spec", error.to_string()))?;
        if text.chars().count() > MAX_STORED_PROFILE {
            let why = format!("it is longer than {MAX_STORED_PROFILE} characters");
            return Err(SpecError::new("spec", why));
        }
        Ok(Self { compiled, text })
    }

    /// From what an operation keeps.
    pub(super) fn stored(text: &str) -> Result<Self, ProfileError> {
        let name = "of the operation under way";
        let spec = serde_json::from_str(text).map_err(|error| not_accepted(name, &error.to_string()))?;
        Self::of(&spec).map_err(|faults| not_accepted(name, &all(&faults)))
    }
}

fn not_accepted(name: &str, why: &str) -> ProfileError {
    let (name, why) = (name.to_owned(), why.to_owned());
    ProfileError::NotAccepted { name, why }
}

fn all(faults: &[SpecError]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// What became of an object.
type Judged = Arc<Result<Arc<Known>, Vec<SpecError>>>;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    /// None for an operator that has rights in one namespace only: objects are in none.
    objects: Option<Arc<Mirror<Judged>>>,
}

impl Profiles {
    /// Nothing but what is built in.
    pub(crate) fn only_built_in() -> Self {
        Self { objects: None }
    }

    /// Watches the objects and answers them, until `stop`.
    pub(crate) fn watch(client: &Client, gate: &Gate, clock: &Clock, stop: &CancellationToken) -> Self {
        let (said, told) = tokio::sync::mpsc::unbounded_channel();
        let judging = clock.clone();
        let objects = Arc::new(Mirror::new(move |object| Some(judge(object, &judging, &said))));
        let resource = ApiResource::erase::<MembershipProfile>(&());
        let api = dynamic(client, &resource, None);
        let answers = Answers::new(api.clone(), gate.clone(), told);
        let (watched, stopped) = (objects.clone(), stop.clone());
        tokio::spawn(async move {
            let follow = async {
                loop {
                    let config = watcher::Config::default();
                    watched
                        .follow_while_served("membershipprofiles", api.clone(), config)
                        .await;
                    watched.clear();
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            };
            stopped.run_until_cancelled(follow).await;
        });
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(answers.send()).await });
        Self { objects: Some(objects) }
    }

    /// The profile of this name: the object, else what is built in.
    pub(super) async fn get(&self, name: &str) -> Result<Arc<Known>, ProfileError> {
        let mut right = None;
        if let Some(objects) = &self.objects {
            match objects.settled(FIRST_LIST).await {
                Listing::Done => {}
                Listing::Pending(trouble) => return Err(ProfileError::Unknown(trouble)),
                Listing::Stale(trouble) => return Err(ProfileError::Unknown(Some(trouble))),
                Listing::Forbidden => {
                    right = Some(MissingRight::to_read(&ApiResource::erase::<MembershipProfile>(&())));
                }
            }
            if let Some(judged) = objects.get("", name) {
                return (*judged).clone().map_err(|faults| not_accepted(name, &all(&faults)));
            }
        }
        let Some(compiled) = built_in(name) else {
            let name = name.to_owned();
            return Err(ProfileError::NotFound { name, right });
        };
        let known = Known::compiled(compiled).map_err(|fault| not_accepted(name, &fault.to_string()))?;
        Ok(Arc::new(known))
    }
}

/// Whether an object can be used; if its status does not say so yet, it will.
fn judge(object: &DynamicObject, clock: &Clock, said: &UnboundedSender<Answer>) -> Judged {
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let judged = serde_json::from_value(spec)
        .map_err(|error| vec![SpecError::new("spec", error.to_string())])
        .and_then(|spec| Known::of(&spec));
    let faults = judged.as_ref().err().map_or(&[][..], Vec::as_slice);
    if let Some(answer) = Answer::to(object, faults, clock.now()) {
        // Whoever answers ends with the term.
        let _ = said.send(answer);
    }
    Arc::new(judged.map(Arc::new))
}

#[cfg(test)]
mod tests;
