//! The profiles that are compiled in, from the same files that `config/profiles` ships.

use std::sync::LazyLock;

use autoscaler_api::{MembershipProfile, SpecError};

use crate::profile::Compiled;

/// Their names.
pub const BUILT_IN: [&str; 3] = ["vernemq", "etcd", "rabbitmq"];

static COMPILED: LazyLock<[Compiled; 3]> = LazyLock::new(|| {
    [
        compiled(include_str!("../../../config/profiles/vernemq.yaml")),
        compiled(include_str!("../../../config/profiles/etcd.yaml")),
        compiled(include_str!("../../../config/profiles/rabbitmq.yaml")),
    ]
});

/// Why there is no profile of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Neither an object nor built in.
    #[error("there is no MembershipProfile {0:?}, and none of that name is built in")]
    Unknown(String),
    /// The object cannot be used. A built-in profile of the same name does not take its place: the admin meant this one.
    #[error("the MembershipProfile {name:?} cannot be used: {first}")]
    Faulty {
        /// Its name.
        name: String,
        /// The first of its faults.
        first: SpecError,
    },
}

/// A profile that needs nothing installed.
pub fn built_in(name: &str) -> Option<Compiled> {
    let at = BUILT_IN.iter().position(|built_in| *built_in == name)?;
    COMPILED.get(at).cloned()
}

/// The profile of a name: the object if there is one, else the one that is built in.
pub fn choose(name: &str, object: Option<&MembershipProfile>) -> Result<Compiled, ProfileError> {
    let Some(object) = object else {
        return built_in(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()));
    };
    Compiled::compile(&object.spec).map_err(|faults| ProfileError::Faulty {
        name: name.to_owned(),
        first: faults
            .into_iter()
            .next()
            .unwrap_or_else(|| SpecError::new("spec", "cannot be used")),
    })
}

fn compiled(file: &str) -> Compiled {
    let profile: MembershipProfile = serde_saphyr::from_str(file).expect("a shipped profile is a MembershipProfile");
    Compiled::compile(&profile.spec).expect("a shipped profile compiles")
}
