//! Where a question stands in a profile decides whom it may ask, what it may read, and whether it is a proof.

use autoscaler_api::profile::{Asked, Question};

/// Where a question stands: what it may ask and read, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// Who is asked; none if the question may say so itself.
    pub(super) of: Option<Asked>,
    /// Who is asked if the question does not say so.
    pub(super) default_of: Asked,
    /// There is a member that leaves.
    pub(super) has_leaving: bool,
    pub(super) may_ask_prometheus: bool,
    pub(super) is_proof: bool,
}

impl Position {
    pub(super) const fn of(asked: Asked) -> Self {
        Self {
            of: Some(asked),
            default_of: asked,
            has_leaving: true,
            may_ask_prometheus: false,
            is_proof: false,
        }
    }

    pub(super) const fn chosen(default_of: Asked) -> Self {
        Self {
            of: None,
            default_of,
            ..Self::of(default_of)
        }
    }

    pub(super) const fn proof(self) -> Self {
        Self { is_proof: true, ..self }
    }

    pub(super) const fn before_anybody_leaves(self) -> Self {
        Self {
            has_leaving: false,
            ..self
        }
    }

    pub(super) const fn or_prometheus(self) -> Self {
        Self {
            may_ask_prometheus: true,
            ..self
        }
    }
}

/// What the expression of a question may read.
pub(super) fn readable(question: &Question, position: Position) -> Vec<&'static str> {
    if question.promql.is_some() {
        return vec!["value"];
    }
    let mut variables = Vec::new();
    if question.http.is_some() {
        variables.extend(["json", "status"]);
    }
    if position.has_leaving {
        variables.extend(["members", "leaving"]);
    }
    variables.push("member");
    variables
}
