//! What goes wrong with the simulated server: from one write on nothing arrives any more, as if the operator had been killed.

use axum::body::Body;
use http::{Response, StatusCode};

use super::{Server, refuse};

/// Where the operator is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Just before this write or act, counted from 0.
    Before(usize),
    /// Just after it: it arrives, and its answer does not.
    After(usize),
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    cut: Option<Cut>,
    is_cut: bool,
    refused: Option<(&'static str, u16)>,
}

impl Server {
    /// Cuts the operator off at this write or act.
    pub(crate) fn cut(&self, cut: Option<Cut>) {
        self.state.lock().unwrap().faults = Faults {
            cut,
            ..Faults::default()
        };
    }

    /// Refuses writes to paths that end so.
    pub(crate) fn refuse_writes(&self, to: &'static str, code: u16) {
        self.state.lock().unwrap().faults.refused = Some((to, code));
    }

    /// Whether it is cut off.
    pub(crate) fn is_cut(&self) -> bool {
        self.state.lock().unwrap().faults.is_cut
    }

    /// Notes a write or an act. Returns whether it arrives, and whether its answer does.
    pub(crate) fn arrives(&self, what: &str) -> (bool, bool) {
        let mut state = self.state.lock().unwrap();
        if state.faults.is_cut {
            return (false, false);
        }
        let index = state.done.len();
        let (arrives, answered) = match state.faults.cut {
            Some(Cut::Before(at)) if at == index => (false, false),
            Some(Cut::After(at)) if at == index => (true, false),
            _ => (true, true),
        };
        state.faults.is_cut = !answered;
        if arrives {
            state.done.push(what.to_owned());
        }
        (arrives, answered)
    }

    /// What was done, in order.
    pub(crate) fn done(&self) -> Vec<String> {
        self.state.lock().unwrap().done.clone()
    }

    pub(super) fn fault(&self, method: &str, path: &str, _body: &[u8]) -> Option<Response<Body>> {
        let state = self.state.lock().unwrap();
        if state.faults.is_cut {
            return Some(refuse(StatusCode::SERVICE_UNAVAILABLE));
        }
        let refused = state
            .faults
            .refused
            .filter(|(to, _)| method != "GET" && path.ends_with(to));
        refused.map(|(_, code)| refuse(StatusCode::from_u16(code).unwrap()))
    }
}
