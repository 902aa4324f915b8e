//! Whose a token is, and what they may do, as the API server says it.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::api::PostParams;
use kube::{Api, Resource};
use secrecy::{ExposeSecret, SecretString};

use super::calls::Calls;
use super::custom_resource::WorkloadAutoscaler;
use crate::domain::access::{Deed, User};
use crate::ports::reviewer::AccessReviewer;
use crate::ports::{ClusterError, PortFuture};

/// Whom the API server takes for somebody who has not said who they are.
const ANONYMOUS: &str = "system:anonymous";

/// What tells the tokens of one user apart. It says nothing of what they may do, so that the answers for one hold for all.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// Asks the API server.
pub(super) struct Reviews {
    calls: Calls,
    /// Whom tokens must be meant for; the API server's own audience when empty.
    audiences: Vec<String>,
}

impl Reviews {
    pub(super) fn new(calls: Calls, audiences: Vec<String>) -> Self {
        Self { calls, audiences }
    }
}

impl AccessReviewer for Reviews {
    fn who(&self, token: SecretString) -> PortFuture<Result<Option<User>, ClusterError>> {
        let (calls, audiences) = (self.calls.clone(), self.audiences.clone());
        async move {
            let spec = TokenReviewSpec {
                token: Some(token.expose_secret().to_owned()),
                audiences: (!audiences.is_empty()).then(|| audiences.clone()),
            };
            let review = TokenReview { spec, ..TokenReview::default() };
            let api: Api<TokenReview> = Api::all(calls.client());
            let answer = calls.run(async { api.create(&PostParams::default(), &review).await }).await?;
            Ok(user(answer.status.unwrap_or_default(), &audiences))
        }
        .boxed()
    }

    fn may(&self, user: &User, deed: &Deed) -> PortFuture<Result<bool, ClusterError>> {
        let (calls, spec) = (self.calls.clone(), question(user, deed));
        async move {
            let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
            let api: Api<SubjectAccessReview> = Api::all(calls.client());
            let answer = calls.run(async { api.create(&PostParams::default(), &review).await }).await?;
            Ok(is_allowed(answer.status))
        }
        .boxed()
    }
}

/// The user of an authenticated token. An API server that knows nothing of audiences does not repeat any, and must not be
/// taken to have checked them (`TokenReviewStatus.audiences`).
fn user(status: TokenReviewStatus, audiences: &[String]) -> Option<User> {
    let authenticated = status.authenticated == Some(true) && status.error.unwrap_or_default().is_empty();
    let meant_for = status.audiences.unwrap_or_default();
    let is_for_us = audiences.is_empty() || audiences.iter().any(|audience| meant_for.contains(audience));
    let UserInfo { username, uid, groups, extra } = status.user?;
    // A token that says nothing of its owner is none.
    let name = username.filter(|name| !name.is_empty() && name != ANONYMOUS)?;
    let mut extra = extra.unwrap_or_default();
    extra.remove(CREDENTIAL);
    (authenticated && is_for_us).then(|| User {
        name,
        uid: uid.filter(|uid| !uid.is_empty()),
        groups: groups.unwrap_or_default(),
        extra,
    })
}

/// `denied` says that no other authorizer may allow it either, so it wins.
fn is_allowed(status: Option<SubjectAccessReviewStatus>) -> bool {
    status.is_some_and(|status| status.allowed && status.denied != Some(true))
}

fn question(user: &User, deed: &Deed) -> SubjectAccessReviewSpec {
    let path = match deed {
        Deed::ReadMetrics => {
            Some(NonResourceAttributes { path: Some("/metrics".to_owned()), verb: Some("get".to_owned()) })
        }
        _ => None,
    };
    SubjectAccessReviewSpec {
        user: Some(user.name.clone()),
        uid: user.uid.clone(),
        groups: Some(user.groups.clone()),
        extra: Some(user.extra.clone()).filter(|extra: &BTreeMap<_, _>| !extra.is_empty()),
        resource_attributes: resource(deed),
        non_resource_attributes: path,
    }
}

fn resource(deed: &Deed) -> Option<ResourceAttributes> {
    let given = |text: &str| Some(text.to_owned());
    // An empty namespace is all of them.
    let attributes = match deed {
        Deed::Autoscalers { verb, namespace, name } => ResourceAttributes {
            group: given(&WorkloadAutoscaler::group(&())),
            resource: given(&WorkloadAutoscaler::plural(&())),
            verb: given(verb.as_str()),
            namespace: namespace.clone(),
            name: name.clone(),
            ..ResourceAttributes::default()
        },
        Deed::Scale { kind, workload } => {
            let (namespace, name) = workload.clone().unzip();
            ResourceAttributes {
                group: given("apps"),
                resource: given(kind.plural()),
                subresource: given("scale"),
                verb: given("update"),
                namespace,
                name,
                ..ResourceAttributes::default()
            }
        }
        Deed::ListPods => listed("pods"),
        Deed::ListNodes => listed("nodes"),
        Deed::ReadMetrics => return None,
    };
    Some(attributes)
}

