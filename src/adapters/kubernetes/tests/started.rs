//! What is started with a cluster, beside the watches.

use std::time::Duration;

use super::super::lease::LeaseSettings;
use super::leases::Leases;
use super::objects::{scalable, workload};
use super::scripted::{Answer, Objects, client};
use super::watching::Watching;
use crate::domain::autoscaler::WorkloadKind::Deployment;
use crate::ports::announcer::Announcement;

#[tokio::test(start_paused = true)]
async fn an_election_and_an_announcer_live_as_long_as_the_cluster() {
    let (objects, leases) = (Objects::default(), Leases::default());
    objects.put("deployments", scalable("web", "the-uid", 3));
    let (client, log) = client({
        let (objects, leases) = (objects.clone(), leases.clone());
        move |asked| match &asked.path {
            path if path.contains("/leases") => leases.answer(asked),
            path if path.ends_with("/events") => Answer::Json(201, asked.body.clone()),
            _ => objects.answer(asked),
        }
    });
    let watching = Watching::start_with(objects, client, log);
    watching.settle().await;
    let election = watching.cluster.election(LeaseSettings::new("system", "leader", "a"));
    let announcer = watching.cluster.announcer("a");
    let announcement = |kind, name: &str| Announcement {
        workload: (workload(kind, name), None),
        object: None,
        warning: false,
        reason: "SuccessfulRescale",
        action: "Scale",
        note: "New size: 3".to_owned(),
    };
    announcer.announce(announcement(Deployment, "web"));
    announcer.announce(announcement(Deployment, "gone"));
    watching.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(election.claim().borrow().ours_until, None, "it knows nothing yet");
    election.stand(true);
    watching.clock.sleep(Duration::from_millis(100)).await;
    assert_eq!(&*election.identity(), "a");
    let claim = election.claim().borrow().clone();
    assert!(claim.ours_until > Some(watching.clock.steady()) && leases.holder() == "a", "{claim:?}");
    let events: Vec<_> = watching.log.all().into_iter().filter(|asked| asked.path.ends_with("/events")).collect();
    let uids: Vec<_> = events.iter().map(|event| event.body["regarding"]["uid"].as_str()).collect();
    assert_eq!(uids, [Some("the-uid"), None], "what is not known is looked up, as kubectl needs it");

    watching.cluster.stop().await;
    let asked = watching.log.all().len();
    announcer.announce(announcement(Deployment, "web"));
    watching.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(watching.log.all().len(), asked);
    assert!(election.claim().borrow().ours_until.is_none_or(|until| until < watching.clock.steady()));
}
