//! What happens, as it happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::{self, Bytes, Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::{IntoParams, OpenApi};

use super::{only, query, scope};
use crate::actors::fleet::Member;
use crate::actors::registry_handle::RegistryError;
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::namespaces::NamespaceScope;
use crate::http::asker::Asker;
use crate::http::error::ApiError;
use crate::http::followers::FollowersPlace;
use crate::http::gate::bearer_token;
use crate::http::openapi::{BadParameters, TooManyFollowers};
use crate::http::pulse;
use crate::http::server_sent::{KEEP_ALIVE, event};
use crate::http::state::HttpState;
use crate::http::wire::{EventBody, FleetSummaryBody, RowBody};

/// How many autoscalers can be watched at once.
const MOST_IDS: usize = 200;

/// How often watched autoscalers are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// After so many looks without anything to tell a sign of life is sent.
const QUIET: u32 = 15;

/// The description of this path; a program cannot tell from the type of a stream what its events are.
#[derive(OpenApi)]
#[openapi(paths(events), components(schemas(FleetSummaryBody, RowBody, EventBody)))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/events").route(web::get().to(events)).default_service(only("GET")));
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// The autoscalers whose rows to watch, with commas between them; 200 at most.
    #[param(nullable = false, example = "autoscaler-08a469ac,autoscaler-03e59e11")]
    ids: Option<String>,
    /// The id of the last event that is known, as the header `Last-Event-ID` may say as well: what came after it is sent.
    #[param(nullable = false)]
    last_event_id: Option<String>,
}

/// What happens, as it happens
///
/// A stream of server-sent events that has no end. `fleet`: a `FleetSummary`, at once and when it changes. `row`: a
/// `FleetRow` of a watched autoscaler, likewise. `action`, with an id: an `Event`. `reset`: something was missed that is not kept
/// any more, load everything anew.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "followEvents", tag = "autoscalers", params(EventsQuery),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        BadParameters, TooManyFollowers,
    ),
)]
async fn events(state: Data<HttpState>, asker: Asker, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let EventsQuery { ids, last_event_id } = query(&request)?;
    let ids: Vec<_> = ids.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty()).collect();
    if ids.len() > MOST_IDS {
        return Err(ApiError::validation(format!("ids can name {MOST_IDS} autoscalers at most")));
    }
    let place = state.followers.join(asker.name()).map_err(ApiError::too_many_followers)?;
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let last_known = last_event_id.as_deref().or(header);
    let scope = scope(&state, &asker, None).await?;
    let token = bearer_token(request.headers());
    let mut follower = Follower::new(state.clone(), Sight { token, scope }, place, last_known);
    follower.begin(&ids).await?;
    let frames = stream::unfold(follower, |follower| async { follower.next().await });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // What is compressed is held back until there is more of it.
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(frames))
}

/// Who follows, and what they may see.
struct Sight {
    token: Option<SecretString>,
    scope: NamespaceScope,
}

impl Sight {
    /// Whether they may see something of a namespace.
    fn shows(&self, namespace: &str) -> bool {
        self.scope.contains(namespace)
    }

    /// The same as it is now; `None` when nobody knows them any more.
    async fn renewed(&self, state: &HttpState) -> Option<Self> {
        let caller = state.access.who(self.token.clone()).await.ok()?;
        let asker = Asker::new(caller, state.access.clone());
        let scope = scope(state, &asker, None).await.ok()?;
        Some(Self { token: self.token.clone(), scope })
    }
}

/// Somebody who is told what happens.
struct Follower {
    state: Data<HttpState>,
    sight: Sight,
    _place: FollowersPlace,
    journal: watch::Receiver<u64>,
    fleet: watch::Receiver<Option<FleetSummaryBody>>,
    /// The figures that were told last.
    last_summary: Option<FleetSummaryBody>,
    /// The number of the last event that was told.
    told: u64,
    watched: Vec<Watched>,
    looks: Interval,
    /// How often there was nothing to tell.
    quiet: u32,
    /// What is to be sent.
    frames: VecDeque<Bytes>,
}

struct Watched {
    record: Arc<AutoscalerRecord>,
    /// The version that was told.
    told: Option<u64>,
}

impl Follower {
    /// A follower who knows all events up to `last_known`; only what happens from now on when that is absent.
    fn new(state: Data<HttpState>, sight: Sight, place: FollowersPlace, last_known: Option<&str>) -> Self {
        let journal = state.journal.follow();
        let latest = *journal.borrow();
        let mut frames = VecDeque::new();
        let told = match last_known.map(|id| number_in(id, state.life)) {
            None => latest,
            Some(Some(number)) => number,
            Some(None) => {
                frames.push_back(reset(state.life, latest));
                latest
            }
        };
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let fleet = state.pulse.subscribe();
        let watched = Vec::new();
        let last_summary = None;
        Self { state, sight, _place: place, journal, fleet, last_summary, told, watched, looks, quiet: 0, frames }
    }

