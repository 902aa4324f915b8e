use proptest::prelude::*;
use rstest::rstest;

use super::*;

type Labels = Vec<(String, String)>;

/// What a line says: name, labels, value as text, time in milliseconds.
type Said = (String, Labels, String, Option<i64>);

fn read(line: impl AsRef<[u8]>) -> Result<Option<Said>, Fault> {
    let mut labels = Vec::new();
    let sample =
        read_line(line.as_ref(), |name, value| labels.push((name.to_owned(), value.unescaped().into_owned())))?;
    Ok(sample.map(|sample| {
        assert_eq!(sample.number.to_bits(), sample.text.parse::<f64>().unwrap().to_bits());
        let at = sample.at.map(|at| at.timestamp_millis());
        (sample.name.to_owned(), labels, sample.text.to_owned(), at)
    }))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[rstest]
#[case::plain(r#"M{gpu="0",UUID="G"} 5"#)]
#[case::trailing_comma(r#"M{gpu="0",UUID="G",} 5"#)]
#[case::blanks("  M\t{ gpu = \"0\" ,\tUUID=  \"G\" , }   5\t ")]
#[case::no_blank_before_the_value(r#"M{gpu="0",UUID="G"}5"#)]
#[case::windows_line_end("M{gpu=\"0\",UUID=\"G\"} 5\r")]
fn a_sample_has_a_name_labels_and_a_value(#[case] line: &str) {
    assert_eq!(read(line), Ok(Some(("M".into(), labels(&[("gpu", "0"), ("UUID", "G")]), "5".into(), None))));
}

#[rstest]
#[case("M 5", "M", "5")]
#[case("M\t5", "M", "5")]
#[case("M{} 5", "M", "5")]
#[case("M {\t} 5", "M", "5")]
#[case("_m:x9 5", "_m:x9", "5")]
#[case(":m 1e3", ":m", "1e3")]
fn labels_may_be_missing(#[case] line: &str, #[case] name: &str, #[case] value: &str) {
    assert_eq!(read(line), Ok(Some((name.into(), Vec::new(), value.into(), None))));
}

#[rstest]
fn a_value_is_any_float(
    #[values(
        "0",
        "-1",
        "+1",
        "1.5",
        ".5",
        "1.",
        "1e9",
        "1E-9",
        "9223372036854775794",
        "NaN",
        "+Inf",
        "-Inf",
        "Inf",
        "nan"
    )]
    value: &str,
) {
    assert_eq!(read(format!("M {value}")).unwrap().unwrap().2, value);
}

#[rstest]
#[case(0)]
#[case(1_700_000_000_123)]
#[case(253_402_300_799_999)]
fn a_time_follows_the_value(#[case] milliseconds: i64) {
    assert_eq!(read(format!("M{{a=\"b\"}} 5  {milliseconds} ")).unwrap().unwrap().3, Some(milliseconds));
    assert_eq!(read(format!("M 5 {milliseconds}")).unwrap().unwrap().3, Some(milliseconds));
}

#[rstest]
fn some_lines_have_no_sample(
    #[values("", "   ", "\t", "\r", "#", "# HELP M x {", "# TYPE M gauge", "  # anything", "#M{a=\"b\"} 5", "# EOF")]
    line: &str,
) {
    assert_eq!(read(line), Ok(None));
}

#[test]
fn values_of_labels_may_have_escapes_and_anything_else() {
    let line = r#"M{a="x\\y\"z\n",b="},{ =#",c="häß",d="\\n"} 5"#;
    let expected = labels(&[("a", "x\\y\"z\n"), ("b", "},{ =#"), ("c", "häß"), ("d", "\\n")]);
    assert_eq!(read(line).unwrap().unwrap().1, expected);
}

