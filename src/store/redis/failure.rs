//! What went wrong, sorted by whether the call can have taken effect.

use redis::RedisError;

use crate::store::{StoreError, StoreErrorKind};

/// An answer that no script of ours gives.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's answer is not one of this store's; check that no proxy rewrites scripts")]
pub(super) struct Malformed;

/// What is stored was written by a later version of this store.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the realm is stored in format {format}, and this version of otpgate reads formats 1 and 2; run \
     the version that wrote it"
)]
pub(super) struct LaterFormat {
    pub(super) format: u64,
}

/// A deployment is spread over several partitions, and this store is not.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the deployment is spread over several partitions, or their number was changed and the store forgot \
     to what; set `RedisOptions::partitions` to the number there is in every process, and after a change \
     call `RedisStore::repartition` again with the number that it had"
)]
pub(super) struct Spread;

/// A deployment is spread over another number of partitions.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the deployment is kept in {kept} partition(s) and this store was told {asked}: set \
     `RedisOptions::partitions` to {kept} in every process, or call `RedisStore::repartition`, which \
     changes it and loses no limit"
)]
pub(super) struct OtherLayout {
    pub(super) kept: u64,
    pub(super) asked: u64,
}

/// The number of partitions is being changed, and a node that it needs gives no answer.
#[derive(thiserror::Error)]
#[error(
    "the deployment is being changed to {to} partitions and a node that this needs gave no answer; bring \
     it back, and the next call completes the change"
)]
pub(super) struct Changing {
    pub(super) to: u16,
    pub(super) source: StoreError,
}

impl Changing {
    /// One change followed the other all the time.
    pub(super) fn often(to: u16) -> Self {
        Self { to, source: StoreError::new(StoreErrorKind::Unavailable, Unsettled) }
    }
}

/// What an earlier number of partitions has left is not brought over yet.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the change to {to} partitions has left {keys} keys where they were, which end or are fetched in \
     time; call `RedisStore::repartition` with {to} until it is done, then with another number"
)]
pub(super) struct StillMoving {
    pub(super) keys: u64,
    pub(super) to: u16,
}

/// A partition of the generation before gives no answer, so nobody knows what it holds.
#[derive(thiserror::Error)]
#[error(
    "the number of partitions was changed, and a node that holds what was there before gave no answer; \
     bring it back"
)]
pub(super) struct NotBrought(#[source] pub(super) StoreError);

/// A partition that was closed is not.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a partition from before the number of partitions was changed has lost that; restore its newest data"
)]
pub(super) struct Reopened;

/// A limit that cannot be split is charged on what all homes share.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ladder or a count of failures is charged on a subject that is not its home's own, which cannot \
     be spread over partitions; name the subject in the call's home, or use one partition"
)]
pub(super) struct Unsplittable;

/// A call was made again and again.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("other calls were quicker, several times; make the call again")]
pub(super) struct Unsettled;

/// The task that made a call has ended without an answer.
#[derive(thiserror::Error)]
#[error("the runtime stopped while the call was under way")]
pub(super) struct Stopped;

impl From<Malformed> for StoreError {
    fn from(malformed: Malformed) -> Self {
        Self::new(StoreErrorKind::Corrupt, malformed)
    }
}

/// What to do about an error that came after a call was handed to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// The script is not cached there: send its text.
    Load,
    /// Another node has the slot; the call did not run.
    Elsewhere,
    /// Nothing to be done; the connection stays.
    Report(StoreErrorKind),
    /// The connection is of no more use.
    Hangup(StoreErrorKind),
}

