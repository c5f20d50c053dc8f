//! [`HungUp`]: of whom it was told lately that he did not wait for the store's answer.

use std::collections::VecDeque;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

use super::sync::{Mutex, PoisonError};

/// As many names as a thousand requests have, and more than are lost in half a minute.
const MOST: usize = 2_048;

/// What a request can be admitted for only once, or once in a while: its token, and its number for one
/// interval between two texts.
///
/// The store knows whether a token is spent, or a number had its text; whoever hangs up before it says so
/// is told as if he had been admitted. So he is told as often as he could have been.
#[derive(Default)]
pub(super) struct HungUp(Mutex<VecDeque<(Pseudonym, Timestamp)>>);

impl HungUp {
    /// Whether nobody was told of under one of these names until it can be admitted again; from now on
    /// somebody was.
    pub(super) fn is_first<const N: usize>(
        &self,
        names: [Option<(Pseudonym, Timestamp)>; N],
        now: Timestamp,
    ) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(_, until)| *until > now);
        let is_first =
            !told.iter().any(|(name, _)| names.iter().flatten().any(|(again, _)| again == name));
        if is_first {
            told.extend(names.into_iter().flatten());
            let over = told.len().saturating_sub(MOST);
            told.drain(..over);
        }
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u16) -> Pseudonym {
        let [a, b] = n.to_be_bytes();
        let mut bytes = [0; 16];
        (bytes[0], bytes[1]) = (a, b);
        Pseudonym::from_bytes(bytes)
    }

    #[test]
    fn one_is_told_again_when_both_his_names_are_free_and_the_list_is_bounded() {
        let (told, at) = (HungUp::default(), Timestamp::from_millis);
        let request = |token, number, now| {
            let names = [Some((name(token), at(now + 600))), Some((name(number), at(now + 30)))];
            told.is_first(names, at(now))
        };
        assert!(request(1, 1_000, 0));
        assert!(!request(1, 1_001, 5), "the token is spent");
        assert!(!request(2, 1_000, 29), "the number had its text");
        assert!(request(2, 1_000, 30));
        assert!(!request(1, 1_002, 599) && request(1, 1_002, 600));
        (3..9_000).for_each(|n| {
            told.is_first([Some((name(n), at(9_000)))], at(1_000));
        });
        assert_eq!(told.0.lock().unwrap().len(), MOST);
    }
}
