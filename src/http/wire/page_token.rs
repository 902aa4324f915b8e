//! `continue` of a list: where the next page begins. Every replica of the service understands it.

use crate::actors::roster::Place;
use crate::domain::Timestamp;
use crate::ports::store::ObjectKey;

/// The token for what follows after `place`.
pub fn page_token(place: &Place) -> String {
    let Place { created_at, key } = place;
    // A namespace has no dot; a name can.
    format!("{}.{}.{}", created_at.timestamp_micros(), key.namespace, key.name)
}

/// The place that a token stands for; `None` when it is no token.
pub fn page_place(token: &str) -> Option<Place> {
    let mut parts = token.splitn(3, '.');
    let (micros, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let created_at = Timestamp::from_timestamp_micros(micros.parse().ok()?)?;
    Some(Place { created_at, key: ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place() {
        let place = Place {
            created_at: Timestamp::from_timestamp_micros(1_764_235_189_123_456).unwrap(),
            key: ObjectKey { namespace: "team-a".into(), name: "hpa-web.v2-025aa4".into() },
        };
        assert_eq!(page_token(&place), "1764235189123456.team-a.hpa-web.v2-025aa4");
        assert_eq!(page_place(&page_token(&place)), Some(place));
    }

    #[test]
    fn anything_else_is_no_token() {
        for text in ["", "7", "x.y.z", "1.y", "9223372036854775807.a.b"] {
            assert_eq!(page_place(text), None, "{text}");
        }
    }
}
