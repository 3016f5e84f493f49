//! Answers: is this pod ready? By HTTP, as often and as patiently as its spec says.

use std::net::Ipv4Addr;

use tokio::sync::watch;
use tokio::time::sleep;

use super::recipe::HttpProbe;

/// Asks for ever, and tells what changes.
pub(super) async fn look(probe: HttpProbe, is_first: bool, address: Ipv4Addr, ready: watch::Sender<bool>) {
    let client = crate::http::client(None);
    let url = format!("http://{address}:{}{}", probe.port, probe.path);
    let (mut good, mut bad) = (0, 0);
    sleep(if is_first { probe.first_delay } else { probe.delay }).await;
    loop {
        let answer = client.get(&url).timeout(probe.patience).send().await;
        // prober/http: everything from 200 up to 399.
        let is_good = answer.is_ok_and(|answer| answer.status().is_success() || answer.status().is_redirection());
        (good, bad) = if is_good { (good + 1, 0) } else { (0, bad + 1) };
        if good >= probe.successes {
            ready.send_replace(true);
        } else if bad >= probe.failures {
            ready.send_replace(false);
        }
        sleep(probe.period).await;
    }
}
