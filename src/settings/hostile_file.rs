//! Settings files that somebody means ill with, or that are no settings files.

use super::{Flags, Settings, SettingsError};

fn load(text: &[u8]) -> Result<Settings, SettingsError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
    Settings::load_with(&flags, Default::default())
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for deep in ["[", "{a = ", "[{a = "] {
        assert!(load(format!("a = {}", deep.repeat(100_000)).as_bytes()).is_err(), "{deep}");
    }
    for key in ["a.", "\"\"."] {
        let keys = key.repeat(100_000);
        assert!(load(format!("{keys}a = 1").as_bytes()).is_err(), "{key}");
        assert!(load(format!("[{keys}a]").as_bytes()).is_err(), "{key}");
    }
}

#[test]
fn huge_numbers_are_refused() {
    let digits = "9".repeat(100);
    for number in ["1e999", "inf", "nan", "9223372036854775807", "18446744073709551616", "-1", digits.as_str()] {
        for (group, key) in
            [("metrics", "max_age_seconds"), ("cluster", "request_timeout_seconds"), ("simulation", "speed")]
        {
            assert!(load(format!("[{group}]\n{key} = {number}").as_bytes()).is_err(), "{key} = {number}");
        }
    }
}

#[test]
fn what_is_no_text_and_what_is_long_is_refused() {
    assert!(load(b"[http]\nport = \xff").is_err());
    assert!(load(&vec![0; 1 << 20]).is_err());
    let name = "n".repeat(1 << 20);
    assert!(load(format!("{name} = 1").as_bytes()).is_err());
    assert!(load(format!("[http]\n{name} = 1").as_bytes()).is_err());
    assert!(load(format!("[namespaces]\nallow = [\"{name}\"]").as_bytes()).is_err());
}
