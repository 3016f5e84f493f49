//! Answers: who asked the API server for what, and what did it say? From its own audit log.
//!
//! A line is written when an answer is complete (for a watch: when it begins), so a request can be in the caller's hands a
//! moment before it is in the log: wait for the line, or for one that came later.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `system:serviceaccount:<namespace>:<name>` for a service account.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The API group; empty for the core group and for paths that are no resources.
    pub group: String,
    /// The plural; empty for paths that are no resources.
    pub resource: String,
    /// `status`, `scale`, or empty.
    pub subresource: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for lists and most creations.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// As the client gave it.
    pub user_agent: String,
    /// The path with its query.
    pub uri: String,
}

/// A place in the log: what comes later is counted, what came before is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// The audit log of one API server.
#[derive(Debug, Clone)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    /// See [`crate::plane::ControlPlane::audit_log_path`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The end of the log now.
    pub fn mark(&self) -> io::Result<Mark> {
        Ok(Mark(self.path.metadata()?.len()))
    }

    /// All requests since `mark`, in the order of their answers. A line that is being written is left for the next time.
    pub fn since(&self, mark: Mark) -> io::Result<Vec<Request>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let text = String::from_utf8_lossy(&bytes[..complete]);
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter_map(|event| request(&event))
            .collect())
    }
}

/// A watch (and any other long request) is noted twice: when it begins and when it ends. Only the beginning counts.
fn request(event: &Value) -> Option<Request> {
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let verb = text("/verb");
    let counts = match text("/stage").as_str() {
        "ResponseStarted" => true,
        "ResponseComplete" | "Panic" => verb != "watch",
        _ => false,
    };
    let code = event
        .pointer("/responseStatus/code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    counts.then(|| Request {
        user: text("/user/username"),
        verb,
        group: text("/objectRef/apiGroup"),
        resource: text("/objectRef/resource"),
        subresource: text("/objectRef/subresource"),
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        code: code.unwrap_or_default(),
        user_agent: text("/userAgent"),
        uri: text("/requestURI"),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn line(verb: &str, stage: &str) -> String {
        let event = json!({
            "stage": stage, "verb": verb, "requestURI": "/apis/apps/v1/namespaces/a/deployments/web/scale?x=1",
            "user": {"username": "system:serviceaccount:ops:operator"}, "userAgent": "operator/1",
            "objectRef": {"apiGroup": "apps", "resource": "deployments", "subresource": "scale", "namespace": "a", "name": "web"},
            "responseStatus": {"code": 409},
        });
        format!("{event}\n")
    }

    #[test]
    fn only_complete_lines_after_the_mark_are_read() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("audit.log");
        std::fs::write(&path, line("get", "ResponseComplete")).unwrap();
        let log = AuditLog::new(&path);
        let mark = log.mark().unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(line("patch", "ResponseComplete").as_bytes()).unwrap();
        file.write_all(b"{\"stage\":\"Resp").unwrap();

        let requests = log.since(mark).unwrap();
        let expected = Request {
            user: "system:serviceaccount:ops:operator".into(),
            verb: "patch".into(),
            group: "apps".into(),
            resource: "deployments".into(),
            subresource: "scale".into(),
            namespace: "a".into(),
            name: "web".into(),
            code: 409,
            user_agent: "operator/1".into(),
            uri: "/apis/apps/v1/namespaces/a/deployments/web/scale?x=1".into(),
        };
        assert_eq!(requests, [expected]);
    }

    #[test]
    fn a_watch_counts_once() {
        let count = |verb, stage| usize::from(request(&serde_json::from_str(&line(verb, stage)).unwrap()).is_some());
        assert_eq!(
            count("watch", "ResponseStarted") + count("watch", "ResponseComplete"),
            1
        );
        assert_eq!(count("list", "ResponseComplete"), 1);
    }
}
