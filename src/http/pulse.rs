//! The figures over all autoscalers, once for everybody who follows them.

use std::time::Duration;

use actix_web::web::Data;
use tokio::time::MissedTickBehavior;

use super::state::HttpState;
use super::wire::{AggregateBody, FleetSummaryBody};
use crate::actors::fleet::Fleet;
use crate::actors::messages::List;
use crate::actors::registry_handle::RegistryError;

/// How often they can change.
const PERIOD: Duration = Duration::from_secs(1);

/// All autoscalers as they are now.
pub async fn fleet(state: &HttpState) -> Result<Fleet, RegistryError> {
    Ok(Fleet::new(state.registry.list(List::default()).await?.autoscalers))
}

/// The figures over `fleet`.
pub async fn summary(state: &HttpState, fleet: &Fleet) -> Result<FleetSummaryBody, RegistryError> {
    let totals = AggregateBody::new(&state.registry.aggregate().await?, state.brake.mode());
    Ok(FleetSummaryBody::new(fleet, totals))
}

/// Renews the figures as long as somebody follows them, until the service stops.
pub async fn beat(state: Data<HttpState>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if state.pulse.receiver_count() == 0 {
            continue;
        }
        // A registry that is busy now has figures in a second.
        let Ok(fleet) = fleet(&state).await else { continue };
        let Ok(summary) = summary(&state, &fleet).await else { continue };
        state.pulse.send_if_modified(|last| {
            let is_new = last.as_ref() != Some(&summary);
            if is_new {
                *last = Some(summary);
            }
            is_new
        });
    }
}
