//! What the SMS API's codes mean: in the answer to a request, and in a delivery receipt.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Barred, Disconnected, Invalid, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// Every status that Vonage documents for an SMS (20 in October 2026), those that it has withdrawn,
/// and what an HTTP status alone means.
///
/// A text whose status is not 0 was not accepted and is not charged.
pub const ERRORS: &[ErrorRow] = &[
    // The account and its credentials.
    ErrorRow::not_sent("4", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("8", "the account is suspended", ACCOUNT).alert_all(),
    ErrorRow::not_sent("9", "the account has no credit", "top up the account").alert_all(),
    ErrorRow::not_sent("11", "the account is not enabled for the SMS API", ACCOUNT).alert_all(),
    ErrorRow::not_sent("14", "the signature is wrong", SIGNATURE).alert_all(),
    ErrorRow::not_sent("29", "the trial account sends to listed numbers only", TRIAL).alert(),
    ErrorRow::not_sent("32", "a signed request also has the API secret", REPORT).alert(),
    // Too much at once.
    ErrorRow::not_sent("1", "too many texts at once", SLOWER),
    ErrorRow::not_sent("10", "too many connections at once", SLOWER),
    // The number.
    ErrorRow::refused("6", "the number's prefix is unknown, or it cannot be reached", ANOTHER),
    ErrorRow::refused("7", "the number is on Vonage's block list", ANOTHER).about_number(Barred),
    ErrorRow::refused("33", "the number is not in service", ANOTHER).about_number(Disconnected),
    // The sender.
    ErrorRow::not_sent("15", "the sender is not allowed for the country", SENDER).alert(),
    // The request: our fault, the configuration's or the number's.
    ErrorRow::not_sent("2", "a parameter is missing", REPORT).alert(),
    ErrorRow::refused("3", "a parameter is not valid", NUMBER),
    ErrorRow::not_sent("22", "the network code is not valid", REPORT).alert(),
    ErrorRow::not_sent("23", "the callback is not valid", "check the callback's URL").alert(),
    // The text.
    ErrorRow::refused("12", "the text is too long", FORMAT).alert(),
    ErrorRow::refused("17", "the text is blocked for its content", FORMAT).alert(),
    // Vonage does not know itself.
    ErrorRow::indeterminate("5", "Vonage failed", LOOK),
    // Withdrawn.
    ErrorRow::not_sent("13", "Vonage could not hand the text on", SLOWER),
    ErrorRow::not_sent("16", "the validity is not valid", "set 20 seconds to 7 days").alert(),
    ErrorRow::not_sent("18", "there are too many numbers", REPORT).alert(),
    ErrorRow::not_sent("19", "the account lacks a feature", ACCOUNT).alert(),
    ErrorRow::not_sent("20", "the message class is not valid", REPORT).alert(),
    ErrorRow::refused("34", "the number is not valid", ANOTHER).about_number(Invalid),
    // Where only the status tells.
    ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
];

/// What `err-code` means in the SMS API's delivery receipts.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("1", Unknown, "no reason given"),
    FaultRow::new("2", Handset, "the handset is off or out of reach"),
    FaultRow::new("3", Number(Disconnected), "the number is not in service any more"),
    FaultRow::new("4", Number(Barred), "the recipient blocks texts"),
    FaultRow::new("5", Carrier, "the networks disagree about where the number was ported to"),
    FaultRow::new("6", Filtered, "taken for spam by the network"),
    FaultRow::new("7", Handset, "the handset is busy"),
    FaultRow::new("8", Carrier, "the network failed"),
    FaultRow::new("9", Number(OptedOut), "the recipient wants no texts from this sender"),
    FaultRow::new("10", Account, "a parameter of the text is wrong, its encoding for example"),
    FaultRow::new("11", Unknown, "Vonage found no route"),
    FaultRow::new("12", Unknown, "there is no route to the number"),
    FaultRow::new("13", Number(Barred), "the recipient is too young for the sender"),
    FaultRow::new("14", Number(Barred), "the recipient's contract has no texts"),
    FaultRow::new("15", Unknown, "the recipient has no credit to receive it"),
    FaultRow::new("16", Account, "the account's limit for a network is reached"),
    FaultRow::new("20", Filtered, "blocked by Vonage's own rules against fraud"),
    FaultRow::new("21", Filtered, "taken for pumping: many texts to near numbers"),
    FaultRow::new("22", Filtered, "taken for pumping: far more texts than before"),
    FaultRow::new("39", Account, "the sender is not allowed in the USA"),
    FaultRow::new("50", Account, "the entity's identifier is wrong or missing"),
    FaultRow::new("51", Account, "the sender is not registered for the country"),
    FaultRow::new("52", Account, "the template's identifier is wrong or missing"),
    FaultRow::new("53", Account, "the recipient's consent is not on record"),
    FaultRow::new("54", Account, "a rule of the country's regulator"),
    FaultRow::new("99", Unknown, "an error of the route"),
];

const ACCOUNT: &str = "see the account's state in the dashboard, and ask Vonage's support";
const ANOTHER: &str = "ask for another number";
const BASE: &str = "check the base URL and any proxy before it";
const CREDENTIALS: &str = "check the API key and its secret in the dashboard";
const FORMAT: &str = "shorten or change the message format";
const LOOK: &str = "see in the dashboard's logs whether the text went out";
const NUMBER: &str = "ask for another number; if every text fails so, check the sender";
const REPORT: &str = "report it to the authors of this crate";
const SENDER: &str = "check the sender and its registration for the recipient's country";
const SIGNATURE: &str =
    "check the signature secret, the signature method and the clock of this machine";
const SLOWER: &str = "wait, and send fewer at once, or ask Vonage for a higher rate";
const TRIAL: &str = "top up the trial account, or list the number in the dashboard";
