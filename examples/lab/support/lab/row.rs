//! What the generators make: one row per request, and how it is written down.

use std::fmt::Write as _;
use std::net::IpAddr;

/// One request as the trace has it. The gate sees everything but `label`.
#[derive(Clone, Debug)]
pub struct Row {
    pub at_ms: u64,
    /// Full E.164 digits without the plus.
    pub phone: u64,
    pub region: [u8; 2],
    pub ip: IpAddr,
    pub session: u64,
    pub solves: bool,
    pub converts_after_ms: Option<u64>,
    pub delivered: bool,
    pub price_microusd: u32,
    pub label: String,
}

impl Row {
    pub fn is_attack(&self) -> bool {
        self.label.starts_with("attack")
    }
}

/// Writes rows in the replay format, header included.
pub fn to_csv(rows: &[Row]) -> String {
    let mut out = String::from(
        "at_ms,phone,ip,session,solves,converts_after_ms,delivered,price_microusd,label\n",
    );
    for r in rows {
        let after = r.converts_after_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let _ = writeln!(
            out,
            "{},+{},{},s{},{},{},{},{},{}",
            r.at_ms,
            r.phone,
            r.ip,
            r.session,
            u8::from(r.solves),
            after,
            u8::from(r.delivered),
            r.price_microusd,
            r.label
        );
    }
    out
}
