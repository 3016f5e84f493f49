//! The profiles that are compiled in, from the same files that `config/profiles` ships.

use std::sync::LazyLock;

use autoscaler_api::MembershipProfile;

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

/// A profile that needs nothing installed.
pub fn built_in(name: &str) -> Option<Compiled> {
    let at = BUILT_IN.iter().position(|built_in| *built_in == name)?;
    COMPILED.get(at).cloned()
}

fn compiled(file: &str) -> Compiled {
    let profile: MembershipProfile = serde_saphyr::from_str(file).expect("a shipped profile is a MembershipProfile");
    Compiled::compile(&profile.spec).expect("a shipped profile compiles")
}
