use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};

use super::super::calls::Calls;
use super::super::events::EventAnnouncer;
use super::super::index::Index;
use super::objects::workload;
use super::scripted::{Answer, Asked, Log, client};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::autoscaler::WorkloadKind::StatefulSet;
use crate::instruments::Instruments;
use crate::ports::announcer::{Announcement, Announcer};
use crate::ports::store::{ObjectKey, ObjectRef};

const PATH: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

struct Announcing {
    announcer: EventAnnouncer,
    log: Log,
    clock: Clock,
    instruments: Arc<Instruments>,
}

impl Announcing {
    fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let (client, log) = client(script);
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH + TimeDelta::days(20_000), 1.0);
        let instruments = Arc::new(Instruments::default());
        let calls = Calls::new(client, Duration::from_secs(5));
        let (announcer, work) =
            EventAnnouncer::new(calls, Arc::new(Index::new()), clock, instruments.clone(), "host-1");
        tokio::spawn(work);
        Self { announcer, log, clock, instruments }
    }

    /// On an API server that keeps what it is told.
    fn start_well() -> (Self, Events) {
        let events = Events::default();
        let announcing = Self::start({
            let events = events.clone();
            move |asked| events.answer(asked)
        });
        (announcing, events)
    }

    fn tell(&self, note: &str) {
        self.announcer.announce(announcement(note));
    }

    async fn seconds(&self, seconds: f64) {
        self.clock.sleep(Duration::from_secs_f64(seconds)).await;
    }

    fn dropped(&self) -> u64 {
        self.instruments.dropped_events()
    }
}

/// The Events that were written, by name.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Value>>>);

impl Events {
    fn all(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let mut events = self.0.lock().unwrap();
        if asked.method == Method::POST {
            events.push(asked.body.clone());
            return Answer::Json(201, asked.body.clone());
        }
        let name = asked.path.rsplit('/').next().unwrap();
        match events.iter_mut().find(|event| event["metadata"]["name"] == name) {
            Some(event) => {
                event["series"] = asked.body["series"].clone();
                Answer::ok(event.clone())
            }
            None => Answer::not_found(name),
        }
    }
}

