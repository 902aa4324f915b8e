//! The figures over all autoscalers, once for everybody who follows them.

use std::time::Duration;

use actix_web::web::Data;
use tokio::time::MissedTickBehavior;

use super::state::HttpState;
use super::wire::{AggregateBody, FleetSummaryBody};
use crate::actors::fleet::Fleet;
use crate::actors::listing::List;
use crate::actors::registry_handle::RegistryError;
use crate::domain::namespaces::NamespaceScope;

/// How often they can change.
const PERIOD: Duration = Duration::from_secs(1);

/// The autoscalers of these namespaces as they are now.
pub fn fleet(state: &HttpState, scope: &NamespaceScope) -> Result<Fleet, RegistryError> {
    let list = List { scope: scope.clone(), ..List::default() };
    Ok(Fleet::new(state.registry.list(&list)?.autoscalers))
}

/// The figures over `fleet`, which is that of these namespaces.
pub fn summary(state: &HttpState, scope: &NamespaceScope, fleet: &Fleet) -> Result<FleetSummaryBody, RegistryError> {
    let totals = AggregateBody::new(&state.registry.aggregate(scope)?, state.brake.mode());
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
        state.kept.tidy();
        if state.pulse.receiver_count() == 0 {
            continue;
        }
        // A registry that is busy now has figures in a second.
        let Ok(fleet) = fleet(&state, &NamespaceScope::All) else { continue };
        let Ok(summary) = summary(&state, &NamespaceScope::All, &fleet) else { continue };
        state.pulse.send_if_modified(|last| {
            let is_new = last.as_ref() != Some(&summary);
            if is_new {
                *last = Some(summary);
            }
            is_new
        });
    }
}