fn listed(resource: &str) -> ResourceAttributes {
    ResourceAttributes {
        group: Some(String::new()),
        resource: Some(resource.to_owned()),
        verb: Some("list".to_owned()),
        ..ResourceAttributes::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Verb;
    use crate::domain::autoscaler::WorkloadKind;

    fn status(authenticated: bool, name: &str, audiences: &[&str]) -> TokenReviewStatus {
        TokenReviewStatus {
            authenticated: Some(authenticated),
            audiences: Some(audiences.iter().map(|&audience| audience.to_owned()).collect()),
            user: Some(UserInfo { username: Some(name.to_owned()), ..UserInfo::default() }),
            error: None,
        }
    }

    #[test]
    fn only_an_authenticated_token_that_is_meant_for_this_service_is_somebodys() {
        let ours = ["orchestrator".to_owned()];
        assert_eq!(user(status(true, "alice", &[]), &[]).unwrap().name, "alice");
        assert_eq!(user(status(true, "alice", &["orchestrator", "other"]), &ours).unwrap().name, "alice");
        assert_eq!(user(status(true, "alice", &["other"]), &ours), None);
        assert_eq!(user(status(true, "alice", &[]), &ours), None, "an API server that does not know audiences");
        assert_eq!(user(status(false, "alice", &[]), &[]), None);
        assert_eq!(user(status(true, "", &[]), &[]), None);
        assert_eq!(user(TokenReviewStatus::default(), &[]), None);
        assert_eq!(user(status(true, "system:anonymous", &[]), &[]), None);
        let with_error = TokenReviewStatus { error: Some("expired".to_owned()), ..status(true, "alice", &[]) };
        assert_eq!(user(with_error, &[]), None);
    }

    #[test]
    fn what_the_cluster_says_of_a_user_is_asked_with_but_for_what_tells_tokens_apart() {
        let pod = ("authentication.kubernetes.io/pod-name".to_owned(), vec!["robot-0".to_owned()]);
        let credential = (CREDENTIAL.to_owned(), vec!["JTI=1".to_owned()]);
        let info = UserInfo {
            username: Some("robot".to_owned()),
            uid: Some("1-2-3".to_owned()),
            groups: Some(vec!["system:serviceaccounts".to_owned()]),
            extra: Some([pod.clone(), credential].into()),
        };
        let robot = user(TokenReviewStatus { user: Some(info), ..status(true, "robot", &[]) }, &[]).unwrap();
        let asked = serde_json::to_value(question(&robot, &Deed::ListPods)).unwrap();
        assert_eq!(asked["uid"], "1-2-3");
        assert_eq!(asked["groups"], serde_json::json!(["system:serviceaccounts"]));
        assert_eq!(asked["extra"], serde_json::json!({pod.0: pod.1}));
    }

    #[test]
    fn a_denial_wins() {
        let answer = |allowed, denied| SubjectAccessReviewStatus { allowed, denied, ..Default::default() };
        assert!(is_allowed(Some(answer(true, None))) && is_allowed(Some(answer(true, Some(false)))));
        assert!(!is_allowed(Some(answer(true, Some(true)))) && !is_allowed(Some(answer(false, None))));
        assert!(!is_allowed(None));
    }

    #[test]
    fn each_deed_is_asked_about_as_the_cluster_would_ask_itself() {
        let alice = User { name: "alice".to_owned(), groups: vec!["devs".to_owned()], ..User::default() };
        let asked = |deed: &Deed| serde_json::to_value(question(&alice, deed)).unwrap();
        let patch = asked(&Deed::with_one(Verb::Patch, "shop", "hpa-web"));
        assert_eq!(
            patch,
            serde_json::json!({
                "user": "alice", "groups": ["devs"],
                "resourceAttributes": {
                    "group": "ai-storage.io", "resource": "workloadautoscalers", "verb": "patch",
                    "namespace": "shop", "name": "hpa-web",
                },
            })
        );
        let all = asked(&Deed::everywhere(Verb::List));
        assert_eq!(all["resourceAttributes"]["namespace"], serde_json::Value::Null);
        let scale =
            Deed::Scale { kind: WorkloadKind::StatefulSet, workload: Some(("shop".to_owned(), "db".to_owned())) };
        assert_eq!(
            asked(&scale)["resourceAttributes"],
            serde_json::json!({
                "group": "apps", "resource": "statefulsets", "subresource": "scale", "verb": "update",
                "namespace": "shop", "name": "db",
            })
        );
        let metrics = asked(&Deed::ReadMetrics);
        assert_eq!(metrics["nonResourceAttributes"], serde_json::json!({"path": "/metrics", "verb": "get"}));
        assert_eq!(metrics["resourceAttributes"], serde_json::Value::Null);
        assert_eq!(asked(&Deed::ListNodes)["resourceAttributes"]["resource"], "nodes");
    }
}
