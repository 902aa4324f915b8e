//! Static tokens, in a file that is read again and again: who is taken out of it is soon out.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Access, NoRandomness, Stranger};
use crate::clock::Clock;
use crate::domain::Timestamp;

/// How often the file is read.
const LOOK: Duration = Duration::from_secs(2);

/// The shortest token: a shorter one can be guessed.
const SHORTEST: usize = 16;

/// The name of whoever has a token without a name.
const NAMELESS: &str = "token";

/// A file of static tokens.
pub struct TokenFile {
    path: PathBuf,
    clock: Clock,
    read: ArcSwap<Read>,
}

/// What was in the file when it was last read.
struct Read {
    tokens: Arc<Tokens>,
    at: Timestamp,
    /// What was wrong with it since.
    fault: Option<String>,
}

/// Tokens are kept and compared by their hashes, all of them each time, so that how long it takes says nothing of any.
struct Tokens {
    key: hmac::Key,
    holders: Vec<(hmac::Tag, Arc<str>)>,
}

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("the token file {} cannot be read: {error}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A line of it makes no sense. The line is not shown, because a token may be in it.
    #[error("line {number} of the token file {}: {fault}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line; the first is 1.
        number: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// There is no token in it.
    #[error("there is no token in the token file {}; each line is TOKEN or NAME TOKEN", .0.display())]
    Empty(PathBuf),
    /// There are no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It has more than two words.
    Words,
    /// Its token cannot be sent in a header.
    Characters,
    /// Its token is too short.
    Short,
    /// Its token stands in another line, too.
    Twice,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words => f.write_str("a line is TOKEN or NAME TOKEN"),
            Self::Characters => f.write_str("names and tokens must consist of visible ASCII characters"),
            Self::Short => write!(f, "a token must have at least {SHORTEST} characters"),
            Self::Twice => f.write_str("the token is in the file already"),
        }
    }
}

impl Tokens {
    /// The tokens of a text: each line is `TOKEN` or `NAME TOKEN`; empty lines and those that begin with `#` say nothing.
    fn parse(text: &str) -> Result<Self, Fault> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| Fault::NoRandomness)?;
        let mut holders: Vec<(hmac::Tag, Arc<str>)> = Vec::new();
        let mut seen = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let (name, token) = match (words.next(), words.next(), words.next()) {
                (None, ..) => continue,
                (Some(first), ..) if first.starts_with('#') => continue,
                (Some(token), None, _) => (NAMELESS, token),
                (Some(name), Some(token), None) => (name, token),
                (Some(_), Some(_), Some(_)) => return Err(Fault::Line(index + 1, LineFault::Words)),
            };
            let fault = if !name.chars().chain(token.chars()).all(|c| c.is_ascii_graphic()) {
                Some(LineFault::Characters)
            } else if token.len() < SHORTEST {
                Some(LineFault::Short)
            } else if !seen.insert(token) {
                Some(LineFault::Twice)
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(Fault::Line(index + 1, fault));
            }
            holders.push((hmac::sign(&key, token.as_bytes()), name.into()));
        }
        if holders.is_empty() { Err(Fault::Empty) } else { Ok(Self { key, holders }) }
    }

    fn holder(&self, token: &str) -> Option<Arc<str>> {
        let sent = hmac::sign(&self.key, token.as_bytes());
        let mut found = None;
        for (tag, name) in &self.holders {
            if bool::from(tag.as_ref().ct_eq(sent.as_ref())) {
                found = Some(name);
            }
        }
        found.cloned()
    }
}

enum Fault {
    Line(usize, LineFault),
    Empty,
    NoRandomness,
}

fn read(path: &Path) -> Result<Tokens, TokenFileError> {
    let path = || path.to_owned();
    let text = std::fs::read_to_string(path()).map_err(|error| TokenFileError::Unreadable { path: path(), error })?;
    let text = SecretString::from(text);
    Tokens::parse(text.expose_secret()).map_err(|fault| match fault {
        Fault::Line(number, fault) => TokenFileError::Line { path: path(), number, fault },
        Fault::Empty => TokenFileError::Empty(path()),
        Fault::NoRandomness => NoRandomness.into(),
    })
}

impl TokenFile {
    /// Reads the file for the first time.
    pub fn open(path: PathBuf, clock: Clock) -> Result<Self, TokenFileError> {
        let tokens = Arc::new(read(&path)?);
        let read = ArcSwap::from_pointee(Read { tokens, at: clock.steady(), fault: None });
        Ok(Self { path, clock, read })
    }

