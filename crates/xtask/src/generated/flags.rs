//! `docs/reference/flags.md`: the operator's flags, from clap's own description of them.

use clap::{Arg, CommandFactory};
use metric_autoscaler::args::Args;

const HEAD: &str = "<!-- Generated from crates/operator/src/args.rs by `make generate`. Do not edit. -->
# Flags

Each is an environment variable too; a flag wins over its variable. In `config/`, what concerns the source of metrics stands in
`config/manager/source.env`, the rest in the Deployment.

| flag | variable | default | meaning |
|---|---|---|---|
";

pub(super) fn markdown() -> String {
    let command = Args::command();
    let flags = command.get_arguments().filter(|flag| flag.get_env().is_some());
    format!("{HEAD}{}", flags.map(row).collect::<String>())
}

fn row(flag: &Arg) -> String {
    let name = flag.get_long().unwrap_or_default();
    let variable = flag.get_env().unwrap_or_default().to_string_lossy();
    let default = flag.get_default_values().first();
    let default = default
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .unwrap_or_default();
    let help = flag
        .get_long_help()
        .or_else(|| flag.get_help())
        .map(ToString::to_string);
    let help = help
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    format!("| `--{name}` | `{variable}` | {default} | {help}.{} |\n", choices(flag))
}

fn choices(flag: &Arg) -> String {
    let values = flag.get_possible_values();
    let described = values.iter().map(|value| {
        let help = value
            .get_help()
            .map(|help| format!(": {}", help.to_string().trim_end_matches('.')));
        format!("`{}`{}", value.get_name(), help.unwrap_or_default())
    });
    let described: Vec<String> = described.collect();
    if described.is_empty() {
        String::new()
    } else {
        format!(" {}.", described.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_its_variable_its_default_and_its_choices() {
        let page = markdown();
        assert!(
            page.contains("| `--min-interval` | `MIN_INTERVAL` | `5` | Shortest interval"),
            "{page}"
        );
        assert!(page.contains("`dryrun`: Decide and report"), "{page}");
    }

    #[test]
    fn every_flag_is_a_variable_too() {
        let command = Args::command();
        let without: Vec<_> = command
            .get_arguments()
            .filter(|arg| arg.get_env().is_none() && !["help", "version"].contains(&arg.get_id().as_str()))
            .collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
