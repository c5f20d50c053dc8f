//! Times for people: UTC, because the on-call and the logs may be in different places.

use std::time::Duration;

use crate::base::time::{Timestamp, civil};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `02:41`.
pub(super) fn time(at: Timestamp) -> String {
    let minutes = at.as_millis() / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

/// `28 Nov 02:41 UTC`.
pub(super) fn date(at: Timestamp) -> String {
    format!("{} UTC", day(at))
}

/// `02:41`, or `28 Nov 02:41` where that may be another day's: after twelve hours it is not tonight's.
pub(super) fn lately(at: Timestamp, now: Timestamp) -> String {
    let half_a_day = Duration::from_secs(12 * 3_600);
    if now.since(at) > half_a_day { day(at) } else { time(at) }
}

/// `28 Nov 02:41`.
fn day(at: Timestamp) -> String {
    let (_, month, day) = civil(at.as_millis() / 86_400_000);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{day} {} {}", month.copied().unwrap_or("?"), time(at))
}

/// A span in the two largest of its units: `2 h 5 min`, `40 s`.
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1 Jan 00:00 UTC"),
            (951_782_340, "28 Feb 23:59 UTC"), // 2000, a leap year
            (951_782_400, "29 Feb 00:00 UTC"),
            (1_795_348_800, "22 Nov 12:00 UTC"), // 2026
            (4_107_542_400, "1 Mar 00:00 UTC"),  // 2100, which has no leap day
        ] {
            assert_eq!(date(Timestamp::from_millis(seconds * 1_000)), text);
        }
    }

    /// A notice of two weeks ago must not look like tonight's.
    #[test]
    fn what_is_older_than_half_a_day_has_its_date() {
        let noon = Timestamp::from_millis(1_795_348_800_000);
        let later = |hours: u64, millis| noon + Duration::from_millis(hours * 3_600_000 + millis);
        assert_eq!(lately(noon, later(12, 0)), "12:00");
        assert_eq!(lately(noon, later(12, 1)), "22 Nov 12:00");
        assert_eq!(lately(noon, later(14 * 24, 0)), "22 Nov 12:00");
        assert_eq!(lately(later(1, 0), noon), "13:00", "of a gate whose clock leads");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!(span(40_000), "40 s");
        assert_eq!(span(125 * 60_000), "2 h 5 min");
        assert_eq!(span(49 * 3_600_000), "2 d 1 h");
    }
}
