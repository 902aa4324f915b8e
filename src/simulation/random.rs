//! Randomness that depends on the seed and on what it is for, never on the order in which things happen to run.
//!
//! Every use names its own stream (a pod's noise, a ReplicaSet's next pod name), so a request that arrives a little
//! earlier or later does not change the numbers of everything after it.

/// The seed of a run, from which every stream derives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub u64);

/// The letters that Kubernetes uses in generated names: no vowels and no look-alikes, so that no words appear.
const SAFE_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Seed {
    /// The stream for the subject named by `parts`, and the `number`th of its kind.
    pub fn stream(self, parts: &[&str], number: u64) -> fastrand::Rng {
        let mut hash = Fnv::new();
        hash.write(&self.0.to_le_bytes());
        for part in parts {
            hash.write(part.as_bytes());
            // Keeps ("ab", "c") and ("a", "bc") apart.
            hash.write(&[0xff]);
        }
        hash.write(&number.to_le_bytes());
        fastrand::Rng::with_seed(hash.0)
    }

    /// A unique id in the form of a UUID of version 4.
    pub fn uid(self, parts: &[&str], number: u64) -> String {
        let bytes = self.stream(parts, number).u128(..).to_le_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// `length` letters, as the API server appends them to a `generateName`.
pub(super) fn name_suffix(random: &mut fastrand::Rng, length: usize) -> String {
    (0..length).map(|_| char::from(SAFE_LETTERS[random.usize(..SAFE_LETTERS.len())])).collect()
}

/// The ten letters that stand for a pod template in the names of ReplicaSets and revisions.
pub(super) fn template_hash(template: &str) -> String {
    let mut hash = Fnv::new();
    hash.write(template.as_bytes());
    let digits = format!("{:010}", hash.0 % 10_000_000_000);
    digits.bytes().map(|digit| char::from(SAFE_LETTERS[usize::from(digit) % SAFE_LETTERS.len()])).collect()
}

/// FNV-1a: small, and the same in every build, which the standard library's hasher does not promise.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_subject_and_number_only() {
        let draw = |seed, parts: &[&str], number| Seed(seed).stream(parts, number).u64(..);
        assert_eq!(draw(1, &["a", "b"], 0), draw(1, &["a", "b"], 0));
        assert_ne!(draw(1, &["a", "b"], 0), draw(2, &["a", "b"], 0));
        assert_ne!(draw(1, &["a", "b"], 0), draw(1, &["ab"], 0));
        assert_ne!(draw(1, &["a", "b"], 0), draw(1, &["a", "b"], 1));
    }

    #[test]
    fn names_are_built_from_kubernetes_letters() {
        let suffix = name_suffix(&mut Seed(1).stream(&["x"], 0), 5);
        assert_eq!(suffix.len(), 5);
        assert!(suffix.bytes().all(|letter| SAFE_LETTERS.contains(&letter)));
        assert_eq!(template_hash("a").len(), 10);
        assert_ne!(template_hash("a"), template_hash("b"));
    }
}
