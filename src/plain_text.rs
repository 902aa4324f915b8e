//! Text that others wrote, made harmless where people read it: in the log, and on a terminal.

use std::fmt::Write;

/// `text` without anything that a terminal obeys or that shows it in another order: such characters are written as
/// escapes. It is then one line.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            // Writing to a string does not fail.
            let _ = write!(plain, "\\u{{{:x}}}", u32::from(character));
        } else {
            plain.push(character);
        }
    }
    plain
}

/// The same for a text whose lines are meant.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal does something else with a character than to show it in its place.
pub fn is_obeyed(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(character, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with at most `most` characters, and a mark where it was cut: little of what a client sends is sent back, or
/// kept.
pub fn shortened(mut text: String, most: usize) -> String {
    if text.chars().nth(most).is_some()
        && let Some((end, _)) = text.char_indices().nth(most.saturating_sub(1))
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_is_obeyed() {
        let attack = "web\x1b]0;owned\x07\x1b[2J\u{9b}31m\r\nname\u{202e}txt\u{7f}";
        assert_eq!(plain(attack), "web\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{9b}31m\\u{d}\\u{a}name\\u{202e}txt\\u{7f}");
        assert_eq!(plain_lines("one\x1b[2J\ntwo\r\n"), "one\\u{1b}[2J\ntwo");
        assert_eq!(plain("größer 中 👩🏽"), "größer 中 👩🏽");
    }

    #[test]
    fn every_character_of_unicode_that_is_no_more_than_shown_stays() {
        let all: String = (char::MIN..=char::MAX).collect();
        assert!(!plain(&all).chars().any(is_obeyed));
        // What has a direction of its own, and what is not seen: Unicode's Bidi_Control, the zero-width characters, tags.
        for hidden in [
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(plain(&hidden.to_string()), format!("\\u{{{:x}}}", u32::from(hidden)));
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("größer".to_owned(), 6), "größer");
        assert_eq!(shortened("größer".to_owned(), 4), "grö…");
        assert_eq!(shortened("中".repeat(1 << 20), 1_000).chars().count(), 1_000);
    }
}