    /// What everybody is told at the beginning.
    async fn begin(&mut self, ids: &[&str]) -> Result<(), ApiError> {
        for id in ids {
            self.watched.extend(self.state.registry.get(id)?.map(|record| Watched { record, told: None }));
        }
        self.take_events();
        let summary = self.own_summary()?;
        // With the number from which on events follow, for a client that is cut off before the first.
        self.frames.push_back(event("fleet", Some(&id_of(self.state.life, self.told)), &summary));
        self.last_summary = Some(summary);
        self.take_rows();
        Ok(())
    }

    /// The figures over what they may see.
    fn own_summary(&self) -> Result<FleetSummaryBody, RegistryError> {
        let fleet = pulse::fleet(&self.state, &self.sight.scope)?;
        pulse::summary(&self.state, &self.sight.scope, &fleet)
    }

    /// Takes the figures that have changed: those over all autoscalers are made once for everybody.
    fn take_summary(&mut self) {
        let summary = match self.sight.scope {
            NamespaceScope::All => self.fleet.borrow_and_update().clone(),
            // A registry that is busy now has figures in a second.
            NamespaceScope::Only(_) => self.own_summary().ok(),
        };
        if let Some(summary) = summary.filter(|summary| self.last_summary.as_ref() != Some(summary)) {
            self.frames.push_back(event("fleet", None, &summary));
            self.last_summary = Some(summary);
        }
    }

    /// Looks who follows and what they may see, before they are told anything: a stream must not outlive a right. What is
    /// remembered of them costs nothing. `None` when they may not follow any more.
    async fn look_again(&mut self) -> Option<()> {
        self.sight = self.sight.renewed(&self.state).await?;
        Some(())
    }

    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                self.quiet = 0;
                return Some((Ok(frame), self));
            }
            // Who sees some namespaces only is asked about each of them, which is done once a second and not for each event.
            let sees_all = self.sight.scope == NamespaceScope::All;
            tokio::select! {
                () = self.state.stopping.cancelled() => return None,
                alive = self.journal.changed(), if sees_all => {
                    alive.ok()?;
                    self.look_again().await?;
                    self.take_events();
                }
                alive = self.fleet.changed(), if sees_all => {
                    alive.ok()?;
                    self.look_again().await?;
                    self.take_summary();
                }
                _ = self.looks.tick() => {
                    self.look_again().await?;
                    self.take_events();
                    self.take_rows();
                    self.take_summary();
                    self.quiet += 1;
                    if self.frames.is_empty() && self.quiet >= QUIET {
                        self.frames.push_back(KEEP_ALIVE);
                    }
                }
            }
        }
    }

    fn take_events(&mut self) {
        self.journal.mark_unchanged();
        let life = self.state.life;
        match self.state.journal.since(self.told) {
            Ok(events) => {
                for (number, what) in events {
                    self.told = number;
                    if !self.sight.shows(&what.workload.namespace) {
                        continue;
                    }
                    self.frames.push_back(event("action", Some(&id_of(life, number)), &EventBody::from(&*what)));
                }
            }
            Err(_missed) => {
                self.told = *self.journal.borrow_and_update();
                self.frames.push_back(reset(life, self.told));
            }
        }
    }

    fn take_rows(&mut self) {
        self.watched.retain(|watched| !watched.record.is_deleted());
        let (mode, now) = (self.state.brake.mode(), self.state.clock.now());
        for watched in self.watched.iter_mut().filter(|watched| self.sight.shows(&watched.record.workload.namespace)) {
            let version = watched.record.version();
            if watched.told.replace(version) != Some(version) {
                let row = RowBody::new(&Member::new(watched.record.clone()), mode, now);
                self.frames.push_back(event("row", None, &row));
            }
        }
    }
}

/// The client has to load everything anew.
fn reset(life: i64, number: u64) -> Bytes {
    event("reset", Some(&id_of(life, number)), &json!({}))
}

/// Numbers begin anew with each life of the service, so the life is part of an event's id.
fn id_of(life: i64, number: u64) -> String {
    format!("{life:x}-{number}")
}

/// The number in an event's id; `None` when it is of another life, or no id.
fn number_in(id: &str, life: i64) -> Option<u64> {
    let (of, number) = id.split_once('-')?;
    (i64::from_str_radix(of, 16).ok()? == life).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_again_in_the_same_life_only() {
        assert_eq!(number_in(&id_of(1_800_000_000_123, 42), 1_800_000_000_123), Some(42));
        assert_eq!(number_in(&id_of(1_800_000_000_124, 42), 1_800_000_000_123), None);
        for id in ["", "-", "x-1", "1", "1a5-", "1a5-x", "1a5--1"] {
            assert_eq!(number_in(id, 0x1a5), None, "{id}");
        }
    }
}
