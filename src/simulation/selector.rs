//! Label and field selectors, as list and watch requests carry them.

use super::resource::Resource;
use super::store::Object;

/// A selector that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidSelector {
    #[error("unable to parse requirement: {0}")]
    Label(String),
    #[error("invalid selector: '{0}'; can't understand '{0}'")]
    Field(String),
    #[error("field label not supported: {0}")]
    FieldName(String),
}

/// Which objects a request wants to see.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldRequirement {
    field: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Reads the two parameters of a request for objects of one kind; either may be empty.
    pub fn parse(resource: Resource, labels: &str, fields: &str) -> Result<Self, InvalidSelector> {
        let labels = split_outside_parentheses(labels).map(requirement).collect::<Result<_, _>>()?;
        let fields = fields.split(',').filter(|part| !part.trim().is_empty());
        let fields = fields.map(|part| field_requirement(resource, part)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the request wants to see this object.
    pub fn matches(&self, object: &Object) -> bool {
        self.matches_labels(|name| object.labels.get(name).map(String::as_str))
            && self.fields.iter().all(|requirement| {
                let value = match requirement.field.as_str() {
                    "metadata.name" => object.key.name.as_str(),
                    "metadata.namespace" => object.key.namespace.as_str(),
                    field => object.fields.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value),
                };
                (value == requirement.value) == requirement.equal
            })
    }

    /// Whether labels, looked up by `label`, meet the label selector.
    pub fn matches_labels<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.labels.iter().all(|requirement| match requirement {
            Requirement::In(name, values) => label(name).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(name, values) => label(name).is_none_or(|value| values.iter().all(|one| one != value)),
            Requirement::Exists(name) => label(name).is_some(),
            Requirement::DoesNotExist(name) => label(name).is_none(),
        })
    }
}

/// The parts between commas, but not between the commas of `in (a,b)`.
fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn requirement(text: &str) -> Result<Requirement, InvalidSelector> {
    let invalid = || InvalidSelector::Label(text.to_owned());
    let name = |text: &str| {
        let text = text.trim();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if text.is_empty() || !text.bytes().all(legal) { Err(invalid()) } else { Ok(text.to_owned()) }
    };
    if let Some((left, right)) = text.split_once('(') {
        let values = right.strip_suffix(')').ok_or_else(invalid)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match left.trim().rsplit_once(char::is_whitespace) {
            Some((left, "in")) => Ok(Requirement::In(name(left)?, values)),
            Some((left, "notin")) => Ok(Requirement::NotIn(name(left)?, values)),
            _ => Err(invalid()),
        };
    }
    if let Some((left, right)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(name(left)?, vec![right.trim().to_owned()]));
    }
    if let Some((left, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(name(left)?, vec![right.trim().to_owned()]));
    }
    match text.strip_prefix('!') {
        Some(absent) => Ok(Requirement::DoesNotExist(name(absent)?)),
        None => Ok(Requirement::Exists(name(text)?)),
    }
}

fn field_requirement(resource: Resource, text: &str) -> Result<FieldRequirement, InvalidSelector> {
    let (field, value, equal) = match (text.split_once("!="), text.split_once("==").or_else(|| text.split_once('='))) {
        (Some((field, value)), _) => (field.trim(), value.trim(), false),
        (None, Some((field, value))) => (field.trim(), value.trim(), true),
        (None, None) => return Err(InvalidSelector::Field(text.to_owned())),
    };
    let known = ["metadata.name", "metadata.namespace"].contains(&field)
        || resource.definition().selectable_fields.contains(&field);
    if !known {
        return Err(InvalidSelector::FieldName(field.to_owned()));
    }
    Ok(FieldRequirement { field: field.to_owned(), value: value.to_owned(), equal })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", true)]
    #[case("app=web", true)]
    #[case("app==web,tier!=db", true)]
    #[case("app in (api, web),tier", true)]
    #[case("app notin (api,db)", true)]
    #[case("!canary", true)]
    #[case("app=api", false)]
    #[case("canary", false)]
    #[case("app in (api,db)", false)]
    #[case("tier!=front", false)]
    fn label_selectors_select(#[case] text: &str, #[case] selected: bool) {
        let selector = Selector::parse(Resource::Pod, text, "").unwrap();
        let label = |name: &str| [("app", "web"), ("tier", "front")].into_iter().find(|one| one.0 == name);
        assert_eq!(selector.matches_labels(|name| label(name).map(|one| one.1)), selected);
    }

    #[rstest]
    #[case("a b", "")]
    #[case("app in (a", "")]
    #[case("=x", "")]
    #[case("", "metadata.name")]
    #[case("", "spec.replicas=3")]
    fn nonsense_is_refused(#[case] labels: &str, #[case] fields: &str) {
        assert!(Selector::parse(Resource::Pod, labels, fields).is_err());
    }
}
