//! Every generated file: its path and its text. Pure: nothing is written here.

mod definition;
mod fields;
mod flags;
mod metrics;
mod reasons;

use anyhow::Result;

/// One file.
pub(crate) struct Generated {
    /// Its path from the root of the repository.
    pub path: &'static str,
    /// Its whole text.
    pub text: String,
}

/// All of them.
pub(crate) fn all() -> Result<Vec<Generated>> {
    let autoscaler = autoscaler_api::schema::custom_resource_definition();
    let profile = autoscaler_api::schema::profile_definition();
    Ok(vec![
        Generated {
            path: "crds/metricautoscaler.dev_metricautoscalers.yaml",
            text: definition::yaml(&autoscaler)?,
        },
        Generated {
            path: "crds/metricautoscaler.dev_membershipprofiles.yaml",
            text: definition::yaml(&profile)?,
        },
        Generated {
            path: "docs/reference/metricautoscaler.md",
            text: fields::markdown(fields::AUTOSCALER, &autoscaler)?,
        },
        Generated {
            path: "docs/reference/membershipprofile.md",
            text: fields::markdown(fields::PROFILE, &profile)?,
        },
        Generated {
            path: "docs/reference/reasons.md",
            text: reasons::markdown(),
        },
        Generated {
            path: "docs/reference/flags.md",
            text: flags::markdown(),
        },
        Generated {
            path: "docs/reference/metrics.md",
            text: metrics::markdown()?,
        },
    ])
}
