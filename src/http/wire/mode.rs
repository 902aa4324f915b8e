//! The mode of the whole service: an emergency brake for all autoscalers at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::autoscaler::Mode;

/// The mode, where it is shown only to say that nothing is scaled: who reads nothing but the guide never notices
/// otherwise.
pub fn shown_mode(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Active => None,
        Mode::Observe => Some(mode.as_str()),
    }
}

/// `PUT /mode`: the request.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeRequest {
    #[schema(required, value_type = Mode)]
    mode: Option<String>,
}

impl ModeRequest {
    /// The mode that is asked for, or what is wrong.
    pub fn mode(&self) -> Result<Mode, String> {
        let text = self.mode.as_deref().ok_or("mode is required")?;
        text.parse().map_err(|()| format!("mode must be one of {}", Mode::ALL.map(Mode::as_str).join(", ")))
    }
}

/// The service's mode.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceMode)]
pub struct ModeBody {
    #[schema(value_type = Mode)]
    mode: &'static str,
}

impl From<Mode> for ModeBody {
    fn from(mode: Mode) -> Self {
        Self { mode: mode.as_str() }
    }
}
