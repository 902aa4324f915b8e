//! An autoscaler that only observes, beside an HPA: it shows what would be decided, and scales nothing.

use std::time::Duration;

use http::StatusCode;
use reqwest::Method;
use serde_json::Value;

use super::super::Session;
use super::super::failure::Failure;
use super::super::progress::patiently;
use crate::clock::Clock;

/// How long is waited for a decision, and for one whose metrics are known.
const FOR_A_DECISION: u32 = 60;
const FOR_KNOWN_METRICS: u32 = 40;

/// How often is looked.
const POLL: Duration = Duration::from_millis(500);

/// The autoscaler.
pub struct Observer<'a> {
    session: &'a Session,
    /// Its id.
    pub id: String,
    /// Whether it was made for this, and goes when nothing comes of it.
    is_new: bool,
}

impl<'a> Observer<'a> {
    /// Creates the autoscaler of a request, observing.
    pub async fn start(session: &'a Session, request: &Value) -> Result<Self, Failure> {
        let mut request = request.clone();
        request["mode"] = "observe".into();
        let (status, answer) = session.api.sent(Method::POST, &["autoscaling"], Some(&request)).await?;
        let id = answer["autoscaling_id"].as_str().unwrap_or_default().to_owned();
        Ok(Self { session, id, is_new: status == StatusCode::CREATED })
    }

    /// The autoscaler with its decision, once there is one, if possible one whose metrics are known.
    pub async fn decided(&self) -> Result<Value, Failure> {
        let deciding = async {
            let mut looks = 0;
            loop {
                let autoscaler = self.session.api.get(&["autoscaling", &self.id], &[]).await?;
                let decision = &autoscaler["details"]["last_decision"];
                if !decision["recommended_replicas"].is_null() || !decision.is_null() && looks >= FOR_KNOWN_METRICS {
                    return Ok(autoscaler);
                }
                if looks >= FOR_A_DECISION {
                    return Err(Failure::Failed(
                        "the service has decided nothing within 30 s; see GET /readyz".to_owned(),
                    ));
                }
                looks += 1;
                Clock::wall().sleep(POLL).await;
            }
        };
        patiently("waiting for the service's decision", deciding).await
    }

    /// Ends it, unless it was there before; says what is left, if anything is.
    pub async fn withdraw(&self) -> String {
        if !self.is_new {
            return format!("the autoscaler {}, which was there before, goes on observing", self.id);
        }
        match self.session.api.send(Method::DELETE, &["autoscaling", &self.id], None).await {
            Ok(_) | Err(Failure::NotFound(_)) => "the observing autoscaler was deleted again".to_owned(),
            Err(failure) => format!("the autoscaler {} is left, which only observes ({failure})", self.id),
        }
    }
}
