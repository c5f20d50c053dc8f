//! What Bird's codes mean: in the answer to a request, and in a delivery receipt.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Barred, Disconnected, Invalid, NotMobile, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// Every code and name that Bird documents for sending a text, every type of error, every reason in
/// the `last_error` of a rejected message, and what an HTTP status alone means.
///
/// The most exact of an answer decides: its code (`E12020`), then its name, then its type.
/// `E01001 from` is code E01001 about the field `from`.
pub const ERRORS: &[ErrorRow] = &[
    // The recipient.
    ErrorRow::refused("SMSInvalidRecipient", "the number cannot be reached", ANOTHER)
        .about_number(Invalid),
    ErrorRow::refused("E01001 to", "the number is not valid", ANOTHER).about_number(Invalid),
    // The sender and the country.
    ErrorRow::not_sent("E01001 from", "the sender is not valid", SENDER).alert(),
    ErrorRow::not_sent("SMSSenderNotConfigured", "the workspace lacks the sender", SENDER).alert(),
    ErrorRow::not_sent("SMSNoEligibleSender", "there is no sender for it", SENDER).alert(),
    ErrorRow::not_sent("SenderCategoryNotPermitted", "not registered for codes", CATEGORY).alert(),
    ErrorRow::not_sent("SMSMessagingProfileNotFound", "there is no such profile", SENDER).alert(),
    ErrorRow::not_sent("SMSMessagingProfileSenderBound", "of another profile", SENDER).alert(),
    ErrorRow::not_sent("E12020", "the country is not enabled", COUNTRY).alert(),
    ErrorRow::not_sent("SMSDestinationNotEnabled", "the country is not enabled", COUNTRY).alert(),
    // The request.
    ErrorRow::not_sent("SMSUnsupportedFeature", "a feature is not available", REPORT).alert(),
    ErrorRow::refused("E01001", "the request is not valid", FORMAT).alert(),
    ErrorRow::refused("E01002", "the request is malformed", REPORT).alert(),
    // The idempotency key: the same text is, or was, on its way.
    ErrorRow::indeterminate("E01004", "the same text is being sent", LOOK).one_text(),
    ErrorRow::indeterminate("E01005", "the key belongs to another request", LOOK)
        .alert()
        .one_text(),
    // The key.
    ErrorRow::not_sent("E10001", "the API key is not accepted", KEY).alert_all(),
    // Types, for codes that are newer than this table.
    ErrorRow::not_sent("auth_error", "the API key is not accepted", KEY).alert_all(),
    ErrorRow::not_sent("permission_error", "the key may not send texts", KEY).alert(),
    ErrorRow::not_sent("billing_error", "the wallet has no funds", WALLET).alert_all(),
    ErrorRow::not_sent("not_found_error", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("gone_error", "the resource is gone", BASE).alert(),
    ErrorRow::not_sent("misdirected_error", "the host is of another region", BASE).alert_all(),
    ErrorRow::not_sent("precondition_error", "the workspace is not set up for it", SETUP).alert(),
    ErrorRow::not_sent("rate_limit_error", "too many requests", SLOWER),
    ErrorRow::refused("validation_error", "a field is not valid", ANOTHER_OR),
    ErrorRow::refused("bad_request_error", "the request is malformed", REPORT).alert(),
    ErrorRow::refused("payload_too_large_error", "the request is too large", FORMAT).alert(),
    ErrorRow::indeterminate("too_early_error", "Bird asks to wait", LOOK),
    ErrorRow::indeterminate("conflict_error", "another request stands against it", LOOK),
    ErrorRow::indeterminate("client_closed_request_error", "the connection closed early", LOOK),
    ErrorRow::indeterminate("internal_error", "Bird failed", LOOK),
    ErrorRow::indeterminate("not_implemented_error", "Bird does not implement it", LOOK),
    ErrorRow::indeterminate("service_unavailable_error", "the service is unavailable", LOOK),
    // Reasons in a message that was accepted and rejected at once.
    ErrorRow::refused("invalid_destination", "the number is not assigned", ANOTHER)
        .about_number(Disconnected),
    ErrorRow::refused("landline_unreachable", "a landline that takes no texts", ANOTHER)
        .about_number(NotMobile),
    ErrorRow::refused("recipient_opted_out", "the recipient opted out", START)
        .about_number(OptedOut),
    ErrorRow::refused("blocked_by_recipient", "the recipient blocks the sender", ANOTHER)
        .about_number(Barred),
    ErrorRow::refused("blocked_by_fraud_protection", "taken for pumping by Bird", ANOTHER),
    ErrorRow::refused("content_rejected", "the text is blocked for its content", FORMAT).alert(),
    ErrorRow::not_sent("sender_unregistered", "the sender is not registered", SENDER).alert(),
    ErrorRow::not_sent("insufficient_balance", "the wallet has no funds", WALLET).alert_all(),
    ErrorRow::indeterminate("unreachable", "the handset is off or out of reach", LOOK).one_text(),
    ErrorRow::indeterminate("blocked_by_carrier", "the carrier filtered the text", LOOK).one_text(),
    ErrorRow::indeterminate("provider_unavailable", "a provider of Bird's failed", LOOK),
    ErrorRow::indeterminate("unknown", "Bird gives no reason", LOOK),
    // What a status says when no code does.
    ErrorRow::not_sent("HTTP 401", "the API key is not accepted", KEY).alert_all(),
    ErrorRow::not_sent("HTTP 402", "the wallet has no funds", WALLET).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", KEY).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 421", "the host is of another region", BASE).alert_all(),
    ErrorRow::not_sent("HTTP 429", "too many requests", SLOWER),
];

/// Every reason that a delivery receipt can carry.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("invalid_destination", Number(Disconnected), "unassigned, ported out, malformed"),
    FaultRow::new("unreachable", Handset, "the handset is off or out of reach"),
    FaultRow::new("blocked_by_carrier", Filtered, "filtered by the carrier"),
    FaultRow::new("blocked_by_fraud_protection", Filtered, "taken for pumping by Bird"),
    FaultRow::new("blocked_by_recipient", Number(Barred), "the recipient blocks the sender"),
    FaultRow::new("landline_unreachable", Number(NotMobile), "a landline that takes no texts"),
    FaultRow::new("content_rejected", Filtered, "the carrier rejected the content"),
    FaultRow::new("sender_unregistered", Account, "the sender is not registered there"),
    FaultRow::new("recipient_opted_out", Number(OptedOut), "the recipient opted out"),
    FaultRow::new("provider_unavailable", Carrier, "a provider of Bird's failed"),
    FaultRow::new("insufficient_balance", Account, "the wallet has no funds"),
    FaultRow::new("unknown", Unknown, "no reason given"),
];

const ANOTHER: &str = "ask for another number";
const ANOTHER_OR: &str =
    "ask for another number; if every text fails so, check sender and message format";
const BASE: &str = "check the base URL, the key's region and any proxy before it";
const CATEGORY: &str = "register the sender for the category authentication in the country";
const COUNTRY: &str =
    "enable the country under the workspace's SMS destinations, or do not offer it";
const FORMAT: &str = "shorten or change the message format";
const KEY: &str = "check the API key and its permissions in Bird's dashboard";
const LOOK: &str = "see in Bird's message log whether the text went out";
const REPORT: &str = "report it to the authors of this crate";
const SENDER: &str = "check the sender and its registration for the recipient's country";
const SETUP: &str = "see in Bird's dashboard what the workspace lacks";
const SLOWER: &str = "wait as long as the answer asks, and send fewer at once";
const START: &str = "the recipient must text START, or give another number";
const WALLET: &str = "top up the workspace's wallet";
