//! Dates of HTTP headers (RFC 9110 section 5.6.7, the form that senders must use).

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`. `None` for everything else.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year) = (number(parts.next()?, 2)?, parts.next()?, number(parts.next()?, 4)?);
    let (time, zone) = (parts.next()?, parts.next()?);
    if parts.next().is_some() || zone != "GMT" {
        return None;
    }
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let mut clock = time.split(':');
    let (hour, minute) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let second = number(clock.next()?, 2)?;
    if clock.next().is_some() || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before(year, month)?.checked_add(day)?.checked_sub(1)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)
}

/// Milliseconds since 1970 of `2026-11-28T06:00:00.5Z` (RFC 3339), in UTC; without a zone it is taken
/// for UTC, too. `None` for everything else.
#[cfg(any(
    feature = "aws",
    feature = "friendly-captcha",
    feature = "hcaptcha",
    feature = "recaptcha",
    feature = "turnstile",
    feature = "twilio",
    feature = "vonage"
))]
pub(crate) fn rfc3339_millis(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let time = ["Z", "z", "+00:00"].iter().find_map(|zone| time.strip_suffix(zone)).unwrap_or(time);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut date = date.split('-');
    let (year, month) = (number(date.next()?, 4)?, number(date.next()?, 2)?);
    let day = number(date.next()?, 2)?;
    let mut clock = time.split(':');
    let (hour, minute) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let second = number(clock.next()?, 2)?;
    let whole = date.next().is_none() && clock.next().is_none();
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    if !whole || !digits || !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let days = days_before(year, month.checked_sub(1)?)?.checked_add(day)?.checked_sub(1)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    let seconds =
        hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    seconds.checked_mul(1_000)?.checked_add(millis)
}

/// Days from 1970-01-01 to the first of a month; months count from 0. The year begins in March, so
/// that the leap day is its last.
fn days_before(year: u64, month: u64) -> Option<u64> {
    let (year, month) = match month {
        0 | 1 => (year.checked_sub(1)?, month.checked_add(10)?),
        _ => (year, month.checked_sub(2)?),
    };
    let leaps = (year / 4).checked_sub(year / 100)?.checked_add(year / 400)?;
    let in_year = month.checked_mul(153)?.checked_add(2)? / 5;
    let whole = year.checked_mul(365)?.checked_add(leaps)?.checked_add(in_year)?;
    whole.checked_sub(719_468)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_1970() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(seconds("Sat, 28 Nov 2026 06:00:00 GMT"), Some(1_795_845_600));
    }

    #[cfg(any(
        feature = "aws",
        feature = "friendly-captcha",
        feature = "hcaptcha",
        feature = "recaptcha",
        feature = "turnstile",
        feature = "twilio",
        feature = "vonage"
    ))]
    #[test]
    fn dates_of_the_internet_are_read_to_the_millisecond() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1994-11-06T08:49:37Z", 784_111_777_000),
            ("2024-02-29T23:59:59.5Z", 1_709_251_199_500),
            ("2024-07-08T09:30:27.504Z", 1_720_431_027_504),
            ("2024-07-08T09:30:27.504999+00:00", 1_720_431_027_504),
            ("2025-10-11T08:23:23.456", 1_760_171_003_456),
        ] {
            assert_eq!(rfc3339_millis(text), Some(millis), "{text}");
        }
        for text in [
            "",
            "2024-07-08",
            "2024-07-08 09:30:27Z",
            "2024-07-08T09:30:27+02:00",
            "2024-13-08T09:30:27Z",
            "2024-00-08T09:30:27Z",
            "2024-07-08T24:30:27Z",
            "2024-07-08T09:30:27.Z",
            "2024-07-08T09:30Z",
            "1969-07-08T09:30:27Z",
            "2024-07-08T09:30:27Z2024",
        ] {
            assert_eq!(rfc3339_millis(text), None, "{text}");
        }
    }

    #[test]
    fn other_forms_are_no_dates() {
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
