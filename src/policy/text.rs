//! Policies as text (feature `serde`): durations as `"30s"`, money as dollars, regions as `"DE"`.
//!
//! Only what a policy is made of can be read and written. Nothing that holds a code, a key or a
//! number has a text form.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::money::Money;
use crate::context::Purpose;
use crate::otp::CodeFormat;
use crate::recipient::Region;
use crate::token::{HumanTime, TicketTtl, WorkBits};

/// A duration as whole seconds, or as a number and a unit: `ms`, `s`, `m`, `h`, `d`.
pub(crate) mod span {
    use super::{Deserializer, Duration, Serializer, SpanVisitor};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let millis = span.as_millis();
        let text = match millis {
            0 => "0s".to_owned(),
            _ if millis.is_multiple_of(86_400_000) => format!("{}d", millis / 86_400_000),
            _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
            _ => format!("{millis}ms"),
        };
        to.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from.deserialize_any(SpanVisitor)
    }
}

/// As [`span`], or `"never"`.
pub(crate) mod optional_span {
    use super::{
        Deserializer, Duration, Error, Serializer, SpanVisitor, Unexpected, Visitor, fmt,
        parse_span, span,
    };

    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => span::serialize(span, to),
            None => to.serialize_str("never"),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        struct OrNever;

        impl Visitor<'_> for OrNever {
            type Value = Option<Duration>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                SpanVisitor.expecting(f)?;
                f.write_str(", or \"never\"")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
                SpanVisitor.visit_u64(seconds).map(Some)
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Self::Value, E> {
                SpanVisitor.visit_i64(seconds).map(Some)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let span = || parse_span(text).map(Some);
                let never = (text == "never").then_some(None);
                never.or_else(span).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        from.deserialize_any(OrNever)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration: whole seconds, or a number and a unit such as \"500ms\", \"30s\", \"5m\", \"2h\", \"1d\"")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let refused = || E::invalid_value(Unexpected::Signed(seconds), &self);
        u64::try_from(seconds).map(Duration::from_secs).map_err(|_| refused())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_span(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn parse_span(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let micro = self.as_microdollars();
        let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
        to.serialize_str(&text)
    }
}

/// Dollars: `20`, `0.05` or `"0.05"`; at most six decimals.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Dollars;

        impl Visitor<'_> for Dollars {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in US dollars, such as 20 or 0.05")
            }

            fn visit_u64<E: Error>(self, dollars: u64) -> Result<Money, E> {
                Ok(Money::dollars(dollars))
            }

            fn visit_i64<E: Error>(self, dollars: i64) -> Result<Money, E> {
                let refused = || E::invalid_value(Unexpected::Signed(dollars), &self);
                u64::try_from(dollars).map(Money::dollars).map_err(|_| refused())
            }

            fn visit_f64<E: Error>(self, dollars: f64) -> Result<Money, E> {
                // The digits of the file, not those of the binary number, and never an exponent.
                self.visit_str(&dollars.to_string())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Money, E> {
                parse_dollars(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        from.deserialize_any(Dollars)
    }
}

fn parse_dollars(text: &str) -> Option<Money> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(Money::microdollars(whole.checked_mul(1_000_000)?.checked_add(fraction)?))
}

/// Types that are written as one string and read back by a fallible conversion.
macro_rules! as_text {
    ($type:ty, $write:expr, $read:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> String = $write;
                to.serialize_str(&write(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                let read: fn(&str) -> Result<$type, String> = $read;
                read(&text).map_err(D::Error::custom)
            }
        }
    };
}

as_text!(Region, |region| region.as_str().to_owned(), |text| {
    Region::from_str(text).map_err(|error| format!("`{text}`: {error}"))
});
as_text!(Purpose, |purpose| purpose.as_str().to_owned(), |text| {
    Purpose::new(text.to_owned()).map_err(|error| format!("`{text}`: {error}"))
});
as_text!(CodeFormat, write_format, read_format);

fn write_format(format: &CodeFormat) -> String {
    let kind = if format.is_numeric() { "digits" } else { "unambiguous" };
    format!("{} {kind}", format.len())
}

/// `"6 digits"` or `"8 unambiguous"`.
fn read_format(text: &str) -> Result<CodeFormat, String> {
    let shape = || "a code format is written like \"6 digits\" or \"8 unambiguous\"".to_owned();
    let (length, kind) = text.split_once(' ').ok_or_else(shape)?;
    let length: u8 = length.parse().map_err(|_| shape())?;
    match kind {
        "digits" => CodeFormat::digits(length).map_err(|error| error.to_string()),
        "unambiguous" => CodeFormat::unambiguous(length).map_err(|error| error.to_string()),
        _ => Err(shape()),
    }
}

/// Types that wrap a bounded duration.
macro_rules! as_span {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                span::serialize(&self.as_duration(), to)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$type>::new(span::deserialize(from)?).map_err(D::Error::custom)
            }
        }
    };
}

as_span!(TicketTtl);
as_span!(HumanTime);

impl Serialize for WorkBits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(self.bits())
    }
}

impl<'de> Deserialize<'de> for WorkBits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_dollars_are_exact() {
        assert_eq!(parse_span("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_span("18446744073709551615d"), None);
        assert_eq!(parse_span("s"), None);
        assert_eq!(parse_dollars("0.0063"), Some(Money::microdollars(6_300)));
        assert_eq!(parse_dollars("1.0000001"), None);
        assert_eq!(parse_dollars(""), None);
    }

    /// A number of a file is what it says, like the same text: what is finer than money is refused,
    /// not rounded, or a rate would be lower than it was written.
    #[test]
    fn a_number_of_dollars_is_read_like_its_text() {
        use serde::de::value::{Error, F64Deserializer};
        let read = |dollars: f64| Money::deserialize(F64Deserializer::<Error>::new(dollars)).ok();
        assert_eq!(read(0.05), Some(Money::cents(5)));
        assert_eq!(read(0.000_001), Some(Money::microdollars(1)));
        assert_eq!(read(20.0), Some(Money::dollars(20)));
        for bad in [0.000_000_4, 0.000_023_4, 1.000_000_1, -1.0, -0.0, f64::NAN, f64::MAX] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
