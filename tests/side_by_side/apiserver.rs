//! The operator under the rights of `config/rbac`, and the world it acts in, as the other suite has them.

#[path = "../apiserver/granted.rs"]
mod granted;
#[path = "../apiserver/operator.rs"]
pub(crate) mod operator;
#[path = "../apiserver/shared.rs"]
pub(crate) mod shared;
#[path = "../apiserver/world.rs"]
pub(crate) mod world;
