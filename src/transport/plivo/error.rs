//! What Plivo's answers mean. Errors have prose and no codes: the status tells, but for one sentence.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Disconnected, Invalid, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// The code that stands here for the one error that Plivo documents by its words.
pub(super) const NO_CREDIT: &str = "insufficient-credit";

/// Every status that Plivo documents for its interfaces, and those that its SDKs tell apart.
///
/// `insufficient-credit` is no code of Plivo's: it stands for the sentence that it answers with, whatever
/// the status, for two minutes after the credit is used up.
pub const ERRORS: &[ErrorRow] = &[
    ErrorRow::not_sent(NO_CREDIT, "the account has no credit", "top up the account").alert_all(),
    ErrorRow::refused("HTTP 400", "number, sender or text are not accepted", NUMBER),
    ErrorRow::not_sent("HTTP 401", "auth ID or auth token are not accepted", CREDENTIALS)
        .alert_all(),
    ErrorRow::not_sent("HTTP 402", "the account has no credit", "top up the account").alert_all(),
    ErrorRow::not_sent("HTTP 403", "the country is not enabled, or access is denied", GEO).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such account or resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 405", "the method is not allowed", BASE).alert_all(),
    ErrorRow::not_sent("HTTP 406", "the form of the answer is not available", BASE).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
    ErrorRow::indeterminate("HTTP 500", "Plivo failed", LOOK),
];

/// Every error code that Plivo publishes for a text in its receipts.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("10", Unknown, "the network takes the message for invalid"),
    FaultRow::new("20", Carrier, "the network failed"),
    FaultRow::new("30", Filtered, "taken for spam by the network"),
    FaultRow::new("40", Account, "the sender is not valid, or not the account's"),
    FaultRow::new("50", Number(Invalid), "the number is not valid, or takes no texts"),
    FaultRow::new("60", Unknown, "a loop, or no way to route it"),
    FaultRow::new("70", Number(Disconnected), "the number is not in service"),
    FaultRow::new("80", Handset, "the handset is off or out of reach"),
    FaultRow::new("90", Carrier, "no route, as a rule because of the network"),
    FaultRow::new("100", Unknown, "the network does not support the text"),
    FaultRow::new("110", Account, "the text is too long"),
    FaultRow::new("200", Number(OptedOut), "the recipient opted out with STOP"),
    FaultRow::new("201", Account, "a toll-free sender cannot text from the USA to Canada"),
    FaultRow::new("300", Unknown, "Plivo could not hand it on"),
    FaultRow::new("420", Account, "expired in Plivo's queue"),
    FaultRow::new("450", Account, "the country is not enabled for the account"),
    FaultRow::new("900", Account, "the account has no credit"),
    FaultRow::new("910", Account, "the account is disabled"),
    FaultRow::new("1000", Unknown, "no reason given"),
];

const BASE: &str = "check the auth ID, the base URL and any proxy before it";
const CREDENTIALS: &str = "check the auth ID and its auth token in Plivo's console";
const GEO: &str =
    "enable the country under geo permissions, or do not offer it; check the account's state";
const LOOK: &str = "see in Plivo's message logs whether the text went out";
const NUMBER: &str = "ask for another number; if every text fails so, check the sender";
const SLOWER: &str = "wait as long as the answer asks, and send fewer at once";
