//! Times for people: UTC, because the on-call and the logs may be in different places.

use crate::base::time::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `02:41`.
pub(super) fn time(at: Timestamp) -> String {
    let minutes = at.as_millis() / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

/// `28 Nov 02:41 UTC`.
pub(super) fn date(at: Timestamp) -> String {
    let (day, month) = day_and_month(at.as_millis() / 86_400_000);
    format!("{day} {month} {} UTC", time(at))
}

/// Day and month of a day since 1970. Years begin in March, so that the leap day is the last one.
fn day_and_month(days: u64) -> (u64, &'static str) {
    let days = days.saturating_add(719_468);
    let of_era = days % 146_097;
    let leaps = (of_era / 1_460).saturating_sub(of_era / 36_524).saturating_add(of_era / 146_096);
    let years = of_era.saturating_sub(leaps) / 365;
    let before = years.saturating_mul(365).saturating_add(years / 4).saturating_sub(years / 100);
    let of_year = of_era.saturating_sub(before);
    let month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let first = month.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(first).saturating_add(1);
    let month = usize::try_from(month.saturating_add(2) % 12).unwrap_or(0);
    (day, MONTHS.get(month).copied().unwrap_or("?"))
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

    #[test]
    fn spans_are_short() {
        assert_eq!(span(40_000), "40 s");
        assert_eq!(span(125 * 60_000), "2 h 5 min");
        assert_eq!(span(49 * 3_600_000), "2 d 1 h");
    }
}
