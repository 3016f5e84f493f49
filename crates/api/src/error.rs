//! What is wrong with a spec, and where.

/// A field that cannot be used. The text is for the user: it becomes the message of `Ready=False/InvalidSpec`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SpecError {
    /// The field, such as `spec.metrics[1].target.value`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl SpecError {
    /// An error at a field.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}
