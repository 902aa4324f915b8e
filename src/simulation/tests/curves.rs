//! The demonstration: what an autoscaler finds on the default cluster.

use super::*;

/// The CPU in use, in thousandths of a core, and by how many pods as far as the metrics show them.
async fn usage(cluster: &SimulatedCluster, namespace: &str) -> (f64, f64) {
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
    let list = get_json(cluster, &path).await.unwrap();
    let items = list["items"].as_array().unwrap();
    let cpu = |pod: &Value| {
        let text = pod["containers"][0]["usage"]["cpu"].as_str().unwrap().to_owned();
        text.strip_suffix('n').unwrap().parse::<f64>().unwrap() / 1e6
    };
    (items.iter().map(cpu).sum(), items.len() as f64)
}

/// What a plain autoscaler would propose for `replicas` that request half a core each, with a target of 70 %: the
/// guide's formula with the usual tolerance, pods without metrics being idle when it goes up.
fn proposal(replicas: f64, (used, measured): (f64, f64)) -> f64 {
    let ratio = |pods: f64| (100.0 * used / (500.0 * pods)).floor() / 70.0;
    let pods = if ratio(measured) > 1.0 { replicas.max(measured) } else { measured };
    if (ratio(pods) - 1.0).abs() <= 0.1 || (ratio(measured) > 1.0) != (ratio(pods) > 1.0) {
        replicas
    } else {
        (ratio(pods) * pods).ceil()
    }
}

/// Runs a plain autoscaler: a check of the curve, not of the service. Returns the replicas after each tick of 15 s, the
/// first at `offset`.
async fn demonstrate(seed: u64, offset: u64, ticks: usize) -> Vec<f64> {
    let settings = SimulationSettings { seed, ..SimulationSettings::default() };
    let cluster = SimulatedCluster::start(&settings, Clock::scaled(epoch(), 1.0));
    let mut replicas = 2.0_f64;
    let mut proposals = Vec::new();
    let mut course = Vec::new();
    pass(offset).await;
    for _ in 0..ticks {
        let proposed = proposal(replicas, usage(&cluster, "production").await);
        proposals.push(proposed);
        let window = proposals.iter().rev().take(20).fold(0.0, |most: f64, one| most.max(*one));
        let wanted = if proposed > replicas { proposed } else { window.min(replicas) }.clamp(2.0, 10.0);
        if wanted != replicas {
            replicas = wanted;
            let target = (WorkloadKind::Deployment, "production", "web-frontend");
            cluster.set_replicas(target.0, target.1, target.2, replicas as u32).unwrap();
        }
        course.push(replicas);
        pass(15).await;
    }
    course
}

#[tokio::test(start_paused = true)]
async fn the_frontend_goes_up_within_two_minutes_and_down_after_eight_to_ten() {
    for (seed, offset) in [(42, 1), (42, 5), (42, 10), (42, 20), (1, 3), (2, 14)] {
        let course = demonstrate(seed, offset, 96).await;
        let time = |tick: usize| offset + 15 * tick as u64;
        let up = course.iter().position(|replicas| *replicas > 2.0).unwrap();
        assert!((20..=110).contains(&time(up)), "up after {} s: {course:?}", time(up));
        let most = course.iter().take(40).fold(0.0, |most: f64, one| most.max(*one));
        assert!((4.0..=5.0).contains(&most), "{course:?}");
        let down = up + course.iter().skip(up).position(|replicas| *replicas < most && *replicas <= 2.0).unwrap();
        assert!((480..=620).contains(&time(down)), "down after {} s: {course:?}", time(down));
        let again = down + course.iter().skip(down).position(|replicas| *replicas > 2.0).unwrap();
        assert!((720..=840).contains(&time(again)), "up again after {} s: {course:?}", time(again));
        let changes = course.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 8, "no flapping: {course:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_three_minutes_late_sees_the_frontend_go_up_at_once() {
    let course = demonstrate(42, 180, 8).await;
    assert!(course[1] > 2.0, "{course:?}");
}

#[tokio::test(start_paused = true)]
async fn the_others_move_slowly_and_stay_within_bounds() {
    let cluster = SimulatedCluster::start(&SimulationSettings::default(), Clock::scaled(epoch(), 1.0));
    for _ in 0..240 {
        pass(30).await;
        for (namespace, request) in [("default", 250.0), ("ml-workloads", 4000.0), ("ml", 2000.0), ("research", 8000.0)]
        {
            let (used, pods) = usage(&cluster, namespace).await;
            let percent = 100.0 * used / (request * pods);
            assert!((25.0..80.0).contains(&percent), "{namespace} at {percent} %");
        }
    }
}