    /// Reads the file again and again, for as long as this is awaited.
    pub async fn follow(self: Arc<Self>) {
        loop {
            self.clock.sleep(LOOK).await;
            let (at, file) = (self.clock.steady(), self.clone());
            // A file can be on a disk that is not there.
            let result = tokio::task::spawn_blocking(move || read(&file.path)).await;
            self.take(
                at,
                result.unwrap_or_else(|panic| {
                    let error = std::io::Error::other(panic);
                    Err(TokenFileError::Unreadable { path: self.path.clone(), error })
                }),
            );
        }
    }

    /// Takes notice of what was read. What cannot be used leaves the tokens of before, for a while.
    fn take(&self, at: Timestamp, result: Result<Tokens, TokenFileError>) {
        let before = self.read.load();
        let next = match result {
            Ok(tokens) => {
                if before.fault.is_some() {
                    log::info!("the token file {} can be used again", self.path.display());
                }
                Read { tokens: Arc::new(tokens), at, fault: None }
            }
            Err(error) => {
                let fault = error.to_string();
                if before.fault.as_ref() != Some(&fault) {
                    log::error!(
                        "{fault}; the tokens of before hold for {} s at most, then nobody is let in",
                        Access::LONGEST.as_secs()
                    );
                }
                Read { tokens: before.tokens.clone(), at: before.at, fault: Some(fault) }
            }
        };
        self.read.store(Arc::new(next));
    }

    /// Who holds a token.
    pub(super) fn holder(&self, token: &SecretString) -> Result<Arc<str>, Stranger> {
        let read = self.read.load();
        let age = (self.clock.steady() - read.at).to_std().unwrap_or(Duration::MAX);
        if age >= Access::LONGEST {
            let fault = read.fault.clone().unwrap_or_else(|| "it has not been read for a minute".to_owned());
            return Err(Stranger::Unrecognizable(fault));
        }
        read.tokens.holder(token.expose_secret()).ok_or(Stranger::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    struct Scene {
        folder: tempfile::TempDir,
        file: Arc<TokenFile>,
    }

    impl Scene {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("tokens"), text).unwrap();
            let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
            let file = Arc::new(TokenFile::open(folder.path().join("tokens"), clock).unwrap());
            Self { folder, file }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("tokens")
        }

        fn look(&self) {
            self.file.take(self.file.clock.steady(), read(&self.path()));
        }

        fn holder(&self, token: &str) -> Result<String, Stranger> {
            self.file.holder(&token.into()).map(|name| name.to_string())
        }
    }

    fn fault(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens"), text).unwrap();
        read(&folder.path().join("tokens")).err().unwrap().to_string()
    }

    #[test]
    fn each_line_is_a_token_with_or_without_a_name() {
        let scene = Scene::new(&format!("# people\n\n{ONE}\r\n  ci   {OTHER}\n"));
        assert_eq!(scene.holder(ONE).unwrap(), "token");
        assert_eq!(scene.holder(OTHER).unwrap(), "ci");
        for other in ["", "ci", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert_eq!(scene.holder(other), Err(Stranger::Unknown), "{other}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number_and_never_shown() {
        for (text, expected) in [
            (format!("{ONE}\nshort\n"), "line 2 of the token file"),
            ("secretsecretsecret\u{1f}more".to_owned(), "visible ASCII"),
            (format!("a b {ONE}"), "a line is TOKEN or NAME TOKEN"),
            (format!("a {ONE}\nb {ONE}"), "in the file already"),
            ("# nobody\n".to_owned(), "there is no token in the token file"),
        ] {
            let fault = fault(&text);
            assert!(fault.contains(expected), "{fault}");
            assert!(!fault.contains("secret") && !fault.contains(ONE), "{fault}");
        }
        assert!(read(Path::new("/does/not/exist")).err().unwrap().to_string().contains("/does/not/exist"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_file_is_soon_followed() {
        let scene = Scene::new(ONE);
        let following = tokio::spawn(scene.file.clone().follow());
        std::fs::write(scene.path(), format!("new {OTHER}")).unwrap();
        while scene.holder(OTHER).is_err() {
            scene.file.clock.sleep(LOOK).await;
        }
        assert_eq!(scene.holder(ONE), Err(Stranger::Unknown));
        following.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_cannot_be_used_any_more_lets_nobody_in_after_a_minute() {
        let scene = Scene::new(ONE);
        std::fs::remove_file(scene.path()).unwrap();
        for _ in 0..59 {
            scene.look();
            assert!(scene.holder(ONE).is_ok());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        scene.look();
        assert!(matches!(scene.holder(ONE), Err(Stranger::Unrecognizable(fault)) if fault.contains("cannot be read")));
        std::fs::write(scene.path(), ONE).unwrap();
        scene.look();
        assert!(scene.holder(ONE).is_ok());
    }
}
