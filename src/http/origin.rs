//! By which names the service is asked, and by whose pages. A browser sends what any page wants it to send, but it says
//! whose page that is, and by which name it found the service. A page can give a name of its own to an address that only
//! the browser reaches (DNS rebinding); so a service that asks nobody who they are answers only to names that are no
//! page's. What a proxy says of the original request (`X-Forwarded-*`) is believed nowhere, because any client can say it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::error::ApiError;
use super::refusal::refuse;

/// Who must be told apart from the service's own users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only this machine reaches the service: any page in its browsers could.
    Loopback,
    /// A network reaches the service, and it asks nobody who they are.
    Open,
    /// A network reaches the service, and it asks everybody who they are.
    Authenticated,
}

/// The names that the service answers to.
#[derive(Clone, Debug)]
pub struct Names {
    reach: Reach,
    allowed: Vec<AllowedHost>,
}

/// A name in the settings that the service answers to and whose pages may ask it: `orchestrator.example`, at every port, or
/// `orchestrator.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(Authority);

/// A host and where to find the service on it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case and without a dot at its end.
    Name(String),
    Address(IpAddr),
}

/// The text is no host with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no host with or without a port")]
pub struct MalformedHost;

impl FromStr for AllowedHost {
    type Err = MalformedHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl FromStr for Authority {
    type Err = MalformedHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => {
                let address: Ipv6Addr = address.parse().map_err(|_| MalformedHost)?;
                let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(MalformedHost)?) };
                (Host::Address(IpAddr::V6(address).to_canonical()), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.parse()?, Some(port)),
                None => (text.parse()?, None),
            },
        };
        let number = |port: &str| {
            let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { port.parse().map_err(|_| MalformedHost) } else { Err(MalformedHost) }
        };
        Ok(Self { host, port: port.map(number).transpose()? })
    }
}

impl FromStr for Host {
    type Err = MalformedHost;

    /// A name, or an IPv4 address in the form that all take for one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(is_known)
        };
        // Some take a name that ends in a number for an address, in other forms than this.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        let is_name = name.len() <= 253 && name.split('.').all(is_label) && !is_number;
        if is_name { Ok(Self::Name(name)) } else { Err(MalformedHost) }
    }
}

impl Host {
    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::Address(address) => address.is_loopback(),
        }
    }

    /// Whether only a cluster, or a network of one's own, gives such names. A cluster's domain can be another one, but so
    /// can the name of a page: `svc` can be a part of any.
    fn is_local(&self) -> bool {
        match self {
            Self::Name(name) => !name.contains('.') || name.ends_with(".svc") || name.ends_with(".svc.cluster.local"),
            Self::Address(_) => true,
        }
    }
}

impl Names {
    /// Those of a service with this reach, and `allowed`.
    pub fn new(reach: Reach, allowed: Vec<AllowedHost>) -> Self {
        Self { reach, allowed }
    }

    fn are_allowed(&self, asked: &Authority) -> bool {
        let is_own = match self.reach {
            Reach::Loopback => asked.host.is_loopback(),
            Reach::Open => asked.host.is_local(),
            Reach::Authenticated => {
                self.allowed.is_empty() || asked.host.is_loopback() || matches!(asked.host, Host::Address(_))
            }
        };
        is_own || self.lists(asked)
    }

    fn lists(&self, asked: &Authority) -> bool {
        let is_it = |AllowedHost(allowed): &AllowedHost| {
            allowed.host == asked.host && (allowed.port.is_none() || allowed.port == asked.port)
        };
        self.allowed.iter().any(is_it)
    }

    /// Why a request is not answered.
    fn fault(&self, head: &RequestHead) -> Option<ApiError> {
        let asked = match asked(head) {
            Ok(asked) => asked,
            Err(details) => return Some(ApiError::new(StatusCode::FORBIDDEN, "Forbidden host", details)),
        };
        if !self.are_allowed(&asked) {
            let details = match self.reach {
                Reach::Loopback => {
                    "this service answers only to localhost, to loopback addresses, and to the names in http.allowed_hosts"
                }
                Reach::Open => {
                    "without authentication, this service answers only to addresses, to names of the cluster, and to those in \
                     http.allowed_hosts"
                }
                Reach::Authenticated => "this service answers only to addresses and to the names in http.allowed_hosts",
            };
            return Some(ApiError::new(StatusCode::FORBIDDEN, "Forbidden host", details));
        }
        let is_foreign = |origin: &HeaderValue| !self.is_own(origin, &asked);
        if head.headers.get_all(ORIGIN).any(is_foreign) || is_of_another_page(&head.method, &head.headers) {
            let details = "requests from web pages of another origin are refused, but for those in http.allowed_hosts";
            return Some(ApiError::new(StatusCode::FORBIDDEN, "Forbidden origin", details));
        }
        None
    }

    /// Whether a page of this origin is one of the service that was asked, or of another that may ask it.
    fn is_own(&self, origin: &HeaderValue, asked: &Authority) -> bool {
        let Some((scheme, origin)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
            return false;
        };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let Ok(origin) = origin.parse::<Authority>() else { return false };
        let port = |authority: &Authority| authority.port.unwrap_or(usual);
        let with_port = Authority { port: Some(port(&origin)), host: origin.host.clone() };
        (origin.host == asked.host && port(&origin) == port(asked)) || self.lists(&with_port)
    }
}

/// By which name the service is asked. A request can say it twice: in its target (HTTP/2 always does) and as a header.
fn asked(head: &RequestHead) -> Result<Authority, &'static str> {
    const MALFORMED: &str = "the request's host is not a name or an address, with or without a port";
    let mut headers = head.headers.get_all(HOST);
    let (header, other) = (headers.next(), headers.next());
    if other.is_some() {
        return Err("the request has more than one host");
    }
    let parse = |text: &str| text.parse::<Authority>().map_err(|_| MALFORMED);
    let header = header.map(|host| host.to_str().map_err(|_| MALFORMED).and_then(parse)).transpose()?;
    let target = head.uri.authority().map(|authority| parse(authority.as_str())).transpose()?;
    match (target, header) {
        (Some(target), Some(header)) if target != header => Err("the request's target and its header name two hosts"),
        (Some(asked), _) | (None, Some(asked)) => Ok(asked),
        (None, None) => Err("the request has no host"),
    }
}

/// Whether a page of others causes the request, which browsers say of those, too, that have no origin: of images, for
/// instance. That somebody follows a link to the service is no harm.
fn is_of_another_page(method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: &str, words: &[&str]| {
        headers.get_all(name).any(|value| value.to_str().is_ok_and(|value| words.contains(&value)))
    };
    let is_link =
        *method == Method::GET && says("sec-fetch-mode", &["navigate"]) && says("sec-fetch-dest", &["document"]);
    !headers.contains_key(ORIGIN) && says("sec-fetch-site", &["cross-site", "same-site"]) && !is_link
}

/// Refuses what is asked by a wrong name or by a page of others.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match request.app_data::<Data<Names>>().and_then(|names| names.fault(request.head())) {
        Some(fault) => Ok(refuse(request, &fault)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

#[cfg(test)]
mod tests;
