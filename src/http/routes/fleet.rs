//! All autoscalers at a glance.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, ServiceConfig, resource};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{get, only, query, scope};
use crate::actors::fleet::{Attention, Filter, Order};
use crate::actors::snapshot::Status;
use crate::http::asker::Asker;
use crate::http::error::ApiError;
use crate::http::openapi::{BadParameters, Busy};
use crate::http::pulse;
use crate::http::state::HttpState;
use crate::http::wire::FleetBody;

/// How many rows there are when nobody says how many.
const USUAL_ROWS: usize = 100;

/// How many rows there are at most.
const MOST_ROWS: usize = 1_000;

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(fleet), components(schemas(Order)))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/fleet").route(get().to(fleet)).default_service(only("GET, HEAD")));
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FleetQuery {
    /// Only those of this namespace.
    #[param(nullable = false)]
    namespace: Option<String>,
    /// Only those with this status.
    #[param(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Only those that need this attention.
    #[param(value_type = Option<Attention>, nullable = false)]
    attention: Option<String>,
    /// Only those with this in their names.
    #[param(nullable = false)]
    text: Option<String>,
    /// In which order; by attention when absent.
    #[param(value_type = Option<Order>, nullable = false)]
    sort: Option<String>,
    /// How many to leave out.
    #[param(value_type = Option<u32>, nullable = false, minimum = 0)]
    offset: Option<String>,
    /// How many to show at most; 100 when absent.
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// All autoscalers at a glance
///
/// What needs attention first, page by page, with figures over all. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/api/v1/fleet", operation_id = "getFleet", tag = "autoscalers", params(FleetQuery),
    responses((status = 200, description = "A page of the fleet", body = FleetBody), BadParameters, Busy),
)]
async fn fleet(state: Data<HttpState>, asker: Asker, request: HttpRequest) -> Result<Json<FleetBody>, ApiError> {
    let query = query::<FleetQuery>(&request)?;
    let rows = query.rows()?;
    let order = one_of("sort", query.sort.as_deref(), &Order::ALL, Order::as_str)?.unwrap_or_default();
    let filter = Filter {
        status: one_of("status", query.status.as_deref(), &Status::ALL, Status::as_str)?,
        attention: one_of("attention", query.attention.as_deref(), &Attention::ALL, Attention::as_str)?,
        namespace: query.namespace.filter(|namespace| !namespace.is_empty()),
        text: query.text.filter(|text| !text.is_empty()),
    };
    let scope = scope(&state, &asker, filter.namespace.as_deref()).await?;
    let fleet = pulse::fleet(&state, &scope)?;
    let summary = pulse::summary(&state, &scope, &fleet)?;
    let namespaces = fleet.namespaces();
    let found = fleet.find(&filter, order);
    Ok(Json(FleetBody::new(summary, namespaces, &found, rows, state.brake.mode(), state.clock.now())))
}

impl FleetQuery {
    /// From which row on, and how many.
    fn rows(&self) -> Result<(usize, usize), ApiError> {
        let offset = self.offset.as_deref().map_or(Ok(0), |text| {
            super::number(text).ok_or_else(|| ApiError::validation("offset must be a whole number of at least 0"))
        })?;
        let limit = super::limit(self.limit.clone())?.unwrap_or(USUAL_ROWS);
        if limit > MOST_ROWS {
            return Err(ApiError::validation(format!("limit must be at most {MOST_ROWS}")));
        }
        Ok((offset, limit))
    }
}

/// The value with this name, which must be one of `all`.
fn one_of<T: Copy>(
    field: &str,
    text: Option<&str>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let known = all.iter().copied().find(|value| name(*value) == text);
    known.map(Some).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
        ApiError::validation(format!("{field} must be one of {}", names.join(", ")))
    })
}