impl Remedy {
    /// Redis answers an error before it runs a script or instead of its first write, so a refusal
    /// in words means that nothing changed. Silence means nothing.
    pub(super) fn of(error: &RedisError) -> Self {
        use StoreErrorKind::{Corrupt, Full, Indeterminate, Unavailable};

        let Some(code) = error.code() else { return Self::Hangup(Indeterminate) };
        match code {
            "NOSCRIPT" => Self::Load,
            "MOVED" => Self::Elsewhere,
            "OOM" => Self::Report(Full),
            // Another connection would find the same.
            "BUSY" | "ASK" | "TRYAGAIN" => Self::Report(Unavailable),
            // The server is, or has become, one that does not serve this store: a replica, cut off
            // from its primary or replicas, loading, without a disk, out of the cluster, asking for
            // a password that it did not want before. The address may lead elsewhere by now.
            "READONLY" | "MASTERDOWN" | "LOADING" | "NOREPLICAS" | "MISCONF" | "CLUSTERDOWN"
            | "NOAUTH" | "WRONGPASS" | "NOPERM" | "UNBLOCKED" => Self::Hangup(Unavailable),
            // Before 7.0 the reason stands within the text of a failed script.
            _ => {
                let within = |words: &[&str]| {
                    error.detail().is_some_and(|it| words.iter().any(|word| it.contains(word)))
                };
                if within(&["-OOM "]) {
                    Self::Report(Full)
                } else if within(&["Script killed"]) {
                    Self::Report(Unavailable)
                } else if within(&[
                    "-READONLY ",
                    "-MASTERDOWN ",
                    "-LOADING ",
                    "-NOREPLICAS ",
                    "-MISCONF ",
                    "-CLUSTERDOWN ",
                    "-NOPERM ",
                ]) {
                    Self::Hangup(Unavailable)
                } else {
                    // Perhaps a proxy's word on a server that it lost.
                    Self::Hangup(Corrupt)
                }
            }
        }
    }
}

crate::base::sentence::debug_as_sentence!(Malformed);
crate::base::sentence::debug_as_sentence!(LaterFormat);
crate::base::sentence::debug_as_sentence!(Spread);
crate::base::sentence::debug_as_sentence!(OtherLayout);
crate::base::sentence::debug_as_sentence!(Changing);
crate::base::sentence::debug_as_sentence!(StillMoving);
crate::base::sentence::debug_as_sentence!(NotBrought);
crate::base::sentence::debug_as_sentence!(Reopened);
crate::base::sentence::debug_as_sentence!(Unsplittable);
crate::base::sentence::debug_as_sentence!(Unsettled);
crate::base::sentence::debug_as_sentence!(Stopped);

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(line: &str) -> Remedy {
        let value = redis::parse_redis_value(line.as_bytes()).unwrap();
        Remedy::of(&value.extract_error().unwrap_err())
    }

    #[test]
    fn every_refusal_in_words_took_no_effect() {
        use StoreErrorKind::{Corrupt, Full, Unavailable};
        let cases = [
            ("-NOSCRIPT No matching script.\r\n", Remedy::Load),
            ("-MOVED 12182 127.0.0.1:7001\r\n", Remedy::Elsewhere),
            ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", Remedy::Report(Full)),
            (
                "-ERR Error running script (call to f_1): @user_script:1: -OOM command not \
                 allowed\r\n",
                Remedy::Report(Full),
            ),
            ("-LOADING Redis is loading the dataset in memory\r\n", Remedy::Hangup(Unavailable)),
            ("-MASTERDOWN Link with MASTER is down\r\n", Remedy::Hangup(Unavailable)),
            ("-CLUSTERDOWN The cluster is down\r\n", Remedy::Hangup(Unavailable)),
            ("-MISCONF Redis is configured to save RDB\r\n", Remedy::Hangup(Unavailable)),
            ("-NOAUTH Authentication required.\r\n", Remedy::Hangup(Unavailable)),
            ("-WRONGPASS invalid username-password pair\r\n", Remedy::Hangup(Unavailable)),
            ("-NOPERM this user has no permissions\r\n", Remedy::Hangup(Unavailable)),
            ("-UNBLOCKED force unblock, instance state changed\r\n", Remedy::Hangup(Unavailable)),
            ("-BUSY Redis is busy running a script.\r\n", Remedy::Report(Unavailable)),
            ("-TRYAGAIN Multiple keys request during rehashing\r\n", Remedy::Report(Unavailable)),
            (
                "-ERR Error running script (call to f_1): @user_script:1: -NOREPLICAS Not enough \
                 good replicas to write.\r\n",
                Remedy::Hangup(Unavailable),
            ),
            ("-READONLY You can't write against a replica.\r\n", Remedy::Hangup(Unavailable)),
            ("-NOREPLICAS Not enough good replicas\r\n", Remedy::Hangup(Unavailable)),
            ("-ERR user_script:12: attempt to index a nil value\r\n", Remedy::Hangup(Corrupt)),
        ];
        for (line, expected) in cases {
            assert_eq!(answered(line), expected, "{line}");
        }
    }

    #[test]
    fn silence_means_nothing() {
        let cut = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let expected = Remedy::Hangup(StoreErrorKind::Indeterminate);
        assert_eq!(Remedy::of(&cut.into()), expected);
    }
}
