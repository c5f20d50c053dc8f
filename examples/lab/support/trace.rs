//! Reading a trace: what is wrong with a row is said with its line, and the row is left out.

use std::collections::HashMap;
use std::io::BufRead;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use otpgate::{Recipient, RecipientError};

/// The header a trace must have.
pub const HEADER: &str =
    "at_ms,phone,ip,session,solves,converts_after_ms,delivered,price_microusd,label";

/// The year 9999: what is later is a slip of the pen.
const LATEST_MS: u64 = 253_402_300_799_999;
/// A week: no code page is open for so long, so what is more is a time and no span.
const LONGEST_ENTRY_MS: u64 = 7 * 86_400_000;

/// One request.
#[derive(Clone, Debug)]
pub struct Row {
    pub at_ms: u64,
    /// The E.164 number without its plus.
    pub phone: u64,
    /// Where the number is; `00` if nobody knows.
    pub region: [u8; 2],
    pub ip: IpAddr,
    pub session: Box<str>,
    pub solves: bool,
    pub converts_after_ms: Option<u64>,
    pub delivered: bool,
    pub price_microusd: u32,
    /// Index into [`Trace::labels`].
    pub label: u16,
}

/// A whole trace.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub rows: Vec<Row>,
    pub labels: Vec<String>,
    /// Line number and reason of each row that was left out.
    pub malformed: Vec<(u64, String)>,
    /// Rows whose log kept no address or no session.
    pub without_address: usize,
    pub without_session: usize,
    /// Rows whose code was entered, and how many of them the numbering table would refuse.
    pub converting: usize,
    pub converting_outside: usize,
    index: HashMap<String, u16>,
}

impl Row {
    /// The number as the gate is given it.
    pub fn recipient(&self) -> Result<Recipient, String> {
        Recipient::from_e164(&format!("+{}", self.phone)).map_err(|error| error.to_string())
    }
}

impl Trace {
    /// Reads the file at `path`.
    pub fn open(path: &Path) -> Result<Self, String> {
        let named = |error: String| format!("{}: {error}", path.display());
        let file = std::fs::File::open(path).map_err(|error| named(error.to_string()))?;
        Self::read(std::io::BufReader::new(file)).map_err(named)
    }

    /// Reads a trace, line by line: no field holds a line break, and a quotation mark too many takes its
    /// own row and none below it.
    pub fn read(mut text: impl BufRead) -> Result<Self, String> {
        let mut next = |line: &mut Vec<u8>| {
            line.clear();
            text.read_until(b'\n', line).map_err(|error| error.to_string())
        };
        let mut line = Vec::new();
        next(&mut line)?;
        check_header(line.trim_ascii_end())?;
        let mut trace = Self::default();
        let (mut number, mut earliest, mut first) = (1, 0, true);
        while next(&mut line)? > 0 {
            number += 1;
            let text = line.trim_ascii_end();
            if text.is_empty() {
                continue;
            }
            let record = match fields(text) {
                Ok(record) => record,
                Err(reason) => {
                    trace.malformed.push((number, reason));
                    continue;
                }
            };
            if let Some(time) = record.get(0).filter(|time| first && is_time(time)) {
                check_unit(time)?;
                first = false;
            }
            match trace.row(&record, earliest) {
                Ok(row) => {
                    earliest = row.at_ms;
                    trace.rows.push(row);
                }
                Err(reason) => trace.malformed.push((number, reason)),
            }
        }
        Ok(trace)
    }

    /// The label of a row.
    pub fn label(&self, row: &Row) -> &str {
        self.labels.get(usize::from(row.label)).map_or("", String::as_str)
    }

    /// Whether the row's label says attack.
    pub fn is_attack(&self, row: &Row) -> bool {
        self.label(row).starts_with("attack")
    }

