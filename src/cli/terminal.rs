//! What reaches a terminal: text that it does not obey, in colours if it has them.

use std::io::IsTerminal;

use clap::ValueEnum;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};

pub use crate::plain_text::{is_obeyed, plain, plain_lines};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The place that standard output goes to.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colours: bool,
    /// The terminal's width in columns; `None` when there is no terminal.
    width: Option<u16>,
}

/// How something is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// Look at it.
    Warning,
    /// Something is wrong.
    Bad,
}

impl Tone {
    fn color(self) -> Option<(Color, u8)> {
        match self {
            Self::Plain => None,
            Self::Good => Some((Color::Green, 32)),
            Self::Warning => Some((Color::Yellow, 33)),
            Self::Bad => Some((Color::Red, 31)),
        }
    }

    /// The tone of an autoscaler's status.
    pub fn of_status(status: &str) -> Self {
        match status {
            "active" => Self::Good,
            "failed" => Self::Bad,
            _ => Self::Warning,
        }
    }
}

impl Screen {
    /// Standard output as it is, where `no_color` says whether NO_COLOR is set.
    pub fn detect(choice: ColorChoice, no_color: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let colours = match choice {
            ColorChoice::Auto => is_terminal && !no_color,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { colours, width: if is_terminal { Table::new().width() } else { None } }
    }

    /// `text`, made harmless, in a tone.
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        let text = plain(text);
        match tone.color().filter(|_| self.colours) {
            Some((_, code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text,
        }
    }

    /// A table as text, which fits into the terminal.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<(String, Tone)>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if self.colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        match self.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(header.iter().map(Cell::new));
        for row in rows {
            table.add_row(row.into_iter().map(|(text, tone)| {
                let cell = Cell::new(plain(&text));
                match tone.color() {
                    Some((color, _)) => cell.fg(color),
                    None => cell,
                }
            }));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(width) = self.width {
            keep_whole(&mut table, width);
        }
        table.trim_fmt()
    }
}

/// Names are not broken, as long as they leave room for the other columns.
fn keep_whole(table: &mut Table, width: u16) {
    let mut left = width / 10 * 7;
    for (index, content) in table.column_max_content_widths().into_iter().enumerate() {
        let Some(rest) = left.checked_sub(content.saturating_add(2)) else { return };
        left = rest;
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Screen = Screen { colours: false, width: None };

    #[test]
    fn nothing_that_others_wrote_reaches_the_terminal_as_an_order() {
        let attack = "web\x1b]0;owned\x07\x1b[2J\u{9b}31m\r\nname\u{202e}txt\u{7f}";
        let table = PIPE.table(&["NAME"], vec![vec![(attack.to_owned(), Tone::Bad)]]);
        assert!(!table.replace('\n', "").chars().any(is_obeyed), "{table:?}");
        assert!(!PIPE.paint(attack, Tone::Bad).chars().any(is_obeyed));
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let coloured = Screen { colours: true, width: None };
        assert_eq!(coloured.paint("failed", Tone::Bad), "\x1b[31mfailed\x1b[0m");
        assert_eq!(PIPE.paint("failed", Tone::Bad), "failed");
        let rows = || vec![vec![("failed".to_owned(), Tone::Bad)]];
        assert!(coloured.table(&["STATUS"], rows()).contains("\x1b["));
        assert_eq!(PIPE.table(&["STATUS"], rows()), "STATUS\nfailed");
    }

    #[test]
    fn a_table_fits_into_the_terminal_and_is_not_broken_in_a_pipe() {
        let row = vec![("short".to_owned(), Tone::Plain), ("words and words ".repeat(8), Tone::Plain)];
        let narrow = Screen { colours: false, width: Some(40) }.table(&["A", "B"], vec![row.clone()]);
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
        assert_eq!(PIPE.table(&["A", "B"], vec![row]).lines().count(), 2);
    }
}