fn announcement(note: &str) -> Announcement {
    Announcement {
        workload: (workload(StatefulSet, "web"), Some("web-uid".into())),
        object: None,
        warning: false,
        reason: "SuccessfulRescale",
        action: "Scale",
        note: note.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_announcement_is_an_event_of_the_workload_and_one_of_the_autoscalers_object() {
    let (announcing, events) = Announcing::start_well();
    let key = ObjectKey { namespace: "default".to_owned(), name: "hpa-web-0".to_owned() };
    let object = Some(ObjectRef { key, uid: "object-uid".into() });
    announcing.announcer.announce(Announcement { object, warning: true, ..announcement("New size: 5") });
    announcing.seconds(1.0).await;
    assert_eq!(announcing.log.lines(), [format!("POST {PATH}"), format!("POST {PATH}")]);
    let [mut workload, mut object] = <[Value; 2]>::try_from(events.all()).unwrap();
    for (event, stem) in [(&mut workload, "web."), (&mut object, "hpa-web-0.")] {
        let name = event["metadata"]["name"].take();
        assert!(name.as_str().unwrap().starts_with(stem), "{name}");
    }
    let event = |regarding: Value| {
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": null, "namespace": "default"},
            "regarding": regarding,
            "type": "Warning", "reason": "SuccessfulRescale", "action": "Scale", "note": "New size: 5",
            "eventTime": "2024-10-04T00:00:00.000000Z",
            "reportingController": "ai-storage-orchestrator", "reportingInstance": "host-1",
        })
    };
    let regarding = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "default", "name": "web",
                           "uid": "web-uid"});
    assert_eq!(workload, event(regarding));
    let regarding = json!({"apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler",
                           "namespace": "default", "name": "hpa-web-0", "uid": "object-uid"});
    assert_eq!(object, event(regarding));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_counted_and_another_note_is_another_event() {
    let (announcing, events) = Announcing::start_well();
    for note in ["from 2 to 3", "from 3 to 2", "from 2 to 3", "from 2 to 3"] {
        announcing.tell(note);
        announcing.seconds(10.0).await;
    }
    let [first, second] = <[Value; 2]>::try_from(events.all()).unwrap();
    assert_eq!((&first["note"], &second["note"]), (&json!("from 2 to 3"), &json!("from 3 to 2")));
    assert_eq!(first["series"], json!({"count": 3, "lastObservedTime": "2024-10-04T00:00:30.000000Z"}));
    assert_eq!(second["series"], Value::Null);
    let last = announcing.log.all().pop().unwrap();
    assert_eq!((&last.method, last.content_type.as_str()), (&Method::PATCH, "application/merge-patch+json"));
    assert_eq!(last.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["series"], "the rest cannot be changed");

    announcing.seconds(400.0).await;
    announcing.tell("from 2 to 3");
    announcing.seconds(1.0).await;
    assert_eq!(events.all().len(), 3, "after a while it is told anew");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_was_deleted_is_told_anew() {
    let (announcing, events) = Announcing::start_well();
    announcing.tell("again");
    announcing.seconds(1.0).await;
    events.0.lock().unwrap().clear();
    announcing.tell("again");
    announcing.seconds(1.0).await;
    assert_eq!(events.all().len(), 1);
    assert_eq!(announcing.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn texts_that_are_too_long_are_cut() {
    let (announcing, events) = Announcing::start_well();
    let mut long = announcement(&"ä".repeat(1_000));
    long.workload.0.name = format!("{}.{}", "a".repeat(229), "b".repeat(23));
    announcing.announcer.announce(long);
    announcing.seconds(1.0).await;
    let [event] = <[Value; 1]>::try_from(events.all()).unwrap();
    let note = event["note"].as_str().unwrap();
    assert!((1_020..=1_024).contains(&note.len()) && note.ends_with("ä…"), "{}", note.len());
    let name = event["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 253 && !name.contains(".."), "{name}");
    assert_eq!(event["regarding"]["name"].as_str().unwrap().len(), 253);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_scalings_do_not_hurt_the_api_server() {
    let (announcing, events) = Announcing::start_well();
    for number in 0..10_000 {
        announcing.tell(&number.to_string());
    }
    assert_eq!(announcing.dropped(), 9_000);
    announcing.seconds(0.01).await;
    assert_eq!(events.all().len(), 50);
    announcing.seconds(10.0).await;
    assert!((245..=252).contains(&events.all().len()), "{}", events.all().len());
    announcing.seconds(60.0).await;
    assert_eq!(events.all().len(), 1_000);
    let names: HashSet<_> = events.all().into_iter().map(|event| event["metadata"]["name"].to_string()).collect();
    assert_eq!(names.len(), 1_000);
    announcing.tell("there is room again");
    announcing.seconds(1.0).await;
    assert_eq!((events.all().len(), announcing.dropped()), (1_001, 9_000));
}

#[tokio::test(start_paused = true)]
async fn an_event_has_the_time_at_which_it_was_told() {
    let (announcing, events) = Announcing::start_well();
    for number in 0..90 {
        announcing.tell(&number.to_string());
    }
    announcing.seconds(5.0).await;
    let events = events.all();
    assert_eq!(events.len(), 90);
    assert!(events.iter().all(|event| event["eventTime"] == "2024-10-04T00:00:00.000000Z"));
}

#[tokio::test(start_paused = true)]
async fn what_the_api_server_does_not_take_is_counted_and_not_repeated() {
    let well = Arc::new(AtomicBool::new(false));
    let announcing = Announcing::start({
        let (well, events) = (well.clone(), Events::default());
        move |asked| match well.load(Ordering::Relaxed) {
            true => events.answer(asked),
            false => Answer::status(403, "Forbidden", "events.events.k8s.io is forbidden"),
        }
    });
    announcing.tell("lost");
    announcing.seconds(1.0).await;
    assert_eq!((announcing.log.all().len(), announcing.dropped()), (1, 1));
    well.store(true, Ordering::Relaxed);
    announcing.tell("lost");
    announcing.seconds(1.0).await;
    assert_eq!(announcing.log.all().len(), 2);
    let last = announcing.log.all().pop().unwrap();
    assert_eq!((&last.method, announcing.dropped()), (&Method::POST, 1), "it is no repeat of one that is not there");
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_api_server_is_left_alone_as_long_as_it_asks() {
    let announcing = Announcing::start(|_| Answer::Text(429, "later", Some(7)));
    announcing.tell("a");
    announcing.tell("b");
    announcing.seconds(6.9).await;
    assert_eq!(announcing.log.all().len(), 1);
    announcing.seconds(0.2).await;
    assert_eq!(announcing.log.all().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_waited_for_by_one_request_at_a_time() {
    let announcing = Announcing::start(|_| Answer::Silence);
    for number in 0..2_000 {
        announcing.tell(&number.to_string());
    }
    announcing.seconds(30.0).await;
    assert!((4..=6).contains(&announcing.log.all().len()), "{}", announcing.log.all().len());
}
