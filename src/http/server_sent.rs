//! The text of server-sent events (WHATWG HTML, "Server-sent events").

use actix_web::web::Bytes;
use serde::Serialize;

/// An event with its data as JSON. JSON in one line needs no escaping.
pub fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    // What has no JSON form could not be answered elsewhere either.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}

/// Something that every client ignores, so that nobody in between takes the connection for dead.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_block_whatever_is_in_it() {
        let text = event("row", None, &"a\n\ndata: b");
        assert_eq!(text, "event: row\ndata: \"a\\n\\ndata: b\"\n\n");
        assert_eq!(event("action", Some("1-2"), &1), "event: action\nid: 1-2\ndata: 1\n\n");
    }
}
