//! What the service says of itself on `/metrics`, at a moment.

use anyhow::Context;

use super::service::Service;

/// All series at a moment.
pub struct Scrape {
    text: String,
}

impl Scrape {
    pub async fn of(service: &Service, http: &reqwest::Client) -> anyhow::Result<Self> {
        let answer = http.get(service.url("/metrics")).send().await?.error_for_status()?;
        Ok(Self { text: answer.text().await? })
    }

    /// The sum of all series of this name.
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// The labels and values of all series of this name.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_all = labels.is_empty() || labels.starts_with('{');
            is_all.then_some(())?;
            Some((labels, value.parse().ok()?))
        })
    }

    /// The bounds of a histogram's buckets, and how many observations each has counted since `earlier`.
    fn buckets(&self, earlier: &Self, name: &str) -> anyhow::Result<Vec<(f64, f64)>> {
        let name = format!("{name}_bucket");
        let read = |scrape: &Self| -> anyhow::Result<Vec<(f64, f64)>> {
            let buckets = scrape.series(&name).map(|(labels, count)| {
                let (_, rest) = labels.split_once("le=\"")?;
                let bound = rest.split('"').next()?;
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
                Some((bound, count))
            });
            buckets.collect::<Option<_>>().with_context(|| format!("{name} makes no sense"))
        };
        let (now, before) = (read(self)?, read(earlier)?);
        Ok(now
            .into_iter()
            .map(|(bound, count)| {
                let known = before.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count);
                (bound, count - known)
            })
            .collect())
    }

    /// The least bound of a histogram that this share of what was observed since `earlier` did not exceed.
    pub fn quantile(&self, earlier: &Self, name: &str, share: f64) -> anyhow::Result<f64> {
        let buckets = self.buckets(earlier, name)?;
        let all = buckets.last().map_or(0.0, |(_, count)| *count);
        let within = buckets.iter().find(|(_, count)| *count >= all * share);
        Ok(within.with_context(|| format!("there is no {name}"))?.0)
    }

    /// How many observations since `earlier` were greater than `bound`, which is that of a bucket.
    pub fn above(&self, earlier: &Self, name: &str, bound: f64) -> anyhow::Result<f64> {
        let buckets = self.buckets(earlier, name)?;
        let all = buckets.last().map_or(0.0, |(_, count)| *count);
        let within = buckets.iter().find(|(other, _)| *other == bound);
        Ok(all - within.with_context(|| format!("{name} has no bucket of {bound}"))?.1)
    }
}
