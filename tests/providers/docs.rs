//! `docs/providers.md` shows the tables of the code. `OTPGATE_BLESS=1` writes them into the page.

use std::collections::BTreeMap;

use otpgate::transport::{ErrorRow, FaultRow};

pub const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/providers.md");

/// Every table of the page, by its marker.
fn tables() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        #[cfg(feature = "esendex")]
        ("errors: esendex", errors(otpgate::transport::esendex::ERRORS)),
        #[cfg(feature = "aws")]
        ("errors: aws", errors(otpgate::transport::aws::ERRORS)),
        #[cfg(feature = "aws")]
        ("faults: aws", faults(otpgate::transport::aws::FAULTS)),
        #[cfg(feature = "aws")]
        ("errors: sns", errors(otpgate::transport::aws::SNS_ERRORS)),
        #[cfg(feature = "bird")]
        ("errors: bird", errors(otpgate::transport::bird::ERRORS)),
        #[cfg(feature = "bird")]
        ("faults: bird", faults(otpgate::transport::bird::FAULTS)),
        #[cfg(feature = "infobip")]
        ("errors: infobip", errors(otpgate::transport::infobip::ERRORS)),
        #[cfg(feature = "infobip")]
        ("faults: infobip", faults(otpgate::transport::infobip::FAULTS)),
        #[cfg(feature = "plivo")]
        ("errors: plivo", errors(otpgate::transport::plivo::ERRORS)),
        #[cfg(feature = "plivo")]
        ("faults: plivo", faults(otpgate::transport::plivo::FAULTS)),
        #[cfg(feature = "telnyx")]
        ("errors: telnyx", errors(otpgate::transport::telnyx::ERRORS)),
        #[cfg(feature = "telnyx")]
        ("faults: telnyx", faults(otpgate::transport::telnyx::FAULTS)),
        #[cfg(feature = "template")]
        ("faults: messagebird", faults(otpgate::transport::messagebird::FAULTS)),
        #[cfg(feature = "template")]
        ("faults: sinch", faults(otpgate::transport::sinch::FAULTS)),
        #[cfg(feature = "twilio")]
        ("errors: twilio", errors(otpgate::transport::twilio::ERRORS)),
        #[cfg(feature = "twilio")]
        ("faults: twilio", faults(otpgate::transport::twilio::FAULTS)),
        #[cfg(feature = "vonage")]
        ("errors: vonage", errors(otpgate::transport::vonage::ERRORS)),
        #[cfg(feature = "vonage")]
        ("faults: vonage", faults(otpgate::transport::vonage::FAULTS)),
        #[cfg(feature = "vonage")]
        ("errors: vonage-messages", errors(otpgate::transport::vonage::MESSAGES_ERRORS)),
        #[cfg(feature = "vonage")]
        ("faults: vonage-messages", faults(otpgate::transport::vonage::MESSAGES_FAULTS)),
    ])
}

fn errors(rows: &[ErrorRow]) -> String {
    let line = |row: &ErrorRow| {
        let alert = match (row.every_text, row.alert) {
            (true, _) => " ⛔",
            (false, true) => " ⚠",
            (false, false) => "",
        };
        let one = if row.one_text { " ○" } else { "" };
        let number = row.number_fault.map_or(String::new(), |fault| format!(" ({fault:?})"));
        let (code, kind) = (row.code, row.kind);
        format!("| {code} | {kind:?}{alert}{one} | {}{number} | {} |\n", row.meaning, row.remedy)
    };
    let head = "| code | the text | meaning | remedy |\n|---|---|---|---|\n";
    head.to_owned() + &rows.iter().map(line).collect::<String>()
}

fn faults(rows: &[FaultRow]) -> String {
    let line = |row: &FaultRow| format!("| {} | {:?} | {} |\n", row.code, row.fault, row.meaning);
    let head = "| code | about | meaning |\n|---|---|---|\n";
    head.to_owned() + &rows.iter().map(line).collect::<String>()
}

#[test]
fn the_page_shows_the_tables_of_the_code() {
    compare(PAGE, tables());
}

/// Whether the page at `path` has these tables between their markers.
pub fn compare(path: &str, tables: BTreeMap<&'static str, String>) {
    let mut page = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for (name, table) in tables {
        let kind = name.split(':').next().unwrap();
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- {kind} end -->"));
        let from = page.find(&start).unwrap_or_else(|| panic!("no {start}")) + start.len();
        let to = from + page[from..].find(&end).unwrap_or_else(|| panic!("no {end}"));
        if page[from..to] != table {
            page.replace_range(from..to, &table);
            wrong.push(name);
        }
    }
    if std::env::var_os("OTPGATE_BLESS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        assert!(wrong.is_empty(), "stale: {wrong:?}; set OTPGATE_BLESS=1 to write them");
    }
}
