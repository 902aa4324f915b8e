//! The two text formats, and which of them a client wants.

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The older format of Prometheus, 0.0.4, which is what people and other programs read.
    Prometheus,
}

impl Format {
    /// The format that a client prefers, by its header `Accept`. OpenMetrics is only for those who name it.
    pub fn preferred(accept: &str) -> Self {
        let weight = |format| accept.split(',').filter(|range| format_of(range) == Some(format)).map(quality).max();
        match (weight(Self::OpenMetrics), weight(Self::Prometheus)) {
            (Some(open), other) if open > 0 && other.is_none_or(|other| open >= other) => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// The header `Content-Type` of an answer in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The format that a media range of `Accept` names. `*/*` names none: it takes whatever is there.
fn format_of(range: &str) -> Option<Format> {
    let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
    let parameter = |text: &str| text.trim().strip_prefix("version=").map(str::to_owned);
    let version = parameters.split(';').find_map(parameter);
    match (media_type.trim().to_ascii_lowercase().as_str(), version.as_deref()) {
        ("application/openmetrics-text", None | Some("1.0.0")) => Some(Format::OpenMetrics),
        ("text/plain", None | Some("0.0.4")) => Some(Format::Prometheus),
        _ => None,
    }
}

/// The weight of a media range, in thousandths.
fn quality(range: &str) -> u32 {
    let given = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    let weight = given.and_then(|text| text.parse().ok()).filter(|weight| (0.0..=1.0).contains(weight));
    given.map_or(1000, |_| weight.map_or(0, |weight: f64| (weight * 1000.0) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_prefers_openmetrics_gets_it_and_everybody_else_the_older_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let newer = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.5,\
                     text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for accept in [prometheus, newer, "application/openmetrics-text", "APPLICATION/OpenMetrics-text; version=1.0.0"]
        {
            assert_eq!(Format::preferred(accept), Format::OpenMetrics, "{accept}");
        }
        let rather_text = "application/openmetrics-text;version=1.0.0;q=0.3, text/plain;q=0.9";
        let older = "application/openmetrics-text; version=0.0.1";
        let refused = "application/openmetrics-text;q=0";
        let nonsense = "application/openmetrics-text;q=high";
        for accept in ["", "*/*", "text/html,*/*;q=0.8", "text/plain", rather_text, older, refused, nonsense] {
            assert_eq!(Format::preferred(accept), Format::Prometheus, "{accept}");
        }
    }
}
