//! Reading a trace: what is wrong with a row is said with its line, and the row is left out.

use std::net::IpAddr;
use std::path::Path;

use otpgate::Recipient;

/// The header a trace must have.
pub const HEADER: &str =
    "at_ms,phone,ip,session,solves,converts_after_ms,delivered,price_microusd,label";

/// One request.
#[derive(Clone, Debug)]
pub struct Row {
    pub at_ms: u64,
    pub phone: Recipient,
    pub ip: IpAddr,
    pub session: String,
    pub solves: bool,
    pub converts_after_ms: Option<u64>,
    pub delivered: bool,
    pub price_microusd: u64,
    /// Index into [`Trace::labels`].
    pub label: usize,
}

/// A whole trace.
#[derive(Debug, Default)]
pub struct Trace {
    pub rows: Vec<Row>,
    pub labels: Vec<String>,
    /// Line number and reason of each row that was left out.
    pub malformed: Vec<(u64, String)>,
}

impl Trace {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(true)
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let header = reader.headers().map_err(|error| format!("{}: {error}", path.display()))?;
        let found = header.iter().collect::<Vec<_>>().join(",");
        if found.trim_start_matches('\u{feff}') != HEADER {
            return Err(format!(
                "{}: this is no trace.\n  expected the header: {HEADER}\n  found:               {found}",
                path.display()
            ));
        }
        let mut trace = Self::default();
        let mut earliest = 0;
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record.position().map_or(line, csv::Position::line);
                    match trace.row(&record, earliest) {
                        Ok(row) => {
                            earliest = row.at_ms;
                            trace.rows.push(row);
                        }
                        Err(reason) => trace.malformed.push((line, reason)),
                    }
                }
                Err(error) => trace.malformed.push((line, error.to_string())),
            }
        }
        Ok(trace)
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
            return Err(format!("at_ms {at_ms} is before the row above ({earliest})"));
        }
        if at_ms > 253_402_300_799_999 {
            return Err(format!("at_ms {at_ms} is after the year 9999"));
        }
        let phone = Recipient::parse(field(1), None).map_err(|error| format!("phone: {error}"))?;
        let ip = field(2).parse().map_err(|_| format!("ip `{}` is not an address", field(2)))?;
        if field(3).is_empty() {
            return Err("session is empty".to_owned());
        }
        let converts_after_ms = match field(5) {
            "" => None,
            _ => Some(number(5, "converts_after_ms")?),
        };
        let price_microusd = number(7, "price_microusd")?;
        if price_microusd > 1_000_000_000 {
            return Err(format!("price_microusd {price_microusd} is more than 1 000 dollars"));
        }
        let (solves, delivered) = (flag(4, "solves")?, flag(6, "delivered")?);
        Ok(Row {
            at_ms,
            phone,
            ip,
            session: field(3).to_owned(),
            solves,
            converts_after_ms,
            delivered,
            price_microusd,
            label: self.label(field(8)),
        })
    }

    fn label(&mut self, name: &str) -> usize {
        let name = if name.is_empty() { "unlabelled" } else { name };
        if let Some(index) = self.labels.iter().position(|label| label == name) {
            return index;
        }
        self.labels.push(name.to_owned());
        self.labels.len() - 1
    }
}