#[rstest]
#[case::truncated_by_a_human(r#"M{gpu="0",...,modelName="NVIDIA L40S",...} 0"#, Fault::Labels)]
#[case::no_quotes(r#"M{gpu=0} 5"#, Fault::Labels)]
#[case::first_quote_missing(r#"M{gpu=0",pod="x"} 5"#, Fault::Labels)]
#[case::last_quote_missing(r#"M{gpu="0,pod="x"} 5"#, Fault::Labels)]
#[case::single_quotes("M{gpu='0'} 5", Fault::Labels)]
#[case::no_comma(r#"M{gpu="0" pod="x"} 5"#, Fault::Labels)]
#[case::two_commas(r#"M{gpu="0",,pod="x"} 5"#, Fault::Labels)]
#[case::only_a_comma("M{,} 5", Fault::Labels)]
#[case::comma_first(r#"M{,gpu="0"} 5"#, Fault::Labels)]
#[case::no_equals_sign(r#"M{gpu"0"} 5"#, Fault::Labels)]
#[case::no_value(r#"M{gpu=} 5"#, Fault::Labels)]
#[case::no_label_name(r#"M{="0"} 5"#, Fault::Labels)]
#[case::label_name_with_a_digit_first(r#"M{0gpu="0"} 5"#, Fault::Labels)]
#[case::label_name_with_a_dash(r#"M{g-pu="0"} 5"#, Fault::Labels)]
#[case::label_name_with_a_colon(r#"M{g:pu="0"} 5"#, Fault::Labels)]
#[case::quoted_label_name(r#"M{"gpu"="0"} 5"#, Fault::Labels)]
#[case::unclosed(r#"M{gpu="0" 5"#, Fault::Labels)]
#[case::cut_off_after_the_comma(r#"M{gpu="0","#, Fault::Labels)]
#[case::cut_off_in_a_value(r#"M{gpu="0"#, Fault::Labels)]
#[case::cut_off_in_an_escape(r#"M{gpu="0\"#, Fault::Labels)]
#[case::unknown_escape(r#"M{gpu="\t"} 5"#, Fault::Labels)]
#[case::second_block(r#"M{gpu="0"}{pod="x"} 5"#, Fault::Value)]
#[case::no_value(r#"M{gpu="0"}"#, Fault::Value)]
#[case::only_a_name("M ", Fault::Value)]
#[case::nothing_but_a_name("M", Fault::Name)]
#[case::digit_first("9M 5", Fault::Name)]
#[case::no_name("{gpu=\"0\"} 5", Fault::Name)]
#[case::dash_in_the_name("M-N 5", Fault::Name)]
#[case::html("<html>", Fault::Name)]
#[case::json("{\"error\": 1}", Fault::Name)]
#[case::failed_conversion(r#"M{gpu="0"} ERROR - FAILED TO CONVERT TO STRING"#, Fault::Value)]
#[case::hexadecimal("M 0x1p3", Fault::Value)]
#[case::comma_in_the_value("M 1,5", Fault::Value)]
#[case::unit(r#"M{gpu="0"} 5%"#, Fault::Value)]
#[case::time_before_1970("M 5 -1", Fault::Time)]
#[case::time_after_9999("M 5 253402300800000", Fault::Time)]
#[case::time_beyond_an_i64("M 5 99999999999999999999", Fault::Time)]
#[case::fractional_time("M 5 1.5", Fault::Time)]
#[case::two_samples_in_a_line("M 5 M 6", Fault::Time)]
#[case::exemplar("M 5 17 # {a=\"b\"} 1", Fault::Rest)]
fn anything_else_is_a_fault(#[case] line: &str, #[case] fault: Fault) {
    assert_eq!(read(line), Err(fault));
}

#[test]
fn a_line_that_is_not_utf_8_is_a_fault_even_where_it_does_not_matter() {
    assert_eq!(read(b"M{a=\"\xff\"} 5"), Err(Fault::Encoding));
    assert_eq!(read(b"# \xff"), Err(Fault::Encoding));
}

#[test]
fn a_skipped_line_is_shown_in_one_short_line() {
    let skipped = |text| Skipped { line: 7, why: Fault::Labels, text }.to_string();
    assert_eq!(skipped(b"M{gpu='0'}\t5"), r"line 7: its labels are broken: M{gpu=\'0\'}\t5");
    let long = skipped(&[b'x'; 5_000]);
    assert!(long.len() < 300 && long.ends_with("x..."), "{long}");
    assert!(!skipped(b"a\xff\nb").contains('\n'));
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
        pairs in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "(?s).{0,12}|[\\\\\"n\n]{0,8}"), 0..6),
        number in prop::num::f64::ANY,
        time in prop::option::of(0..=253_402_300_799_999_i64),
        blanks in prop::collection::vec("[ \t]{0,2}", 6),
        trailing in any::<bool>(),
    ) {
        // A carriage return at the end of a line belongs to the line's end; within it, it is a character like others.
        let [first, second, third, fourth, fifth, sixth] = <[String; 6]>::try_from(blanks).unwrap();
        let block: Vec<_> = pairs
            .iter()
            .map(|(label, value)| format!("{first}{label}{second}={third}\"{}\"{fourth}", escaped(value)))
            .collect();
        let comma = if trailing && !pairs.is_empty() { "," } else { "" };
        let time_text = time.map(|time| format!(" {time}")).unwrap_or_default();
        let value = format!("{number:?}");
        let line = format!("{fifth}{name}{sixth}{{{}{comma}}}{first}{value}{time_text}{second}", block.join(","));
        prop_assert_eq!(read(&line), Ok(Some((name, pairs, value, time))), "{}", line);
    }

    #[test]
    fn no_bytes_make_it_panic(line in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[Mg{}=\",\\\\n 0-9eE.+#\t-]{0,40}".prop_map(String::into_bytes),
    ]) {
        let _ = read(line);
    }

    #[test]
    fn a_part_of_a_line_never_has_more_labels_than_it_shows(cut in 0_usize..60) {
        let line = r#"M{gpu="0",pod="trainer-0",namespace="ml"} 57 1700000000000"#;
        let part = &line[..cut.min(line.len())];
        if let Ok(Some((_, labels, ..))) = read(part) {
            prop_assert!(part.contains('}'), "{}", part);
            prop_assert_eq!(labels.len(), 3);
        }
    }
}
