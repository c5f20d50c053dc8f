//! The time in a signature: seconds as text, and how old it may be.

use std::time::Duration;

use crate::base::time::Timestamp;

/// How far the signed time may be from now, both ends inclusive: what the SDKs of Telnyx and Bird, and
/// the specification *Standard Webhooks*, allow.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Whole seconds since 1970: digits only.
pub(crate) fn seconds(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<u64>().ok()?.checked_mul(1_000).map(Timestamp::from_millis)
}

/// Whether `signed_at` is old enough, or far enough ahead, to be somebody's copy.
pub(crate) fn is_stale(signed_at: Timestamp, now: Timestamp) -> bool {
    now.since(signed_at).max(signed_at.since(now)) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_time() {
        assert_eq!(seconds("1795800000"), Some(Timestamp::from_millis(1_795_800_000_000)));
        for bad in
            ["", "+1", "-1", " 1", "1.0", "1e3", "18446744073709551615", "99999999999999999999"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_allowed() {
        let at = |millis: u64| Timestamp::from_millis(1_000_000 + millis);
        assert!(!is_stale(at(0), at(300_000)) && !is_stale(at(300_000), at(0)));
        assert!(is_stale(at(0), at(300_001)) && is_stale(at(300_001), at(0)));
    }
}
