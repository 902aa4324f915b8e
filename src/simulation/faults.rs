//! Faults that a test or an operator injects into the API.

use std::time::Duration;

use super::requests::RecordedRequest;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultEffect {
    /// It is answered with a `Status` object.
    Status {
        /// The HTTP status code.
        code: u16,
        /// The machine-readable reason, such as `Forbidden`.
        reason: String,
        /// The sentence for people.
        message: String,
        /// The `Retry-After` header, in seconds.
        retry_after: Option<u32>,
    },
    /// It is answered with plain text, as proxies do it, and the API server's flow control.
    Text {
        /// The HTTP status code.
        code: u16,
        /// The body.
        body: String,
        /// The `Retry-After` header, in seconds.
        retry_after: Option<u32>,
    },
    /// It is answered only after a while of the cluster's time.
    Delay(Duration),
    /// It is never answered.
    Hang,
    /// Its connection breaks before an answer.
    Disconnect,
}

/// A fault: which requests it strikes, how, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    method: Option<String>,
    address: String,
    effect: FaultEffect,
    times: Option<u32>,
}

impl Fault {
    /// A fault that strikes every request until it is cleared.
    pub fn new(effect: FaultEffect) -> Self {
        Self { method: None, address: String::new(), effect, times: None }
    }

    /// A refusal with a `Status` object.
    pub fn status(code: u16, reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        Self::new(FaultEffect::Status { code, reason, message, retry_after: None })
    }

    /// The refusal of an API server that has too much to do, as its flow control makes it.
    pub fn overloaded(seconds: u32) -> Self {
        let body = "Too many requests, please try again later.\n".to_owned();
        Self::new(FaultEffect::Text { code: 429, body, retry_after: Some(seconds) })
    }

    /// Tells the client of a refusal when to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        if let FaultEffect::Status { retry_after, .. } | FaultEffect::Text { retry_after, .. } = &mut self.effect {
            *retry_after = Some(seconds);
        }
        self
    }

    /// Strikes only requests with this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Strikes only requests whose path and query contain this text, such as `/scale` or `watch=true`.
    #[must_use]
    pub fn address(mut self, part: impl Into<String>) -> Self {
        self.address = part.into();
        self
    }

    /// Strikes so many times, and then no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn strikes(&self, request: &RecordedRequest) -> bool {
        self.times != Some(0)
            && self.method.as_ref().is_none_or(|method| *method == request.method)
            && format!("{}?{}", request.path, request.query).contains(&self.address)
    }
}

/// Names a fault that has been injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

/// The faults in force, the first that strikes a request counts.
#[derive(Debug, Default)]
pub(super) struct Faults {
    injected: u64,
    in_force: Vec<(FaultId, Fault)>,
}

impl Faults {
    pub fn inject(&mut self, fault: Fault) -> FaultId {
        self.injected += 1;
        let id = FaultId(self.injected);
        self.in_force.push((id, fault));
        id
    }

    pub fn clear(&mut self, id: FaultId) {
        self.in_force.retain(|(other, _)| *other != id);
    }

    pub fn clear_all(&mut self) {
        self.in_force.clear();
    }

    /// What goes wrong with this request, if anything.
    pub fn strike(&mut self, request: &RecordedRequest) -> Option<FaultEffect> {
        let (_, fault) = self.in_force.iter_mut().find(|(_, fault)| fault.strikes(request))?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let effect = fault.effect.clone();
        self.in_force.retain(|(_, fault)| fault.times != Some(0));
        Some(effect)
    }
}
