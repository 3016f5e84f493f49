//! The workload of a directory of `examples/`, for pods that are processes: what is mounted elsewhere lies in directories of
//! this machine, and what has a name elsewhere has an address.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

/// Answers names as the resolver of a pod would, from the directory in `HOSTS`.
const GETENT: &str = r#"#!/bin/sh
address=$(cat "$HOSTS/$2" 2>/dev/null) && echo "$address $2"
"#;

/// The objects of a `workload.yaml`.
pub(super) struct Example {
    documents: Vec<Value>,
}

impl Example {
    /// Of this directory.
    pub(super) fn read(case: &str) -> io::Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = fs::read_to_string(repository.join("examples").join(case).join("workload.yaml"))?;
        let documents = serde_saphyr::from_multiple(&text).map_err(io::Error::other)?;
        Ok(Self { documents })
    }

    /// Writes the files of its `ConfigMap` to this directory, and the program that looks names up.
    pub(super) fn lay_out(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let files = self.one("ConfigMap")["data"].as_object().into_iter().flatten();
        for (name, text) in files {
            fs::write(directory.join(name), text.as_str().unwrap_or_default())?;
        }
        let getent = directory.join("getent");
        fs::write(&getent, GETENT)?;
        fs::set_permissions(&getent, fs::Permissions::from_mode(0o755))
    }

    /// A container of the set's pods, of `initContainers` or `containers`.
    pub(super) fn container(&self, list: &str, name: &str) -> Value {
        let containers = self.one("StatefulSet")["spec"]["template"]["spec"][list].as_array();
        let mut containers = containers.into_iter().flatten();
        let container = containers.find(|container| container["name"] == name);
        container
            .expect("an example has the containers that are asked for")
            .clone()
    }

    fn one(&self, kind: &str) -> &Value {
        let document = self.documents.iter().find(|document| document["kind"] == kind);
        document.expect("an example has the objects that are asked for")
    }
}

/// The variables of a container with other values for these, which must be there, and with `directory` first in the `PATH`.
pub(super) fn environment(container: &Value, directory: &Path, others: &[(&str, &str)]) -> Value {
    let mut variables = container["env"].as_array().cloned().unwrap_or_default();
    for (name, value) in others {
        let variable = variables.iter_mut().find(|variable| variable["name"] == *name);
        *variable.expect("only what is there gets another value") = json!({"name": name, "value": value});
    }
    let path = std::env::var("PATH").unwrap_or_default();
    variables.push(json!({"name": "PATH", "value": format!("{}:{path}", directory.display())}));
    Value::Array(variables)
}