    fn row(&mut self, record: &csv::StringRecord, earliest: u64) -> Result<Row, String> {
        if record.len() != 9 {
            return Err(format!("{} fields instead of 9", record.len()));
        }
        let field = |index: usize| record.get(index).unwrap_or_default();
        let number = |index: usize, name: &str| {
            field(index)
                .parse::<u64>()
                .map_err(|_| format!("{name} `{}` is not a whole number", field(index)))
        };
        let flag = |index: usize, name: &str| match field(index) {
            "1" => Ok(true),
            "0" => Ok(false),
            other => Err(format!("{name} `{other}` is neither 0 nor 1")),
        };
        let at_ms = number(0, "at_ms")?;
        if at_ms < earliest {
            return Err(format!(
                "at_ms {at_ms} is before the row above ({earliest}); sort the rows by time"
            ));
        }
        if at_ms > LATEST_MS {
            return Err(format!("at_ms {at_ms} is after the year 9999"));
        }
        let phone = Recipient::parse(field(1), None).map_err(|error| match error {
            RecipientError::MissingCountry => {
                "phone: no country code; write + and the country code in front".to_owned()
            }
            error => format!("phone: {error}"),
        })?;
        let ip = match field(2) {
            "" => None,
            text => {
                Some(text.parse::<IpAddr>().map_err(|_| format!("ip `{text}` is not an address"))?)
            }
        };
        let converts_after_ms = match field(5) {
            "" => None,
            _ => Some(number(5, "converts_after_ms")?),
        };
        if let Some(after) = converts_after_ms.filter(|after| *after > LONGEST_ENTRY_MS) {
            return Err(format!(
                "converts_after_ms {after} is more than a week; count it from the request, in milliseconds"
            ));
        }
        let price_microusd = number(7, "price_microusd")?;
        if price_microusd > 1_000_000_000 {
            return Err(format!("price_microusd {price_microusd} is more than 1 000 dollars"));
        }
        let (solves, delivered) = (flag(4, "solves")?, flag(6, "delivered")?);
        let label = self.label_index(field(8))?;
        // From here on nothing is wrong with the row.
        let place = self.rows.len();
        self.without_address += usize::from(ip.is_none());
        self.without_session += usize::from(field(3).is_empty());
        let session = match field(3) {
            "" => format!("row {place}").into(),
            session => session.into(),
        };
        if converts_after_ms.is_some() {
            self.converting += 1;
            self.converting_outside += usize::from(!super::host::is_ordinary(&phone));
        }
        let digits = phone.expose_e164();
        Ok(Row {
            at_ms,
            phone: digits.as_str().trim_start_matches('+').parse().map_err(|_| "phone")?,
            region: super::host::home(&phone),
            ip: ip.unwrap_or_else(|| nowhere(place)),
            session,
            solves,
            converts_after_ms,
            delivered,
            price_microusd: u32::try_from(price_microusd).unwrap_or(u32::MAX),
            label,
        })
    }

    fn label_index(&mut self, name: &str) -> Result<u16, String> {
        let name = match name.split(':').next() {
            _ if name.is_empty() => "unlabelled",
            Some("legit" | "attack") => name,
            _ => return Err(format!("label `{name}` begins with neither `legit:` nor `attack:`")),
        };
        if let Some(index) = self.index.get(name) {
            return Ok(*index);
        }
        let index = u16::try_from(self.labels.len())
            .map_err(|_| "more than 65 535 different labels".to_owned())?;
        self.labels.push(name.to_owned());
        self.index.insert(name.to_owned(), index);
        Ok(index)
    }
}

/// The fields of one line.
fn fields(line: &[u8]) -> Result<csv::StringRecord, String> {
    if line.contains(&b'\r') {
        return Err("a carriage return in its middle; end each line with a line feed".to_owned());
    }
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .buffer_capacity(line.len().max(1))
        .from_reader(line);
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record),
        Err(_) => Err("no UTF-8; save the file as UTF-8".to_owned()),
    }
}

