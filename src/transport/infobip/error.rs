//! What Infobip's statuses and codes mean in the answer to a request.

use crate::transport::ErrorRow;
use crate::transport::NumberFault::{Barred, Invalid};

/// Every status that Infobip documents for a text that is not on its way, every code of its errors, in
/// the form of today and in that of older interfaces, and what an HTTP status alone means.
///
/// A name stands for the status of that name; `EXPIRED SIGNALS_BLOCKED` is one in another group than
/// its name has as a rule. `REJECTED`, `UNDELIVERABLE` and `EXPIRED` alone are for names that are
/// newer than this table. `E400 to` is code E400 about the field `to`.
pub const ERRORS: &[ErrorRow] = &[
    // The number.
    ErrorRow::refused("REJECTED_PREFIX_MISSING", "prefix or length are of no number", ANOTHER)
        .about_number(Invalid),
    ErrorRow::refused("REJECTED_DESTINATION", "it is no mobile number", ANOTHER)
        .about_number(Invalid),
    ErrorRow::refused("E400 to", "the number is not valid", ANOTHER).about_number(Invalid),
    ErrorRow::refused("REJECTED_DND", "the number is on a do-not-disturb list", ANOTHER)
        .about_number(Barred),
    ErrorRow::refused("REJECTED_DESTINATION_BLOCKLISTED", "the number is on a block list", BLOCKED)
        .about_number(Barred),
    ErrorRow::refused("REJECTED_FLOODING_FILTER", "too many texts to the number", FLOODED),
    ErrorRow::refused("SIGNALS_BLOCKED", "taken for pumping by Infobip; not charged", ANOTHER),
    ErrorRow::refused("REJECTED", "rejected for another reason", ANOTHER_OR),
    // The sender and the account.
    ErrorRow::not_sent("REJECTED_SOURCE", "the sender is not registered", SENDER).alert(),
    ErrorRow::not_sent("REJECTED_SENDER", "the sender is on a block list", SENDER).alert(),
    ErrorRow::not_sent("E400 sender", "the sender is not valid", SENDER).alert(),
    ErrorRow::not_sent("REJECTED_NETWORK", "the account lacks the network", ROUTE).alert(),
    ErrorRow::not_sent("REJECTED_ROUTE_NOT_AVAILABLE", "the account has no route", ROUTE).alert(),
    ErrorRow::not_sent("REJECTED_NOT_ENOUGH_CREDITS", "the account has no credit", CREDIT)
        .alert_all(),
    ErrorRow::not_sent("REJECTED_PREPAID_PACKAGE_EXPIRED", "the credit has expired", CREDIT)
        .alert_all(),
    ErrorRow::not_sent("REJECTED_DESTINATION_NOT_REGISTERED", "a trial account", TRIAL).alert(),
    ErrorRow::not_sent("REJECTED_SYSTEM_ERROR", "Infobip failed before it sent", ELSEWHERE),
    ErrorRow::not_sent("UNDELIVERABLE_REJECTED_PLATFORM", "Infobip did not take it", ELSEWHERE),
    ErrorRow::not_sent("UNDELIVERABLE_NOT_SENT", "Infobip did not send it", ELSEWHERE),
    // The text and the request.
    ErrorRow::refused("REJECTED_MESSAGE_TOO_LONG", "the text is too long", FORMAT).alert(),
    ErrorRow::refused("REJECTED_INVALID_UDH", "the text's header is not valid", REPORT).alert(),
    ErrorRow::refused("MISSING_TO", "there is no number", REPORT).alert(),
    ErrorRow::refused("E400", "the request is not valid", ANOTHER_OR),
    ErrorRow::refused("BAD_REQUEST", "the request is not valid", ANOTHER_OR),
    // What proves nothing, or was paid for.
    ErrorRow::indeterminate("EXPIRED SIGNALS_BLOCKED", "taken for pumping, and charged", LOOK)
        .one_text(),
    ErrorRow::indeterminate("REJECTED_DUPLICATE_MESSAGE_ID", "the same text came before", LOOK)
        .one_text(),
    ErrorRow::indeterminate("UNDELIVERABLE_REJECTED_OPERATOR", "the network rejected it", LOOK)
        .one_text(),
    ErrorRow::indeterminate("UNDELIVERABLE_NOT_DELIVERED", "the network did not deliver it", LOOK)
        .one_text(),
    ErrorRow::indeterminate("EXPIRED_EXPIRED", "it expired on the way", LOOK).one_text(),
    ErrorRow::indeterminate("EXPIRED_DLR_UNKNOWN", "the network does not say", LOOK).one_text(),
    ErrorRow::indeterminate("UNDELIVERABLE", "it could not be delivered", LOOK).one_text(),
    ErrorRow::indeterminate("EXPIRED", "it expired", LOOK).one_text(),
    ErrorRow::indeterminate("E500", "Infobip failed", LOOK),
    ErrorRow::indeterminate("GENERAL_ERROR", "Infobip failed", LOOK),
    // The key.
    ErrorRow::not_sent("E401", "the API key is not accepted", KEY).alert_all(),
    ErrorRow::not_sent("UNAUTHORIZED", "the API key is not accepted", KEY).alert_all(),
    ErrorRow::not_sent("E403", "the key may not send texts", KEY).alert_all(),
    ErrorRow::not_sent("FORBIDDEN", "the key may not send texts", KEY).alert_all(),
    ErrorRow::not_sent("E404", "there is no such resource", BASE).alert_all(),
    ErrorRow::not_sent("NOT_FOUND", "there is no such resource", BASE).alert_all(),
    ErrorRow::not_sent("E429", "too many requests", SLOWER),
    ErrorRow::not_sent("TOO_MANY_REQUESTS", "too many requests", SLOWER),
    // What a status says when no code does.
    ErrorRow::not_sent("HTTP 401", "the API key is not accepted", KEY).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", KEY).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests", SLOWER),
];

const ANOTHER: &str = "ask for another number";
const ANOTHER_OR: &str =
    "ask for another number; if every text fails so, check sender and message format";
const BASE: &str = "check that the base URL is the account's own, and any proxy before it";
const BLOCKED: &str = "ask for another number, or take it off the block list of the account";
const CREDIT: &str = "top up the account";
const ELSEWHERE: &str = "wait, or send elsewhere";
const FLOODED: &str = "wait an hour, or have the account manager raise the limit";
const FORMAT: &str = "shorten the message format";
const KEY: &str = "check the API key, its scopes, and that the base URL is the account's own";
const LOOK: &str = "see in Infobip's logs whether the text went out";
const REPORT: &str = "report it to the authors of this crate";
const ROUTE: &str = "have the account manager set up the network, or do not offer the country";
const SENDER: &str = "check the sender and its registration for the recipient's country";
const SLOWER: &str = "wait as long as the answer asks, and send fewer at once";
const TRIAL: &str = "have the account manager lift the limit to test numbers";
