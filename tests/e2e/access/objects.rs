//! The same callers beside the service, as with `kubectl`: the API server's roles and the admission policy decide.

use std::fmt;

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use rstest::rstest;
use serde_json::{Value, json};

use super::callers::Caller;
use super::questions::Place::{self, Bank, Shop};
use super::stage::{WEB, object, stage};
use crate::definitions::objects;

/// Something that can be done with objects.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Create(Place, &'static str),
    /// Of what is wanted.
    Change(Place),
    /// Of the annotation that resumes an autoscaler which has left its workload to somebody else.
    ResumedAt(Place),
    /// Of the label with its id.
    Id(Place),
    /// Of a label that means nothing to the service.
    Label(Place),
    /// With an id of one's own choice.
    CreateWithId(Place),
    /// Of who made it, and who changed it.
    CreateInTheNameOf(Place),
    ChangeInTheNameOf(Place),
    RulesInTheNameOf(Place),
    Status(Place),
    Delete(Place),
}

use Deed::*;

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Refused by the roles.
    NoRole,
    /// Refused by the admission policy.
    NoScale,
}

use Outcome::{Done as YES, NoRole as __R, NoScale as __P};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "yes",
            Self::NoRole => "role",
            Self::NoScale => "policy",
        })
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Create(place, kind) => write!(f, "create, {kind}, {place}"),
            Change(place) => write!(f, "change `spec`, {place}"),
            ResumedAt(place) => write!(f, "set `resumed-at`, {place}"),
            Id(place) => write!(f, "set `autoscaling-id`, {place}"),
            Label(place) => write!(f, "set another label, {place}"),
            CreateWithId(place) => write!(f, "create with `autoscaling-id`, {place}"),
            CreateInTheNameOf(place) => write!(f, "create with `created-by`, {place}"),
            ChangeInTheNameOf(place) => write!(f, "set `changed-by`, {place}"),
            RulesInTheNameOf(place) => write!(f, "set `rules-by`, {place}"),
            Status(place) => write!(f, "change `status`, {place}"),
            Delete(place) => write!(f, "delete, {place}"),
        }
    }
}

/// What comes of it for each caller, in the order of [`Caller::ALL`].
#[rustfmt::skip]
pub const MATRIX: &[(Deed, [Outcome; 10])] = &[
    //                             outsider
    //                             |    viewer of the shop
    //                             |    |    editor of the shop
    //                             |    |    |    writer of the shop, who may not scale
    //                             |    |    |    |    scaler of the shop, without autoscalers
    //                             |    |    |    |    |    deployer: a writer who may scale Deployments
    //                             |    |    |    |    |    |    operator
    //                             |    |    |    |    |    |    |    scraper
    //                             |    |    |    |    |    |    |    |    alice: edits the shop, views the bank
    //                             |    |    |    |    |    |    |    |    |    administrator
    (Create(Shop, "Deployment"),  [__R, __R, YES, __P, __R, YES, __R, __R, YES, YES]),
    (Create(Shop, "StatefulSet"), [__R, __R, YES, __P, __R, __P, __R, __R, YES, YES]),
    (Create(Shop, "ReplicaSet"),  [__R, __R, YES, __P, __R, __P, __R, __R, YES, YES]),
    (Create(Bank, "Deployment"),  [__R, __R, __R, __R, __R, __R, __R, __R, __R, YES]),
    (Change(Shop),                [__R, __R, YES, __P, __R, YES, YES, __R, YES, YES]),
    (Change(Bank),                [__R, __R, __R, __R, __R, __R, YES, __R, __R, YES]),
    (ResumedAt(Shop),             [__R, __R, YES, __P, __R, YES, YES, __R, YES, YES]),
    (Id(Shop),                    [__R, __R, __P, __P, __R, __P, __P, __R, __P, YES]),
    (Label(Shop),                 [__R, __R, YES, YES, __R, YES, YES, __R, YES, YES]),
    (CreateWithId(Shop),          [__R, __R, __P, __P, __R, __P, __R, __R, __P, YES]),
    (CreateInTheNameOf(Shop),     [__R, __R, __P, __P, __R, __P, __R, __R, __P, YES]),
    (ChangeInTheNameOf(Shop),     [__R, __R, __P, __P, __R, __P, __P, __R, __P, YES]),
    (RulesInTheNameOf(Shop),      [__R, __R, __P, __P, __R, __P, __P, __R, __P, YES]),
    (Status(Shop),                [__R, __R, __R, __R, __R, __R, __R, __R, __R, YES]),
    (Delete(Shop),                [__R, __R, YES, YES, __R, YES, __R, __R, YES, YES]),
    (Delete(Bank),                [__R, __R, __R, __R, __R, __R, __R, __R, __R, YES]),
];