/// Refuses what is no trace by its first line, and says what it is where that can be told.
fn check_header(line: &[u8]) -> Result<(), String> {
    if line.starts_with(b"\x1f\x8b") {
        return Err("this is packed with gzip; unpack it first".to_owned());
    }
    if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
        return Err("this is UTF-16; save it as UTF-8".to_owned());
    }
    let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if fields(text).is_ok_and(|header| header.iter().eq(HEADER.split(','))) {
        return Ok(());
    }
    let found = String::from_utf8_lossy(text);
    let found: String = found.chars().take(200).flat_map(char::escape_debug).collect();
    let found = if found.is_empty() { "nothing" } else { &found };
    Err(format!(
        "this is no trace.\n  expected the header: {HEADER}\n  found:               {found}"
    ))
}

fn is_time(text: &str) -> bool {
    text.parse().is_ok_and(f64::is_finite)
}

/// Refuses a trace whose first time is a time of this century in another unit: read as milliseconds,
/// its days would be minutes, and every answer wrong without a word. A trace that counts from 0 is
/// read as it is.
fn check_unit(first: &str) -> Result<(), String> {
    const CENTURY: std::ops::RangeInclusive<f64> = 946_684_800.0..=4_102_444_800.0;
    let Ok(time) = first.parse::<f64>() else { return Ok(()) };
    for (unit, in_a_second, cure) in [
        ("seconds", 1.0, "multiply it by 1 000"),
        ("microseconds", 1e6, "divide it by 1 000"),
        ("nanoseconds", 1e9, "divide it by 1 000 000"),
    ] {
        if CENTURY.contains(&(time / in_a_second)) {
            return Err(format!(
                "at_ms `{first}` looks like {unit} since 1970; the column is in milliseconds: {cure}"
            ));
        }
    }
    Ok(())
}

