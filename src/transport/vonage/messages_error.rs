//! What the Messages API's codes mean: in the answer to a request, and in a status.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Barred, Disconnected, Invalid, NotMobile, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// Every code that Vonage documents for the Messages API and that can concern a text (October 2026), the
/// general errors of its interfaces, and what an HTTP status alone means.
///
/// A code is what follows the `#` in the `type` of an error.
pub const MESSAGES_ERRORS: &[ErrorRow] = &[
    // The account and its credentials.
    ErrorRow::not_sent("1060", "the account is barred", ACCOUNT).alert_all(),
    ErrorRow::not_sent("1070", "the account has no credit, or no quota left", CREDIT).alert_all(),
    ErrorRow::not_sent("1080", "the account is not enabled for the interface", ACCOUNT).alert_all(),
    ErrorRow::not_sent("1140", "the account lacks a feature", ACCOUNT).alert(),
    ErrorRow::not_sent("1160", "the trial account sends to listed numbers only", TRIAL).alert(),
    ErrorRow::not_sent("low-balance", "the account has no credit", CREDIT).alert_all(),
    ErrorRow::not_sent("unauthorized", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("forbidden", "the account may not do this", CREDENTIALS).alert(),
    ErrorRow::not_sent("unprovisioned", "the account has no Messages API", ACCOUNT).alert_all(),
    ErrorRow::not_sent("account-suspended", "the account is suspended", ACCOUNT).alert_all(),
    ErrorRow::not_sent("application-suspended", "the application is suspended", ACCOUNT)
        .alert_all(),
    ErrorRow::not_sent("jwt-expired", "the token has expired", CLOCK).alert_all(),
    ErrorRow::not_sent("jwt-revoked", "the token is revoked", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("invalid-api-key", "the API key is unknown", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("invalid-signature", "the signature is wrong", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("invalid-ip", "the address of this host is not in the list", ALLOW)
        .alert_all(),
    ErrorRow::not_sent("multiple-auth-methods", "two ways to authenticate", REPORT).alert(),
    ErrorRow::not_sent("unavailable-legal", "Vonage does not serve this host's place", ACCOUNT)
        .alert_all(),
    // Too much at once.
    ErrorRow::not_sent("1000", "too many texts at once", SLOWER),
    ErrorRow::not_sent("throttled", "too many requests at once", SLOWER),
    ErrorRow::not_sent("1460", "the campaign's daily limit is reached", SENDER).alert(),
    ErrorRow::not_sent("1472", "Vonage's burst protection holds the traffic back", SLOWER),
    ErrorRow::not_sent("1100", "Vonage could not hand the text on", SLOWER),
    // The number.
    ErrorRow::refused("1040", "the number's prefix is unknown, or it cannot be reached", ANOTHER),
    ErrorRow::refused("1050", "the number is on Vonage's block list", ANOTHER).about_number(Barred),
    ErrorRow::refused("1170", "the number is missing or not valid", ANOTHER).about_number(Invalid),
    ErrorRow::refused("1430", "the number is not valid", ANOTHER).about_number(Invalid),
    ErrorRow::refused("1190", "the number is not in service any more", ANOTHER)
        .about_number(Disconnected),
    ErrorRow::refused("1240", "the recipient opted out with STOP", START).about_number(OptedOut),
    ErrorRow::refused("1241", "too many texts to the number", FLOODED),
    ErrorRow::refused("1250", "there is no route to the number's network", ANOTHER),
    ErrorRow::refused("1251", "the account's routes do not lead to the network", ANOTHER),
    ErrorRow::refused("1260", "the number cannot be reached", ANOTHER),
    // Rules against fraud: sending elsewhere would pay for what they keep away.
    ErrorRow::refused("1470", "a rule of Fraud Defender blocks the number", ANOTHER),
    ErrorRow::refused("1473", "Fraud Defender takes it for pumping", ANOTHER),
    ErrorRow::refused("1474", "a rule of Fraud Defender blocks the country", FRAUD),
    ErrorRow::refused("1475", "a rule of Fraud Defender blocks the network", FRAUD),
    ErrorRow::refused("2001", "taken for fraud at Vonage's provider", ANOTHER),
    // The sender.
    ErrorRow::not_sent("1120", "the sender is not allowed for the country", SENDER).alert(),
    ErrorRow::not_sent("1242", "the number pool does not exist", SENDER).alert(),
    ErrorRow::not_sent("1420", "the sender is not valid", SENDER).alert(),
    ErrorRow::not_sent("1476", "the sender is on a list of numbers that never send", SENDER)
        .alert(),
    // What a country wants registered.
    ErrorRow::not_sent("1480", "the entity's identifier is wrong or missing", REGISTER).alert(),
    ErrorRow::not_sent("1481", "the sender is not registered for the country", REGISTER).alert(),
    ErrorRow::not_sent("1482", "the template's identifier is wrong or missing", REGISTER).alert(),
    ErrorRow::not_sent("1483", "the recipient's consent is not on record", REGISTER).alert(),
    ErrorRow::not_sent("1484", "a rule of the country's regulator", REGISTER).alert(),
    // The request: our fault, the configuration's or the number's.
    ErrorRow::refused("1020", "a parameter is not valid", NUMBER),
    // The reference calls it the message class; Vonage's example of an invalid parameter has it too.
    ErrorRow::refused("1150", "a parameter or the message class is not valid", NUMBER),
    ErrorRow::refused("invalid-params", "a parameter is not valid", NUMBER),
    ErrorRow::not_sent("1010", "a parameter is missing", REPORT).alert(),
    ErrorRow::not_sent("1021", "a tag is not valid", REPORT).alert(),
    ErrorRow::not_sent("1022", "a template is not valid", REPORT).alert(),
    ErrorRow::not_sent("1110", "the signature is wrong", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("1130", "the validity is not valid", "set 20 seconds to 7 days").alert(),
    ErrorRow::not_sent("1400", "the channel is not supported", REPORT).alert(),
    ErrorRow::not_sent("1410", "a parameter of the channel is not valid", SENDER).alert(),
    ErrorRow::not_sent("1431", "there are several numbers", REPORT).alert(),
    ErrorRow::not_sent("1440", "the message type is not supported", REPORT).alert(),
    ErrorRow::not_sent("1450", "the client reference is not valid", REPORT).alert(),
    ErrorRow::not_sent("invalid-id", "an identifier is unknown", CREDENTIALS).alert(),
    ErrorRow::not_sent("invalid-json", "the request is not readable", REPORT).alert(),
    ErrorRow::not_sent("not-found", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("wrong-verb", "the method is not allowed", BASE).alert(),
    ErrorRow::not_sent("accept-header", "the header `Accept` is not valid", BASE).alert(),
    ErrorRow::not_sent("content-type-header", "the header `Content-Type` is not valid", BASE)
        .alert(),
    // The text.
    ErrorRow::refused("1090", "the text is too long", FORMAT).alert(),
    ErrorRow::refused("1282", "the text is blocked for its content", FORMAT).alert(),
    // Vonage does not know itself, or it was sent before.
    ErrorRow::indeterminate("1030", "Vonage failed", LOOK),
    ErrorRow::indeterminate("1320", "the text was sent before", LOOK),
    ErrorRow::indeterminate("1330", "a network gives no reason", LOOK),
    ErrorRow::indeterminate("1331", "a provider of Vonage's does not answer", LOOK),
    // Where only the status tells.
    ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("HTTP 402", "the account has no credit", CREDIT).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::refused("HTTP 422", "number, sender or text are not accepted", NUMBER),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
];

/// What the codes mean in the Messages API's statuses.
pub const MESSAGES_FAULTS: &[FaultRow] = &[
    FaultRow::new("1000", Account, "too many texts at once"),
    FaultRow::new("1020", Unknown, "a parameter is not valid"),
    FaultRow::new("1030", Carrier, "Vonage failed"),
    FaultRow::new("1040", Unknown, "the number's prefix is unknown, or it cannot be reached"),
    FaultRow::new("1050", Number(Barred), "the number is on Vonage's block list"),
    FaultRow::new("1060", Account, "the account is barred"),
    FaultRow::new("1070", Account, "the account has no credit, or no quota left"),
    FaultRow::new("1080", Account, "the account is not enabled for the interface"),
    FaultRow::new("1090", Account, "the text is too long"),
    FaultRow::new("1100", Carrier, "Vonage could not hand the text on"),
    FaultRow::new("1120", Account, "the sender is not allowed for the country"),
    FaultRow::new("1140", Account, "the account lacks a feature"),
    FaultRow::new("1160", Account, "the trial account sends to listed numbers only"),
    FaultRow::new("1170", Number(Invalid), "the number is not valid"),
    FaultRow::new("1180", Handset, "the handset is off or out of reach"),
    FaultRow::new("1190", Number(Disconnected), "the number is not in service any more"),
    FaultRow::new("1200", Carrier, "the networks disagree about where the number was ported to"),
    FaultRow::new("1210", Filtered, "taken for spam by the network"),
    FaultRow::new("1220", Handset, "the handset is busy"),
    FaultRow::new("1230", Carrier, "the network failed"),
    FaultRow::new("1240", Number(OptedOut), "the recipient opted out with STOP"),
    FaultRow::new("1241", Filtered, "too many texts to the number"),
    FaultRow::new("1242", Account, "the number pool does not exist"),
    FaultRow::new("1250", Unknown, "there is no route to the number's network"),
    FaultRow::new("1251", Account, "the account's routes do not lead to the network"),
    FaultRow::new("1260", Unknown, "the number cannot be reached"),
    FaultRow::new("1270", Number(Barred), "the recipient is too young for the sender"),
    FaultRow::new("1280", Number(Barred), "the recipient's contract has no texts"),
    FaultRow::new("1282", Filtered, "blocked by the network for its content"),
    FaultRow::new("1290", Unknown, "the recipient has no credit to receive it"),
    FaultRow::new("1300", Number(Invalid), "the number is no subscriber's of the network"),
    FaultRow::new("1310", Number(NotMobile), "the device takes no texts"),
    FaultRow::new("1330", Unknown, "the network gives no reason"),
    FaultRow::new("1331", Carrier, "a provider of Vonage's does not answer"),
    FaultRow::new("1360", Unknown, "expired on the way"),
    FaultRow::new("1420", Account, "the sender is not valid"),
    FaultRow::new("1430", Number(Invalid), "the number is not valid"),
    FaultRow::new("1460", Account, "the campaign's daily limit is reached"),
    FaultRow::new("1470", Filtered, "a rule of Fraud Defender blocks the number"),
    FaultRow::new("1472", Filtered, "Vonage's burst protection"),
    FaultRow::new("1473", Filtered, "Fraud Defender takes it for pumping"),
    FaultRow::new("1474", Filtered, "a rule of Fraud Defender blocks the country"),
    FaultRow::new("1475", Filtered, "a rule of Fraud Defender blocks the network"),
    FaultRow::new("1476", Account, "the sender is on a list of numbers that never send"),
    FaultRow::new("1480", Account, "the entity's identifier is wrong or missing"),
    FaultRow::new("1481", Account, "the sender is not registered for the country"),
    FaultRow::new("1482", Account, "the template's identifier is wrong or missing"),
    FaultRow::new("1483", Account, "the recipient's consent is not on record"),
    FaultRow::new("1484", Account, "a rule of the country's regulator"),
    FaultRow::new("2001", Filtered, "taken for fraud at Vonage's provider"),
];

const ACCOUNT: &str = "see the account's state in the dashboard, and ask Vonage's support";
const ALLOW: &str = "add the address of this host to the allowed ones in the dashboard";
const ANOTHER: &str = "ask for another number";
const BASE: &str = "check the base URL and any proxy before it";
const CLOCK: &str = "check the clock of this machine";
const CREDENTIALS: &str =
    "check the API key and its secret, or the application and its private key";
const CREDIT: &str = "top up the account";
const FLOODED: &str = "wait before the next text to the number";
const FORMAT: &str = "shorten or change the message format";
const FRAUD: &str = "change the rule in Fraud Defender, or do not offer the country";
const LOOK: &str = "see in the dashboard's logs whether the text went out";
const NUMBER: &str = "ask for another number; if every text fails so, check the sender";
const REGISTER: &str = "check what is on file for the country, and its identifiers";
const REPORT: &str = "report it to the authors of this crate";
const SENDER: &str = "check the sender and its registration for the recipient's country";
const SLOWER: &str = "wait, and send fewer at once, or ask Vonage for a higher rate";
const START: &str = "the recipient must opt in again, or give another number";
const TRIAL: &str = "top up the trial account, or list the number in the dashboard";
