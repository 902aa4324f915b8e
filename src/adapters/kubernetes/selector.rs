//! Label selectors in the text form that `kubectl --selector` takes.

use std::fmt;
use std::str::FromStr;

use kube::core::{Expression, Selector};

/// Selects pods by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSelector {
    selector: Selector,
    text: String,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSelector {
    /// It has no requirement, and would select all pods.
    #[error("an empty selector would select all pods")]
    Empty,
    /// One of its requirements cannot be understood; this is the text of that.
    #[error(
        "cannot understand {0:?} in a selector: write it as in kubectl, for instance app=web, app!=web, app in (web, api) or !app"
    )]
    Requirement(String),
}

impl PodSelector {
    pub(super) fn selector(&self) -> &Selector {
        &self.selector
    }
}

impl fmt::Display for PodSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PodSelector {
    type Err = MalformedSelector;

    fn from_str(text: &str) -> Result<Self, MalformedSelector> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MalformedSelector::Empty);
        }
        let requirements = requirements(text).map(|requirement| {
            expression(requirement).ok_or_else(|| MalformedSelector::Requirement(requirement.to_owned()))
        });
        let expressions: Vec<Expression> = requirements.collect::<Result<_, _>>()?;
        Ok(Self { selector: expressions.into_iter().collect(), text: text.to_owned() })
    }
}

/// The parts between the commas outside parentheses.
fn requirements(text: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    let parts = text.split(move |letter| {
        match letter {
            '(' => is_inside = true,
            ')' => is_inside = false,
            _ => {}
        }
        letter == ',' && !is_inside
    });
    parts.map(str::trim)
}

fn expression(text: &str) -> Option<Expression> {
    if let Some((left, right)) = text.split_once('(') {
        let values = right.strip_suffix(')')?.split(',').map(value).collect::<Option<_>>()?;
        return match left.trim_end().rsplit_once(char::is_whitespace)? {
            (left, "in") => Some(Expression::In(key(left)?, values)),
            (left, "notin") => Some(Expression::NotIn(key(left)?, values)),
            _ => None,
        };
    }
    if let Some((left, right)) = text.split_once("!=") {
        return Some(Expression::NotEqual(key(left)?, value(right)?));
    }
    if let Some((left, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Expression::Equal(key(left)?, value(right)?));
    }
    match text.strip_prefix('!') {
        Some(absent) => Some(Expression::DoesNotExist(key(absent)?)),
        None => Some(Expression::Exists(key(text)?)),
    }
}

fn key(text: &str) -> Option<String> {
    value(text.trim()).filter(|key| !key.is_empty())
}

/// A label's value may be empty. Only its letters are checked, which tells a value from what was meant otherwise.
fn value(text: &str) -> Option<String> {
    let text = text.trim();
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    text.bytes().all(is_legal).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use kube::core::SelectorExt;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::labelled::Labels;
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    }

    #[rstest]
    #[case::equal("app=dcgm", &["app=dcgm", "app=dcgm x=y"], &["app=web", "x=y"])]
    #[case::equal_as_in_go("app==dcgm", &["app=dcgm"], &["app=web"])]
    #[case::prefixed(" app.kubernetes.io/name = dcgm-exporter ", &["app.kubernetes.io/name=dcgm-exporter"], &["name=dcgm-exporter"])]
    #[case::empty_value("app=", &["app="], &["app=web", "x=y"])]
    #[case::not_equal("app!=web", &["app=dcgm", "x=y"], &["app=web"])]
    #[case::one_of("app in (web, api)", &["app=web", "app=api"], &["app=dcgm", "x=y"])]
    #[case::none_of("app notin (web,api)", &["app=dcgm", "x=y"], &["app=web", "app=api"])]
    #[case::there("app", &["app=web", "app="], &["x=y"])]
    #[case::not_there("!app", &["x=y"], &["app=web"])]
    #[case::all_of("app in (web,api),!x, tier != old", &["app=api"], &["app=api x=y", "app=web tier=old", "tier=new"])]
    fn every_form_is_understood(#[case] text: &str, #[case] matching: &[&str], #[case] others: &[&str]) {
        let parsed: PodSelector = text.parse().unwrap();
        let selector = parsed.selector();
        for pod in matching {
            assert!(selector.matches(&labels(pod)), "{pod}");
        }
        for pod in others {
            assert!(!selector.matches(&labels(pod)), "{pod}");
        }
        assert_eq!(parsed.to_string(), text.trim());
    }

    #[rstest]
    #[case::nothing("app=web,", "")]
    #[case::no_key("=web", "=web")]
    #[case::two_values("app=web=api", "app=web=api")]
    #[case::an_open_list("app in (web", "app in (web")]
    #[case::a_list_of_an_unknown_kind("app of (web)", "app of (web)")]
    #[case::a_list_without_a_key("in (web)", "in (web)")]
    #[case::more_after_a_list("app in (web) x", "app in (web) x")]
    #[case::a_blank("app web", "app web")]
    #[case::json("{\"app\": \"web\"}", "{\"app\": \"web\"}")]
    #[case::only_one_of_several("app=web, x y", "x y")]
    fn what_cannot_be_understood_is_named(#[case] text: &str, #[case] requirement: &str) {
        assert_eq!(text.parse::<PodSelector>(), Err(MalformedSelector::Requirement(requirement.to_owned())));
    }

    #[rstest]
    fn all_pods_are_not_selected(#[values("", "  ")] text: &str) {
        assert_eq!(text.parse::<PodSelector>(), Err(MalformedSelector::Empty));
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in "[a-z!=(), ]{0,20}|.{0,20}") {
            let _ = text.parse::<PodSelector>();
        }
    }
}
