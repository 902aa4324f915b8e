//! Switches the mode of all replicas.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

use super::Shared;
use super::record::{holder, is_confirmed, want_mode, wanted_mode};
use crate::domain::autoscaler::Mode;
use crate::ports::ClusterError;

/// How long the leader may take to confirm.
const CONFIRMATION: Duration = Duration::from_secs(10);

/// How often the Lease is looked at for that.
const LOOK: Duration = Duration::from_millis(250);

/// Writes the wanted mode, and waits until the leader is in it.
pub(super) async fn set_mode(shared: Arc<Shared>, mode: Mode) -> Result<(), ClusterError> {
    let limit = shared.clock.real(CONFIRMATION);
    let writing = tokio::time::timeout(limit, write(&shared, mode)).await;
    writing.unwrap_or_else(|_| Err(ClusterError::Unavailable("the mode could not be set within 10 s".to_owned())))?;
    shared.switched(mode);
    tokio::time::timeout(limit, confirmation(&shared, mode)).await.unwrap_or_else(|_| {
        Err(ClusterError::Unavailable(
            "the mode is set, but the leader has not confirmed it within 10 s; it follows with its next renewal, and \
             without one it stops acting"
                .to_owned(),
        ))
    })
}

async fn write(shared: &Shared, mode: Mode) -> Result<(), ClusterError> {
    loop {
        // Where there is no Lease yet, a candidate is about to create it.
        if let Some(mut lease) = shared.read().await? {
            if wanted_mode(&lease) == Some(mode) {
                return Ok(());
            }
            want_mode(&mut lease, mode);
            match shared.replace(&lease).await {
                Err(ClusterError::Conflict(_)) => {}
                result => return result.map(|_| ()),
            }
        }
        shared.clock.sleep(LOOK.mul_f64(fastrand::f64())).await;
    }
}

async fn confirmation(shared: &Shared, mode: Mode) -> Result<(), ClusterError> {
    loop {
        let confirmed = shared.confirmed.notified();
        if shared.leads() {
            let wanted = shared.claim.borrow().mode;
            still_wanted(wanted, mode)?;
            if shared.local().confirmed == Some(mode) {
                return Ok(());
            }
        } else if let Ok(Some(lease)) = shared.read().await
            && is_in_force(&lease, mode)?
        {
            return Ok(());
        }
        tokio::select! {
            () = confirmed => {}
            () = shared.clock.sleep(LOOK) => {}
        }
    }
}

/// Whether nobody acts in another mode any more.
fn is_in_force(lease: &Lease, mode: Mode) -> Result<bool, ClusterError> {
    still_wanted(wanted_mode(lease), mode)?;
    Ok(holder(lease).is_none() || is_confirmed(lease, mode))
}

fn still_wanted(wanted: Option<Mode>, mode: Mode) -> Result<(), ClusterError> {
    match wanted {
        Some(wanted) if wanted != mode => {
            let wanted = wanted.as_str();
            Err(ClusterError::Conflict(format!("somebody else has switched the mode to {wanted} meanwhile")))
        }
        _ => Ok(()),
    }
}
