//! What a text that reaches people must be like.

use ai_storage_orchestrator::plain_text::is_obeyed;

/// Nothing in `text` but ends of lines is obeyed by a terminal.
#[track_caller]
pub fn assert_plain(text: &str) {
    let obeyed = text.chars().find(|character| *character != '\n' && is_obeyed(*character));
    assert_eq!(obeyed, None, "in {text:?}");
}

/// `text` has at most `most` characters.
#[track_caller]
pub fn assert_short(text: &str, most: usize) {
    let length = text.chars().count();
    assert!(length <= most, "{length} characters: {text:?}");
}
