use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn at() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn read(answer: &[u8]) -> (Vec<Device>, usize) {
    let mut skipped = 0;
    let devices = read_devices(answer, at(), Preference::GpuUtil, |_| skipped += 1);
    (devices, skipped)
}

/// A device in a few words: who has it, what it is, its utilisation, used and total memory.
fn brief(device: &Device) -> String {
    let Device { pod, reading } = device;
    let number = |number: Option<f64>| number.map_or("-".to_owned(), |number| number.to_string());
    let pod = pod.as_ref().map_or("-".to_owned(), |(namespace, pod)| format!("{namespace}/{pod}"));
    let mig = reading.mig.as_ref();
    let mig = mig.map(|mig| format!(" {} {}", mig.id, mig.profile.as_deref().unwrap_or("-"))).unwrap_or_default();
    let [busy, used, total] =
        [reading.utilization_percent, reading.memory_used_mib, reading.memory_total_mib].map(number);
    let shared = if reading.shared { " shared" } else { "" };
    format!("{pod} {}{mig} {busy} {used}/{total}{shared}", reading.device)
}

fn devices(answer: &str) -> Vec<String> {
    read(answer.as_bytes()).0.iter().map(brief).collect()
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/dcgm/", $name, ".prom"))
    };
}

const SAMPLES: [&str; 9] = [
    sample!("h100_x8_one_attributed_pod"),
    sample!("l40s_x2_truncated_labels_invalid"),
    sample!("l4_idle_no_pod_full"),
    sample!("mig_1g5gb_active"),
    sample!("mig_2x1g5gb_2g10gb_active"),
    sample!("mig_enabled_empty"),
    sample!("nvidia_docs_mig_a100"),
    sample!("readme_sentinel"),
    sample!("t4_busy_unattributed"),
];

#[rstest]
#[case::one_of_eight_has_a_pod(0, 0, &[
    "dynamo-workload/vllm-agg-0-vllmdecodeworker-s65j5 nvidia0 0 -/-", "- nvidia1 0 -/-", "- nvidia2 0 -/-",
    "- nvidia3 0 -/-", "- nvidia4 0 -/-", "- nvidia5 0 -/-", "- nvidia6 0 -/-", "- nvidia7 0 -/-",
])]
#[case::shortened_by_hand(1, 18, &["- nvidia0 - -/-", "- nvidia1 - -/-"])]
#[case::idle(2, 0, &["- nvidia0 0 0/22563"])]
#[case::one_instance(3, 0, &["- nvidia0 9 1g.5gb 99.9892 4384/4864"])]
#[case::three_instances(4, 0, &[
    "- nvidia0 7 1g.5gb 0.0062 98/4864", "- nvidia0 9 1g.5gb 99.9917 4384/4864", "- nvidia0 5 2g.10gb 0.0036 153/9855",
])]
#[case::no_instance(5, 0, &["- nvidia0 0.0033 -/-"])]
#[case::an_instance_beside_its_gpu(6, 0, &["- 0 - -/-", "- nvidia0 13 1g.5gb 99.5687 -/-"])]
#[case::a_blank(7, 0, &["- 0 - -/-"])]
#[case::busy_for_one_and_idle_for_the_other(8, 0, &["- nvidia0 91 5120/14911"])]
fn real_answers_are_read_as_a_person_reads_them(
    #[case] sample: usize,
    #[case] skipped: usize,
    #[case] expected: &[&str],
) {
    assert_eq!(devices(SAMPLES[sample]), expected);
    assert_eq!(read(SAMPLES[sample].as_bytes()).1, skipped);
}

#[test]
fn the_other_utilization_counts_where_it_is_preferred() {
    let answer = SAMPLES[8].as_bytes();
    let devices = read_devices(answer, at(), Preference::GrEngineActive, |_| {});
    assert_eq!(brief(&devices[0]), "- nvidia0 15.6205 5120/14911");
    assert_eq!(devices[0].reading.model.as_deref(), Some("Tesla T4"));
}

#[rstest]
#[case::any_order_and_blanks(
    "DCGM_FI_DEV_GPU_UTIL { pod = \"a\" ,namespace=\"n\", UUID=\"U\",gpu=\"0\" , } 7 \r\n", &["n/a 0 7 -/-"])]
#[case::escapes("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"a\\\"b\\\\c\",namespace=\"n\"} 7\n", &["n/a\"b\\c 0 7 -/-"])]
#[case::the_last_of_two(
    "# HELP DCGM_FI_DEV_GPU_UTIL x\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 7\n# HELP DCGM_FI_DEV_GPU_UTIL x\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 8\n",
    &["- 0 8 -/-"])]
#[case::without_an_end("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 7", &["- 0 7 -/-"])]
#[case::old_names(
    "dcgm_gpu_utilization{gpu=\"0\",uuid=\"U\",pod_name=\"a\",pod_namespace=\"n\",container_name=\"c\"} 7\ndcgm_fb_used{gpu=\"0\",uuid=\"U\",pod_name=\"a\",pod_namespace=\"n\"} 1\ndcgm_fb_free{gpu=\"0\",uuid=\"U\",pod_name=\"a\",pod_namespace=\"n\"} 3\n",
    &["n/a 0 7 1/4"])]
#[case::through_prometheus(
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"dcgm-exporter-x\",namespace=\"m\",exported_pod=\"a\",exported_namespace=\"n\"} 7\n",
    &["n/a 0 7 -/-"])]
