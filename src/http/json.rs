//! Reads JSON objects strictly: nothing is guessed, and each refusal says what is wrong and where.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use crate::plain_text::shortened;

/// A text that is not the JSON object that was to come, with the place and the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedJson(String);

/// Reads one JSON object, and nothing after it.
pub fn read_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, MalformedJson> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = read(&mut deserializer)?;
    deserializer.end().map_err(|error| MalformedJson(error.to_string()))?;
    Ok(value)
}

/// Reads one JSON object that has been parsed already.
pub fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, MalformedJson> {
    read(value)
}

fn read<'de, T: DeserializeOwned, D: Deserializer<'de, Error = serde_json::Error>>(
    deserializer: D,
) -> Result<T, MalformedJson> {
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(deserializer);
    read.map(|Object(value)| value).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        // The path of a fault of the whole is "." or "?", which says nothing.
        MalformedJson(if matches!(path.as_str(), "." | "?") { cause.to_string() } else { format!("{path}: {cause}") })
    })
}

/// A `T` that is written as a JSON object. (serde takes an array of the fields' values as well.)
#[derive(Clone, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}
