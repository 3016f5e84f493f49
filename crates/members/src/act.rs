//! One act: to whom it goes, what is sent, and what the reply says. A reply proves nothing but a refusal.

use std::time::Duration;

use autoscaler_api::profile::Recipient;
use autoscaler_core::membership::{Effect, Operation, Reply};
use cel::Value;

use crate::client::{Answer, Client};
use crate::cluster::{Cluster, Pod};
use crate::expression::Expression;
use crate::expression::values::{as_bool, as_texts};
use crate::look::ask_member;
use crate::profile::{ActPart, Compiled, Source};
use crate::scene::{Rendered, Scene};

/// Most items that an act is sent for.
const MAX_ITEMS: usize = 32;

pub(crate) async fn act(
    client: &Client,
    profile: &Compiled,
    cluster: &Cluster,
    operation: &Operation,
    effect: Effect,
    may_send: impl Fn(Duration) -> bool + Send + Sync,
) -> Reply {
    let member = &operation.member;
    let scene = Scene::new(&profile.0, cluster, Some(member.ordinal), Some(&member.name));
    let Some(act) = part(profile, operation, effect) else {
        return Reply::Unclear;
    };
    let Some(recipient) = recipient(client, &scene, operation, act.to).await else {
        return Reply::Unclear;
    };
    let Some(requests) = requests(client, &scene, act, recipient).await else {
        return Reply::Unclear;
    };
    let mut replies = Vec::new();
    for request in &requests {
        if !may_send(act.timeout) {
            return Reply::Unclear;
        }
        let reply = send(client, &scene, act, recipient, request).await;
        if reply == Reply::Refused && replies.is_empty() {
            return Reply::Refused;
        }
        replies.push(reply);
    }
    let is_expected = replies.iter().all(|reply| *reply == Reply::Expected);
    if is_expected { Reply::Expected } else { Reply::Unclear }
}

/// What the profile says about an effect. A step is found by its name: the profile may be another one by now.
fn part<'a>(profile: &'a Compiled, operation: &Operation, effect: Effect) -> Option<&'a ActPart> {
    let step = |index: usize| profile.step(&operation.plan.steps.get(index)?.name);
    match effect {
        Effect::Drain(index) => step(index).map(|step| &step.act),
        Effect::Undo(index) => step(index)?.undo.as_ref().map(|undo| &undo.act),
        Effect::Forget => profile.0.forget.as_ref(),
        // The API server's, not a member's.
        Effect::Lower { .. } | Effect::Raise { .. } => None,
    }
}

/// The pod that the act is sent to: the very pod of the operation, or the first survivor that lists the member.
async fn recipient<'a>(client: &Client, scene: &Scene<'a>, operation: &Operation, to: Recipient) -> Option<&'a Pod> {
    let member = &operation.member;
    match to {
        Recipient::Leaving => {
            let pod = scene.cluster.pod(member.ordinal)?;
            (member.uid.as_ref() == Some(&pod.uid)).then_some(pod)
        }
        Recipient::AnySurvivor => {
            let mut survivors: Vec<&Pod> = scene.cluster.pods.iter().collect();
            survivors.retain(|pod| pod.ordinal != member.ordinal);
            survivors.sort_by_key(|pod| pod.ordinal);
            for pod in survivors {
                if lists(client, scene, pod)
                    .await
                    .is_some_and(|lists| lists.contains(&member.name))
                {
                    return Some(pod);
                }
            }
            None
        }
    }
}

/// The members that a pod lists at this moment.
async fn lists(client: &Client, scene: &Scene<'_>, pod: &Pod) -> Option<Vec<String>> {
    let members = &scene.profile.members;
    let Source::Http(request) = &members.source else {
        return None;
    };
    let answer = ask(client, scene, pod, &scene.request(request, pod, None)?).await?;
    let mut variables = scene.variables(pod);
    variables.extend(read(&answer));
    as_texts(&members.expression.evaluate(&variables)?)
}

/// What is to be sent, in order: one request, or one for each item that the recipient tells of at this moment.
async fn requests(client: &Client, scene: &Scene<'_>, act: &ActPart, to: &Pod) -> Option<Vec<Rendered>> {
    let Some((question, items)) = &act.for_each else {
        return Some(vec![scene.request(&act.request, to, None)?]);
    };
    let answer = ask(client, scene, to, &scene.request(question, to, None)?).await?;
    let mut variables = scene.variables(to);
    variables.extend(read(&answer));
    let Value::List(items) = items.evaluate(&variables)? else {
        return None;
    };
    if items.len() > MAX_ITEMS {
        return None;
    }
    items
        .iter()
        .map(|item| scene.request(&act.request, to, Some(item)))
        .collect()
}

async fn send(client: &Client, scene: &Scene<'_>, act: &ActPart, to: &Pod, request: &Rendered) -> Reply {
    let credential = Client::credential(scene.profile.spec.member.credential.as_ref(), scene.cluster);
    let (Ok(credential), Ok(address)) = (credential, Client::address(to, scene.profile.port)) else {
        return Reply::Unclear;
    };
    match client.send(address, credential, request, act.timeout).await {
        Ok(answer) => classify(scene, act, to, &answer),
        // Whatever came of it, nobody told.
        Err(_) => Reply::Unclear,
    }
}

fn classify(scene: &Scene<'_>, act: &ActPart, to: &Pod, answer: &Answer) -> Reply {
    let mut variables = scene.variables(to);
    variables.extend(read(answer));
    let holds = |expression: &Expression| expression.evaluate(&variables).as_ref().and_then(as_bool) == Some(true);
    if act.refused.as_ref().is_some_and(holds) {
        return Reply::Refused;
    }
    let is_expected = act.ok.as_ref().map_or((200..300).contains(&answer.status), holds);
    if is_expected { Reply::Expected } else { Reply::Unclear }
}

fn read(answer: &Answer) -> Vec<(&'static str, Value)> {
    let status = ("status", Value::Int(i64::from(answer.status)));
    [Some(status), answer.json.clone().map(|json| ("json", json))]
        .into_iter()
        .flatten()
        .collect()
}

/// The answer of one pod to one question that is not part of a look; what is no success is none.
async fn ask(client: &Client, scene: &Scene<'_>, pod: &Pod, request: &Rendered) -> Option<Answer> {
    let answer = ask_member(client, scene, pod.ordinal, request).await.ok()?;
    (200..300).contains(&answer.status).then_some(answer)
}