#[case::free_through_prometheus("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"nvidia-dcgm-exporter-x\",namespace=\"m\"} 7\n", &["- 0 7 -/-"])]
#[case::empty_labels("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"\",namespace=\"\",container=\"\"} 7\n", &["- 0 7 -/-"])]
#[case::a_pod_without_a_namespace("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"a\"} 7\n", &["- 0 7 -/-"])]
#[case::two_pods_on_one(
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",vgpu=\"0\",pod=\"a\",namespace=\"n\"} 7\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",vgpu=\"1\",pod=\"b\",namespace=\"n\"} 9\n",
    &["n/a 0 7 -/- shared", "n/b 0 9 -/- shared"])]
#[case::two_gpus_of_one_pod(
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"a\",namespace=\"n\"} 7\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\",pod=\"a\",namespace=\"n\"} 9\n",
    &["n/a 0 7 -/-", "n/a 1 9 -/-"])]
#[case::impossible_but_for_the_other(
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 4294967295\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\"} 0.5\n", &["- 0 50 -/-"])]
#[case::impossible("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 150\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\"} NaN\n", &["- 0 - -/-"])]
#[case::blank_memory(
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 5\nDCGM_FI_DEV_FB_USED{gpu=\"0\"} 9223372036854775794\nDCGM_FI_DEV_FB_FREE{gpu=\"0\"} 3\n",
    &["- 0 5 -/-"])]
#[case::all_memory_less_the_drivers(
    "DCGM_FI_DEV_FB_USED{gpu=\"0\"} 10\nDCGM_FI_DEV_FB_TOTAL{gpu=\"0\"} 100\nDCGM_FI_DEV_FB_RESERVED{gpu=\"0\"} 20\n",
    &["- 0 - 10/80"])]
#[case::instances_beside_whole_gpus(
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\",UUID=\"A\",GPU_I_ID=\"3\",GPU_I_PROFILE=\"1g.5gb\"} 0.25\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"A\"} 9\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"B\"} 8\n",
    &["- 0 3 1g.5gb 25 -/-", "- 1 8 -/-"])]
#[case::other_families("go_goroutines 7\nprocess_open_fds{gpu=\"0\"} 7\n", &[])]
fn answers_are_read_in_every_form(#[case] answer: &str, #[case] expected: &[&str]) {
    assert_eq!(devices(answer), expected);
    assert_eq!(read(answer.as_bytes()).1, 0, "nothing is skipped");
}

#[rstest]
fn a_line_that_makes_no_sense_costs_only_itself(
    #[values(
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",...} 3",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\" pod=\"x\",namespace=\"n\"} 3",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",pod=\"x} 3",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\"} ERROR - FAILED TO CONVERT TO STRING",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\"}",
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\"} 3 -1",
        "<html>"
    )]
    bad: &str,
) {
    let good = "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",pod=\"a\",namespace=\"n\"} 7";
    let (all, skipped) = read(format!("{good}\n{bad}\n").as_bytes());
    assert_eq!((all.iter().map(brief).collect::<Vec<_>>(), skipped), (vec!["n/a 0 7 -/-".to_owned()], 1));
}

#[test]
fn a_line_may_say_when_it_was_measured() {
    let (all, _) = read(b"DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 7 1700000000000\n");
    assert_eq!(all[0].reading.measured_at.timestamp(), 1_700_000_000);
}

#[test]
fn an_unknown_utilization_has_a_reason() {
    let (all, _) = read(b"DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 4294967295\n");
    let why = all[0].reading.unknown_because.as_deref();
    assert_eq!(why, Some("DCGM_FI_DEV_GPU_UTIL is 4294967295, which is not within 0 to 100"));
}

/// What must hold whatever is read.
fn check(answer: &[u8]) {
    for device in read(answer).0 {
        let percent = device.reading.utilization_percent;
        assert!(percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)), "{percent:?}");
        assert_eq!(percent.is_none(), device.reading.unknown_because.is_some());
        let (used, total) = (device.reading.memory_used_mib, device.reading.memory_total_mib);
        assert!(used.is_none_or(|used| used >= 0.0) && total.is_none_or(|total| total >= 0.0));
        if let Some((namespace, pod)) = &device.pod {
            for name in [namespace, pod].into_iter().filter(|name| !name.contains(['"', '\\', '\n'])) {
                let quoted = format!("\"{name}\"");
                assert!(answer.windows(quoted.len()).any(|part| part == quoted.as_bytes()), "{name} is made up");
            }
        }
    }
}

#[test]
fn whatever_was_ever_hard_to_read_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dcgm/corpus");
    let inputs: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() >= 20);
    inputs.iter().for_each(|input| check(input));
}

proptest! {
    #[test]
    fn whatever_is_read_holds(answer in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&answer);
    }

    #[test]
    fn a_garbled_answer_is_read_as_far_as_it_makes_sense(
        sample in 0..SAMPLES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let mut answer = SAMPLES[sample].as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(answer.len());
            answer[place] = byte;
        }
        check(&answer);
    }

    #[test]
    fn a_text_of_the_formats_own_characters_holds(
        answer in prop::collection::vec(prop::sample::select(vec![
            "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "{", "}", "gpu=", "pod=", "namespace=", "exported_pod=", "GPU_I_ID=",
            "vgpu=", "\"", "a", "\\", "\\n", ",", " ", "\n", "7", "1e400", "NaN", "-", "=", "UUID=\"U\",",
        ]), 0..60),
    ) {
        check(answer.concat().as_bytes());
    }
}
