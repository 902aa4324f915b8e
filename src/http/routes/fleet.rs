//! All autoscalers at a glance.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, ServiceConfig, resource};
use serde::Deserialize;

use super::{get, only, query};
use crate::actors::fleet::{Attention, Filter, Order};
use crate::actors::snapshot::Status;
use crate::http::error::ApiError;
use crate::http::pulse;
use crate::http::state::HttpState;
use crate::http::wire::FleetBody;

/// How many rows there are when nobody says how many.
const USUAL_ROWS: usize = 100;

/// How many rows there are at most.
const MOST_ROWS: usize = 1_000;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/fleet").route(get().to(fleet)).default_service(only("GET, HEAD")));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetQuery {
    namespace: Option<String>,
    status: Option<String>,
    attention: Option<String>,
    text: Option<String>,
    sort: Option<String>,
    offset: Option<String>,
    limit: Option<String>,
}

/// `GET /fleet`
async fn fleet(state: Data<HttpState>, request: HttpRequest) -> Result<Json<FleetBody>, ApiError> {
    let query = query::<FleetQuery>(&request)?;
    let rows = query.rows()?;
    let order = one_of("sort", query.sort.as_deref(), &Order::ALL, Order::as_str)?.unwrap_or_default();
    let filter = Filter {
        status: one_of("status", query.status.as_deref(), &Status::ALL, Status::as_str)?,
        attention: one_of("attention", query.attention.as_deref(), &Attention::ALL, Attention::as_str)?,
        namespace: query.namespace.filter(|namespace| !namespace.is_empty()),
        text: query.text.filter(|text| !text.is_empty()),
    };
    let fleet = pulse::fleet(&state).await?;
    let summary = pulse::summary(&state, &fleet).await?;
    let namespaces = fleet.namespaces();
    let found = fleet.find(&filter, order);
    Ok(Json(FleetBody::new(summary, namespaces, &found, rows, state.brake.mode(), state.clock.now())))
}

impl FleetQuery {
    /// From which row on, and how many.
    fn rows(&self) -> Result<(usize, usize), ApiError> {
        let offset = self.offset.as_deref().map_or(Ok(0), |text| {
            text.parse().map_err(|_| ApiError::validation("offset must be a whole number of at least 0"))
        })?;
        let limit = super::limit(self.limit.clone())?.unwrap_or(USUAL_ROWS);
        if limit > MOST_ROWS {
            return Err(ApiError::validation(format!("limit must be at most {MOST_ROWS}")));
        }
        Ok((offset, limit))
    }
}

/// The value with this name, which must be one of `all`. An empty text is as good as none.
fn one_of<T: Copy>(
    field: &str,
    text: Option<&str>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let known = all.iter().copied().find(|value| name(*value) == text);
    known.map(Some).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
        ApiError::validation(format!("{field} must be one of {}", names.join(", ")))
    })
}
