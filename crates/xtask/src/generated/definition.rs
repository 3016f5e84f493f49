//! The `CustomResourceDefinition` as YAML.

use anyhow::{Context, Result};
use serde_json::Value;

const HEADER: &str = "# Generated from crates/api by `make generate`. Do not edit.\n";

pub(super) fn yaml(definition: &Value) -> Result<String> {
    let yaml = serde_saphyr::to_string(definition).context("failed to write the definition as YAML")?;
    Ok(format!("{HEADER}{yaml}"))
}