impl Deed {
    fn place(self) -> Place {
        match self {
            Create(place, _) | Change(place) | ResumedAt(place) | Id(place) | Label(place) => place,
            CreateWithId(place) | CreateInTheNameOf(place) | ChangeInTheNameOf(place) => place,
            RulesInTheNameOf(place) | Status(place) | Delete(place) => place,
        }
    }

    /// Tries it, without anything being kept.
    async fn tried(self, objects: &Api<DynamicObject>, name: &str) -> Result<(), kube::Error> {
        let trying = PostParams { dry_run: true, ..PostParams::default() };
        let patching = PatchParams { dry_run: true, ..PatchParams::default() };
        let patched = async |patch: Value| objects.patch(name, &patching, &Patch::Merge(patch)).await.map(|_| ());
        let annotated =
            |key: &str, value: &str| json!({"metadata": {"annotations": {format!("ai-storage.io/{key}"): value}}});
        match self {
            Create(_, kind) => objects.create(&trying, &object("tried", kind, "spare")).await.map(|_| ()),
            Change(_) => patched(json!({"spec": {"max_replicas": 30}})).await,
            ResumedAt(_) => patched(annotated("resumed-at", "2026-01-02T03:04:05.678Z")).await,
            Id(_) => {
                let labels = json!({"ai-storage.io/autoscaling-id": "autoscaler-00000000"});
                patched(json!({"metadata": {"labels": labels}})).await
            }
            Label(_) => patched(json!({"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}})).await,
            CreateWithId(_) => {
                let mut new = object("tried", "Deployment", "spare");
                let labels = [("ai-storage.io/autoscaling-id".to_owned(), "autoscaler-00000000".to_owned())];
                new.metadata.labels = Some(labels.into());
                objects.create(&trying, &new).await.map(|_| ())
            }
            CreateInTheNameOf(_) => {
                let mut new = object("tried", "Deployment", "spare");
                let annotations = [("ai-storage.io/created-by".to_owned(), "somebody".to_owned())];
                new.metadata.annotations = Some(annotations.into());
                objects.create(&trying, &new).await.map(|_| ())
            }
            ChangeInTheNameOf(_) => patched(annotated("changed-by", "1 somebody")).await,
            RulesInTheNameOf(_) => patched(annotated("rules-by", "1 somebody")).await,
            Status(_) => {
                let patch = Patch::Merge(json!({"status": {"currentReplicas": 3}}));
                objects.patch_status(name, &patching, &patch).await.map(|_| ())
            }
            Delete(_) => {
                let deleting = DeleteParams { dry_run: true, ..DeleteParams::default() };
                objects.delete(name, &deleting).await.map(|_| ())
            }
        }
    }

    async fn outcome(self, objects: &Api<DynamicObject>, name: &str) -> Outcome {
        match self.tried(objects, name).await {
            Ok(()) => Outcome::Done,
            Err(kube::Error::Api(status)) => {
                assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"), "{status:?}");
                let by_policy = status.message.contains("ValidatingAdmissionPolicy 'ai-storage-orchestrator'");
                if by_policy { Outcome::NoScale } else { Outcome::NoRole }
            }
            Err(error) => panic!("{self}: {error}"),
        }
    }
}

#[rstest]
#[case::outsider(Caller::Outsider)]
#[case::viewer(Caller::Viewer)]
#[case::editor(Caller::Editor)]
#[case::writer(Caller::Writer)]
#[case::scaler(Caller::Scaler)]
#[case::deployer(Caller::Deployer)]
#[case::operator(Caller::Operator)]
#[case::scraper(Caller::Scraper)]
#[case::alice(Caller::Alice)]
#[case::administrator(Caller::Administrator)]
#[tokio::test]
async fn each_user_may_do_with_objects_what_the_table_says(#[case] caller: Caller) {
    let stage = stage().await;
    let client = stage.kubernetes(caller).await;
    let column = Caller::ALL.iter().position(|one| *one == caller).unwrap();
    let mut wrong = Vec::new();
    for (deed, outcomes) in MATRIX {
        let namespace = deed.place().namespace();
        let of_web = &stage.autoscaler(namespace).object;
        let outcome = deed.outcome(&objects(client.clone(), namespace), of_web).await;
        if outcome != outcomes[column] {
            wrong.push(format!("{deed}: {outcome} and not {}", outcomes[column]));
        }
    }
    assert!(wrong.is_empty(), "{}, with the object of {WEB}:\n{}", caller.name(), wrong.join("\n"));
}
