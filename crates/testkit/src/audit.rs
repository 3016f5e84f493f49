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
    /// Names the token that a service account came with; empty for others.
    pub credential: String,
    /// Whether a right was missing. Admission refuses with 403 too, such as whatever is new in a namespace that ends.
    pub is_forbidden: bool,
    /// The count that a write of a `scale` asked for.
    pub replicas: Option<u32>,
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

    /// The beginning of the log.
    pub const fn start() -> Mark {
        Mark(0)
    }

    /// The end of the log now.
    pub fn mark(&self) -> io::Result<Mark> {
        Ok(Mark(self.path.metadata()?.len()))
    }

    /// All requests since `mark`, in the order of their answers. A line that is being written is left for the next time.
    ///
    /// A watch (and any other long request) is noted twice: when it begins and when it ends. Only the beginning counts.
    pub fn since(&self, mark: Mark) -> io::Result<Vec<Request>> {
        let counts = |verb: &str, stage: &str| match stage {
            "ResponseStarted" => true,
            "ResponseComplete" | "Panic" => verb != "watch",
            _ => false,
        };
        self.select(mark, counts)
    }

    /// The requests of one user since `mark` that were refused for want of a right. Of a long log, which all tests share, only
    /// lines that may be such a one are parsed.
    pub fn forbidden_since(&self, mark: Mark, user: &str) -> io::Result<Vec<Request>> {
        let (name, decision) = (format!("\"{user}\""), "\"forbid\"");
        let all = self.select_lines(
            mark,
            |line| line.contains(decision) && line.contains(&name),
            |_, stage| stage != "RequestReceived",
        )?;
        Ok(all
            .into_iter()
            .filter(|request| request.is_forbidden && request.user == user)
            .collect())
    }

    /// The watches that have ended since `mark`, whenever they began.
    pub fn watches_ended_since(&self, mark: Mark) -> io::Result<Vec<Request>> {
        self.select(mark, |verb, stage| verb == "watch" && stage == "ResponseComplete")
    }

    /// The requests of those lines since `mark` whose verb and stage count.
    fn select(&self, mark: Mark, counts: impl Fn(&str, &str) -> bool) -> io::Result<Vec<Request>> {
        self.select_lines(mark, |_| true, counts)
    }

    fn select_lines(
        &self,
        mark: Mark,
        is_wanted: impl Fn(&str) -> bool,
        counts: impl Fn(&str, &str) -> bool,
    ) -> io::Result<Vec<Request>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        Ok(String::from_utf8_lossy(&bytes[..complete])
            .lines()
            .filter(|line| is_wanted(line))
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|event| counts(&text(event, "/verb"), &text(event, "/stage")))
            .map(|event| request(&event))
            .collect())
    }
}

fn request(event: &Value) -> Request {
    let code = event
        .pointer("/responseStatus/code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    Request {
        user: text(event, "/user/username"),
        verb: text(event, "/verb"),
        group: text(event, "/objectRef/apiGroup"),
        resource: text(event, "/objectRef/resource"),
        subresource: text(event, "/objectRef/subresource"),
        namespace: text(event, "/objectRef/namespace"),
        name: text(event, "/objectRef/name"),
        code: code.unwrap_or_default(),
        user_agent: text(event, "/userAgent"),
        uri: text(event, "/requestURI"),
        credential: text(event, "/user/extra/authentication.kubernetes.io~1credential-id/0"),
        is_forbidden: text(event, "/annotations/authorization.k8s.io~1decision") == "forbid",
        replicas: replicas(&event["requestObject"]),
    }
}

/// Of a scale, or of a patch of either kind.
fn replicas(body: &Value) -> Option<u32> {
    let operations = body.as_array().into_iter().flatten();
    let mut written = operations.filter(|operation| operation["op"] != "test" && operation["path"] == "/spec/replicas");
    let count = match written.next() {
        Some(operation) => &operation["value"],
        None => body.pointer("/spec/replicas")?,
    };
    u32::try_from(count.as_u64()?).ok()
}

fn text(event: &Value, pointer: &str) -> String {
    let text = event.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
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
            "user": {
                "username": "system:serviceaccount:ops:operator",
                "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"]},
            },
            "userAgent": "operator/1", "requestObject": [
                {"op": "test", "path": "/spec/replicas", "value": 2}, {"op": "replace", "path": "/spec/replicas", "value": 3},
            ],
            "objectRef": {"apiGroup": "apps", "resource": "deployments", "subresource": "scale", "namespace": "a", "name": "web"},
            "responseStatus": {"code": 409}, "annotations": {"authorization.k8s.io/decision": "forbid"},
        });
        format!("{event}\n")
    }

    #[test]
    fn what_was_refused_for_want_of_a_right_is_found_by_user() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("audit.log");
        let allowed = line("get", "ResponseComplete").replace("forbid", "allow");
        let refused = line("patch", "ResponseComplete");
        let received = line("list", "RequestReceived");
        std::fs::write(&path, [allowed, refused, received].concat()).unwrap();
        let log = AuditLog::new(&path);
        let found = |user: &str| log.forbidden_since(AuditLog::start(), user).unwrap();
        let verbs: Vec<String> = found("system:serviceaccount:ops:operator")
            .into_iter()
            .map(|request| request.verb)
            .collect();
        assert_eq!(verbs, ["patch"]);
        assert_eq!(found("system:serviceaccount:ops:other"), []);
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
            credential: "JTI=1".into(),
            is_forbidden: true,
            replicas: Some(3),
        };
        assert_eq!(requests, [expected]);
    }

    #[test]
    fn the_count_is_read_from_a_scale_and_from_patches_of_both_kinds() {
        let whole = json!({"kind": "Scale", "spec": {"replicas": 4}});
        let merge = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 4}});
        let operations = json!([{"op": "test", "path": "/metadata/uid", "value": "a"}, {"op": "add", "path": "/spec/replicas", "value": 4}]);
        assert_eq!([whole, merge, operations].map(|body| replicas(&body)), [Some(4); 3]);
        assert_eq!(replicas(&Value::Null), None);
    }

    #[test]
    fn a_watch_counts_when_it_begins_and_its_end_is_told_apart() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("audit.log");
        let lines = ["ResponseStarted", "ResponseComplete"].map(|stage| line("watch", stage));
        std::fs::write(&path, lines.concat() + &line("list", "ResponseComplete")).unwrap();
        let (log, mark) = (AuditLog::new(&path), Mark(0));
        let verbs = |requests: Vec<Request>| requests.into_iter().map(|request| request.verb).collect::<Vec<_>>();
        assert_eq!(verbs(log.since(mark).unwrap()), ["watch", "list"]);
        assert_eq!(verbs(log.watches_ended_since(mark).unwrap()), ["watch"]);
        let mark = Mark(u64::try_from(lines[0].len()).unwrap());
        assert_eq!(verbs(log.since(mark).unwrap()), ["list"]);
        assert_eq!(verbs(log.watches_ended_since(mark).unwrap()), ["watch"]);
    }
}
