//! What it costs to let in a caller whom the cluster has answered about in the last minute: one token and one question.
//!
//! `cargo bench --bench access`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ai_storage_orchestrator::access::{Access, CallerReviews};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::access::{Deed, User, Verb};
use ai_storage_orchestrator::ports::reviewer::AccessReviewer;
use ai_storage_orchestrator::ports::{ClusterError, PortFuture};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::{FutureExt, future};
use secrecy::SecretString;

/// A cluster that lets everybody do everything.
struct Kind;

impl AccessReviewer for Kind {
    fn who(&self, _: SecretString) -> PortFuture<Result<Option<User>, ClusterError>> {
        let groups = (0..20).map(|number| format!("oidc:department-{number}:members")).collect();
        let name = "system:serviceaccount:production:continuous-delivery".to_owned();
        future::ready(Ok(Some(User { name, groups, ..User::default() }))).boxed()
    }

    fn may(&self, _: &User, _: &Deed) -> PortFuture<Result<bool, ClusterError>> {
        future::ready(Ok(true)).boxed()
    }
}

/// As long as a service account's token.
fn token(number: usize) -> SecretString {
    format!("{number:0>1100}").into()
}

fn access(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for known in [1, 4_000] {
        let reviews = CallerReviews::new(Arc::new(Kind), Clock::wall(), Duration::from_secs(60)).unwrap();
        let access = Access::Cluster(Arc::new(reviews));
        let deeds: Vec<_> = (0..known).map(|number| Deed::in_namespace(Verb::Get, &format!("team-{number}"))).collect();
        runtime.block_on(async {
            for (number, deed) in deeds.iter().enumerate() {
                let caller = access.who(Some(token(number))).await.unwrap();
                access.may(&caller, deed).await.unwrap();
            }
        });
        c.bench_function(&format!("a request of a remembered caller, {known} callers"), |bench| {
            bench.iter(|| {
                runtime.block_on(async {
                    let caller = access.who(Some(token(0))).await.unwrap();
                    black_box(access.may(&caller, &deeds[0]).await.unwrap())
                })
            });
        });
    }
}

criterion_group!(benches, access);
criterion_main!(benches);
