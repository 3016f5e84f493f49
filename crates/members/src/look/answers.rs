//! Every question of a profile, asked once: the same request to the same pod is sent once, whoever needs it.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream::iter;
use tokio::time::{Duration, Instant, timeout_at};

use super::{ANSWER_TIMEOUT, Questions};
use crate::client::{Answer, Client, Silence};
use crate::profile::{Ask, Source};
use crate::scene::{Rendered, Scene, requests};

/// So many requests are under way at once.
const CONCURRENCY: usize = 64;

/// All answers of one look.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) of_members: BTreeMap<(u32, Rendered), Result<Answer, Silence>>,
    pub(super) of_prometheus: BTreeMap<String, f64>,
}

impl Answers {
    /// All of them may take so long: what is not answered by then is not known.
    pub(super) async fn collect(
        client: &Client,
        scene: &Scene<'_>,
        questions: &dyn Questions,
        limit: Duration,
    ) -> Self {
        let asks = asks(scene);
        let deadline = Instant::now() + limit;
        let (of_members, of_prometheus) = futures::join!(
            of_members(client, scene, &asks, deadline),
            of_prometheus(scene, &asks, questions, deadline)
        );
        Self {
            of_members,
            of_prometheus,
        }
    }
}

/// Every question, wherever it stands in the profile.
fn asks<'a>(scene: &Scene<'a>) -> Vec<&'a Ask> {
    let profile = scene.profile;
    let steps = profile.steps.iter();
    let of_steps = steps.flat_map(|step| [Some(&step.done), step.undo.as_ref().map(|undo| &undo.residue)]);
    let single = [
        Some(&profile.members),
        Some(&profile.healthy),
        profile.sessions.as_ref(),
        Some(&profile.drained),
        profile.progress.as_ref(),
    ];
    let gates = profile.gates.iter().map(|gate| &gate.ask);
    single
        .into_iter()
        .chain(of_steps)
        .flatten()
        .chain(gates)
        .chain(&profile.leaving)
        .collect()
}

async fn of_members(
    client: &Client,
    scene: &Scene<'_>,
    asks: &[&Ask],
    deadline: Instant,
) -> BTreeMap<(u32, Rendered), Result<Answer, Silence>> {
    let wanted: BTreeSet<(u32, Rendered)> = asks.iter().flat_map(|ask| requests(scene, ask)).collect();
    let asked = wanted.into_iter().map(|(ordinal, request)| async move {
        let asking = ask_member(client, scene, ordinal, &request);
        let answer = timeout_at(deadline, asking).await.unwrap_or(Err(Silence::Timeout));
        ((ordinal, request), answer)
    });
    iter(asked).buffer_unordered(CONCURRENCY).collect().await
}

/// One question to one member.
pub(crate) async fn ask_member(
    client: &Client,
    scene: &Scene<'_>,
    ordinal: u32,
    request: &Rendered,
) -> Result<Answer, Silence> {
    let pod = scene.cluster.pod(ordinal).ok_or(Silence::NoAddress)?;
    let credential = Client::credential(scene.profile.spec.member.credential.as_ref(), scene.cluster)?;
    let to = Client::address(pod, scene.profile.port)?;
    client.send(to, credential, request, ANSWER_TIMEOUT).await
}

async fn of_prometheus(
    scene: &Scene<'_>,
    asks: &[&Ask],
    questions: &dyn Questions,
    deadline: Instant,
) -> BTreeMap<String, f64> {
    let queries = asks.iter().filter_map(|ask| match &ask.source {
        Source::PromQl(query) => scene.promql(query),
        Source::Members | Source::Http(_) => None,
    });
    let queries: BTreeSet<String> = queries.collect();
    let asked = queries.into_iter().map(|query| async move {
        let value = timeout_at(deadline, questions.ask(&query)).await.ok().flatten();
        // Not a number and infinities are no knowledge.
        value.filter(|value| value.is_finite()).map(|value| (query, value))
    });
    let answers: Vec<_> = iter(asked).buffer_unordered(CONCURRENCY).collect().await;
    answers.into_iter().flatten().collect()
}
