//! Reading objects: one by name, or many with selectors and in pages.

use http::StatusCode;
use serde_json::{Value, json};

use super::query::Query;
use super::{ApiError, ApiRequest, Reply, find, full_json, push_full_json, wants_metadata_only};
use crate::simulation::resource::Resource;
use crate::simulation::selector::Selector;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

pub(super) fn get(world: &World, request: &ApiRequest, resource: Resource, key: &ObjectKey) -> Result<Reply, ApiError> {
    let object = find(world, resource, key)?;
    let json = full_json(resource.definition(), object, wants_metadata_only(request));
    Ok(Reply::Json(StatusCode::OK, json.into()))
}

/// Lists objects. A page is cut from the present state; its version is that of the first page, so that a watch which
/// starts there sees whatever has changed between the pages.
pub(super) fn list(
    world: &World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    namespace: Option<&str>,
) -> Result<Reply, ApiError> {
    let selector = Selector::parse(resource, query.get("labelSelector"), query.get("fieldSelector"))?;
    let page = Page::parse(world, query, resource)?;
    let limit = query.number("limit").and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);

    let mut items: Vec<u8> = Vec::new();
    let mut last: Option<&ObjectKey> = None;
    let mut listed = 0;
    let mut matching =
        world.store.list(resource, namespace, page.after.as_ref()).filter(|object| selector.matches(object));
    let metadata_only = wants_metadata_only(request);
    for object in matching.by_ref().take(limit.unwrap_or(usize::MAX)) {
        if last.is_some() {
            items.push(b',');
        }
        // The items of a list have no types of their own, except those of custom resources.
        if metadata_only || resource.definition().add_on {
            push_full_json(&mut items, resource.definition(), object, metadata_only);
        } else {
            items.extend_from_slice(&object.json);
        }
        last = Some(&object.key);
        listed += 1;
    }

    let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
    let more = limit.is_some() && matching.next().is_some();
    if let Some(last) = last.filter(|_| more) {
        let before = page.before + listed;
        if selector.is_empty() {
            // By what went before, not by counting, which would make the pages of a long list cost its square.
            metadata["remainingItemCount"] = world.store.count(resource, namespace).saturating_sub(before).into();
        }
        metadata["continue"] = Page { revision: page.revision, before, after: Some(last.clone()) }.token().into();
    }
    Ok(Reply::Json(StatusCode::OK, list_json(resource, metadata_only, &metadata, &items).into()))
}

fn list_json(resource: Resource, metadata_only: bool, metadata: &Value, items: &[u8]) -> Vec<u8> {
    let definition = resource.definition();
    let (kind, api_version) = if metadata_only {
        ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned())
    } else {
        (definition.kind, definition.api_version())
    };
    let head = format!(r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{metadata},"items":["#);
    [head.as_bytes(), items, b"]}"].concat()
}

/// Where a list begins, and of which version it is.
struct Page {
    revision: u64,
    /// How many objects the pages before had.
    before: usize,
    after: Option<ObjectKey>,
}

impl Page {
    fn parse(world: &World, query: &Query, resource: Resource) -> Result<Self, ApiError> {
        let present = world.store.revision();
        let token = query.get("continue");
        if !token.is_empty() {
            let page = Self::from_token(token)
                .ok_or_else(|| ApiError::bad_request("continue key is not valid: it was not made by this server"))?;
            if world.store.reaches_back(resource, page.revision).is_err() {
                return Err(ApiError::expired(
                    "The provided continue parameter is too old to display a consistent list result. You must start a \
                     new list without the continue parameter.",
                ));
            }
            return Ok(page);
        }
        let asked = requested_version(query)?;
        if asked > present {
            return Err(ApiError::too_large_version(asked, present));
        }
        if query.get("resourceVersionMatch") == "Exact" && asked < present {
            // The states of the past are not kept.
            return Err(ApiError::expired(format!("The resourceVersion for the provided list is too old: {asked}")));
        }
        Ok(Self { revision: present, before: 0, after: None })
    }

    /// The token for the next page: hexadecimal, so that it needs no escaping.
    fn token(&self) -> String {
        let ObjectKey { namespace, name } = self.after.clone().unwrap_or_else(|| ObjectKey::new("", ""));
        format!("{}/{}/{namespace}/{name}", self.revision, self.before)
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn from_token(token: &str) -> Option<Self> {
        let digits = token.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let text = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
        let mut parts = text.splitn(4, '/');
        let (revision, before) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { revision, before, after: Some(ObjectKey::new(parts.next()?, parts.next()?)) })
    }
}

/// The `resourceVersion` of a request; 0 when it names none, which is never too new.
pub(super) fn requested_version(query: &Query) -> Result<u64, ApiError> {
    match query.get("resourceVersion") {
        "" => Ok(0),
        text => text.parse().map_err(|_| ApiError::bad_request(format!("Invalid value: {text:?}: resourceVersion"))),
    }
}