/// An address that no other row has: the log did not keep the client's, which is not the same as a
/// client without one. In the discard-only block of RFC 6666, each in a /48 of its own.
fn nowhere(place: usize) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(
        (0x0100_u128 << 112) | ((place as u128 & 0xffff_ffff) << 80) | 1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Trace {
        Trace::read(format!("{HEADER}\n{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn another_header_is_refused_with_the_one_expected() {
        for wrong in ["at_ms,phone", "phone,at_ms,ip,session,solves", ""] {
            let error = Trace::read(wrong.as_bytes()).unwrap_err();
            assert!(error.contains(HEADER), "{error}");
        }
        let marked = format!("\u{feff}{HEADER}\r\n");
        assert!(Trace::read(marked.as_bytes()).unwrap().rows.is_empty());
    }

    #[test]
    fn malformed_rows_are_named_by_line_and_left_out() {
        let trace = read(
            "1000,+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new\n\
             x,+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new\n\
             900,+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new\n\
             1000,+44,192.0.2.1,s1,1,9000,1,46400,legit:new\n\
             1000,+447400123456,192.0.2.999,s1,1,9000,1,46400,legit:new\n\
             1000,+447400123456,192.0.2.1,s1,yes,9000,1,46400,legit:new\n\
             1000,+447400123456,192.0.2.1,s1,1,-5,1,46400,legit:new\n\
             1000,+447400123456,192.0.2.1,s1,1,,1,dear,legit:new\n\
             1000,+447400123456,192.0.2.1,s1,1\n\
             1000,+447400123456,2001:db8::1,s1,1,,1,46400,\n",
        );
        let lines: Vec<u64> = trace.malformed.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(trace.malformed[1].1.contains("before the row above"));
        assert_eq!(trace.rows.len(), 2);
        assert_eq!(trace.label(&trace.rows[1]), "unlabelled");
        assert_eq!(trace.rows[0].region, *b"GB");
    }

    #[test]
    fn times_in_another_unit_are_refused_with_the_cure() {
        let row = |at: &str| {
            let rest = "+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new";
            Trace::read(format!("{HEADER}\n{at},{rest}\n").as_bytes())
        };
        for (at, unit, cure) in [
            ("1700000000", "seconds", "multiply it by 1 000"),
            ("1700000000.25", "seconds", "multiply it by 1 000"),
            ("946684800", "seconds", "multiply it by 1 000"),
            ("1700000000000000", "microseconds", "divide it by 1 000"),
            ("1700000000000000000", "nanoseconds", "divide it by 1 000 000"),
        ] {
            let error = row(at).unwrap_err();
            assert!(error.contains(unit) && error.ends_with(cure), "{error}");
        }
        // Milliseconds of this century, and a trace that begins at nothing.
        for at in ["1700000000000", "0", "1000", "86400000", "946684800000"] {
            assert_eq!(row(at).unwrap().rows.len(), 1, "{at}");
        }
        assert!(row("x").unwrap().rows.is_empty());
        // Rows without a time in front hide none.
        for none in ["x", "", "inf"] {
            let rest = "+447400123456,192.0.2.1,s1,1,9000,1,46400,";
            let text = format!("{HEADER}\n{none},{rest}\n1700000000,{rest}\n");
            assert!(Trace::read(text.as_bytes()).unwrap_err().contains("seconds"), "{none}");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        let error = |bytes: &[u8]| Trace::read(bytes).unwrap_err();
        assert!(error(b"\x1f\x8b\x08\x00\x00\x00").contains("gzip"));
        assert!(error(b"\xff\xfea\x00t\x00").contains("UTF-16"));
        assert!(error(b"").ends_with("found:               nothing"));
        let long = "1000,+447400123456,".repeat(100_000);
        assert!(error(long.as_bytes()).len() < 500, "no file is quoted back");
        let mut rows = HEADER.as_bytes().to_vec();
        rows.extend(b"\n1000,+447400123456,192.0.2.1,\xe9,1,,1,46400,\n");
        assert!(Trace::read(&*rows).unwrap().malformed[0].1.contains("UTF-8"));
    }

    /// A mark that nothing closes took all rows behind it, and counted as one row.
    #[test]
    fn an_open_quotation_mark_hides_no_rows() {
        let row = "1000,+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new\n";
        let open = row.replace(",s1,", ",\"s1,");
        let trace = read(&[row, &open, row, row].concat());
        assert_eq!((trace.rows.len(), trace.malformed.len(), trace.malformed[0].0), (3, 1, 3));
        let closed = row.replace(",s1,", ",\"s1, of two words\",").replace("1000", "\"1000\"");
        assert_eq!(&*read(&closed).rows[0].session, "s1, of two words");
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let row = "1000,+447400123456,192.0.2.1,s1,1,9000,1,46400,legit:new";
        for end in ["\n", "\r\n"] {
            let text = [HEADER, row, "", "x", row, "y"].join(end);
            let trace = Trace::read(text.as_bytes()).unwrap();
            let lines: Vec<_> = trace.malformed.iter().map(|(line, _)| *line).collect();
            assert_eq!((trace.rows.len(), lines), (2, vec![4, 6]), "{end:?}");
        }
        let old = [HEADER, row, row].join("\r");
        assert!(Trace::read(old.as_bytes()).unwrap_err().contains("this is no trace"));
    }

    #[test]
    fn what_would_be_read_as_something_else_is_named() {
        let reason = |row: &str| read(row).malformed[0].1.clone();
        let label =
            |label: &str| format!("1000,+447400123456,192.0.2.1,s1,1,9000,1,46400,{label}\n");
        assert!(reason(&label("Attack:A1")).contains("neither `legit:` nor `attack:`"));
        assert!(reason(&label("bot")).contains("`bot`"));
        assert_eq!(read(&[label("attack"), label("legit"), label("")].concat()).labels.len(), 3);
        let bare = "1000,447400123456,192.0.2.1,s1,1,9000,1,46400,\n";
        assert!(reason(bare).contains("write + and the country code"), "{}", reason(bare));
        let absolute = "1000,+447400123456,192.0.2.1,s1,1,1700000009000,1,46400,\n";
        assert!(reason(absolute).contains("count it from the request"));
    }

    #[test]
    fn a_log_without_addresses_or_sessions_gives_each_row_its_own() {
        let row = "1000,+447400123456,,,1,,1,46400,\n";
        let trace = read(&row.repeat(3));
        assert_eq!((trace.without_address, trace.without_session), (3, 3));
        assert_ne!(trace.rows[0].ip, trace.rows[1].ip);
        assert_ne!(trace.rows[0].session, trace.rows[2].session);
    }
}
