//! Profiles, which an admin writes: any expression and any template is compiled, or refused with its field, and nothing makes
//! the process panic, abort or stall. What compiles has one digest.

use autoscaler_api::MembershipProfileSpec;
use autoscaler_members::Compiled;
use serde_json::json;

/// Compiles a profile whose proof is the first line of the input, and whose path is the rest.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (expression, path) = text.split_once('\n').unwrap_or((&text, "/members"));
    let spec = json!({
        "member": {"name": "$(pod)", "port": 80},
        "membership": {
            "members": {"http": {"path": path}, "expr": "json"},
            "healthy": {"http": {"path": "/"}, "expr": "json"},
        },
        "drained": {"http": {"path": path, "query": [{"name": path, "value": path}], "body": path}, "expr": expression},
    });
    let spec: MembershipProfileSpec = serde_json::from_value(spec).expect("it has the shape of a profile");
    match Compiled::compile(&spec) {
        Ok(compiled) => assert_eq!(
            Compiled::compile(compiled.spec())
                .map(|again| again.digest().to_owned())
                .as_deref(),
            Ok(compiled.digest())
        ),
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| fault.path.starts_with("spec.")), "{faults:?}");
        }
    }
}
