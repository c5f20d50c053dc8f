//! What Telnyx's codes mean: in the answer to a request, and in a delivery receipt.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Number, Unknown};
use crate::transport::NumberFault::{Disconnected, Invalid, NotMobile, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// The codes of Telnyx's reference of messaging errors that a request is answered with, the general
/// codes that its support lists for messaging, and what an HTTP status alone means. The reference
/// has `40001` to `40013` under delivery errors; requests are answered with some of them all the
/// same. A code that is not here proves nothing.
///
/// `10002 /to` is code 10002 with a `source.pointer` to the recipient, `10002 /from` with one to the
/// sender. The code alone may mean either, so nothing is held against the number.
pub const ERRORS: &[ErrorRow] = &[
    // The account and its credentials.
    ErrorRow::not_sent("10009", "the credentials are not accepted", KEY).alert_all(),
    ErrorRow::not_sent("10010", "the key may not do this", KEY).alert_all(),
    ErrorRow::not_sent("20002", "the API key is revoked", KEY).alert_all(),
    ErrorRow::not_sent("20006", "the access token has expired", KEY).alert_all(),
    ErrorRow::not_sent("20012", "the account is not active", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20013", "the account is blocked", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20014", "the account is not verified", VERIFY).alert_all(),
    ErrorRow::not_sent("20015", "the feature is not enabled for the account", ACCOUNT).alert(),
    ErrorRow::not_sent("20016", "the account lacks verification of level 1", VERIFY).alert(),
    ErrorRow::not_sent("20017", "the account lacks verification of level 2", VERIFY).alert(),
    ErrorRow::not_sent("10039", "the account's level does not allow it", VERIFY).alert(),
    ErrorRow::not_sent("20100", "the account has no funds", ACCOUNT).alert_all(),
    ErrorRow::not_sent("40314", "the account's messaging is disabled", ACCOUNT).alert_all(),
    ErrorRow::not_sent("40333", "the profile's spend limit is reached", SPEND).alert(),
    // Too much at once.
    ErrorRow::not_sent("10011", "too many requests", SLOWER),
    ErrorRow::not_sent("40318", "the message queue is full", SLOWER),
    ErrorRow::not_sent("40011", "the network's rate limit is reached", SLOWER),
    // The number.
    ErrorRow::refused("10001 /to", "the number is not active", ANOTHER).about_number(Disconnected),
    ErrorRow::refused("10002 /to", "the number is not valid", ANOTHER).about_number(Invalid),
    ErrorRow::refused("10016 /to", "the number is not in E.164", ANOTHER).about_number(Invalid),
    ErrorRow::refused("40001", "a landline, or a number that takes no texts", ANOTHER)
        .about_number(NotMobile),
    // Unowned, deactivated and out of credit alike: too much to remember a number by.
    ErrorRow::refused("40012", "the network rejected the number", ANOTHER),
    ErrorRow::refused("40310", "the number is not valid", ANOTHER).about_number(Invalid),
    ErrorRow::refused("40300", "the recipient opted out with STOP", START).about_number(OptedOut),
    // The number or the sender.
    ErrorRow::refused("10001", "the number or the sender is not active", EITHER).alert(),
    ErrorRow::refused("10002", "the number or the sender is not valid", EITHER).alert(),
    ErrorRow::refused("10016", "the number or the sender is not in E.164", EITHER).alert(),
    // The sender.
    ErrorRow::not_sent("10001 /from", "the sender is not active", SENDER).alert(),
    ErrorRow::not_sent("10002 /from", "the sender is not valid", SENDER).alert(),
    ErrorRow::not_sent("10016 /from", "the sender is not in E.164", SENDER).alert(),
    ErrorRow::not_sent("40010", "the sender is not registered for 10DLC", SENDER).alert(),
    ErrorRow::not_sent("40013", "the network rejected the sender", SENDER).alert(),
    ErrorRow::not_sent("40100", "the sender is not enabled for messaging", SENDER).alert(),
    ErrorRow::not_sent("40150", "the toll-free sender is in no voice registry", SENDER).alert(),
    ErrorRow::not_sent("40151", "another provider is enabling the sender", SENDER).alert(),
    ErrorRow::not_sent("40155", "the sender needs a letter of authorization", SENDER).alert(),
    ErrorRow::not_sent("40301", "the sender cannot text this kind of number", SENDER).alert(),
    ErrorRow::not_sent("40305", "the sender has no messaging profile", SENDER).alert(),
    ErrorRow::not_sent("40306", "the profile has no sender name", SENDER).alert(),
    ErrorRow::not_sent("40307", "the sender name is not the profile's", SENDER).alert(),
    ErrorRow::not_sent("40308", "the sender sends no multimedia", SENDER).alert(),
    ErrorRow::not_sent("40315", "the sender is blamed for spam or non-delivery", SENDER).alert(),
    ErrorRow::not_sent("40319", "the sender cannot text this kind of number", SENDER).alert(),
    ErrorRow::not_sent("40320", "the sender is not usable yet", SENDER).alert(),
    ErrorRow::not_sent("40321", "the pool has no usable number", SENDER).alert(),
    ErrorRow::not_sent("40323", "the sender could not be enabled", SENDER).alert(),
    ErrorRow::not_sent("40325", "the sender name is not valid", SENDER).alert(),
    ErrorRow::not_sent("40329", "the toll-free sender is not verified", SENDER).alert(),
    ErrorRow::not_sent("40330", "the toll-free sender is not provisioned", SENDER).alert(),
    // The recipient's network.
    ErrorRow::not_sent("40006", "the recipient's network does not answer", NETWORK).alert(),
    ErrorRow::not_sent("40008", "the network did not accept the text", NETWORK).alert(),
    // The messaging profile.
    ErrorRow::not_sent("40309", "the country is not in the profile's list", COUNTRY).alert(),
    ErrorRow::not_sent("40331", "the profile has no list of countries", COUNTRY).alert(),
    ErrorRow::not_sent("40311", "the profile's secret is wrong", PROFILE).alert(),
    ErrorRow::not_sent("40312", "the profile is disabled", PROFILE).alert(),
    ErrorRow::not_sent("40313", "the profile asks for a secret", PROFILE).alert(),
    // The request.
    ErrorRow::not_sent("10003", "a URL is not valid", "check the webhook's URL").alert(),
    ErrorRow::not_sent("10004", "a parameter is missing", REPORT).alert(),
    ErrorRow::not_sent("10005", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("10006", "an identifier is not valid", PROFILE).alert(),
    ErrorRow::not_sent("10014", "the content type is not supported", BASE).alert(),
    ErrorRow::not_sent("10015", "the request is not well-formed", REPORT).alert(),
    ErrorRow::not_sent("10017", "an associated resource does not exist", PROFILE).alert(),
    ErrorRow::not_sent("40304", "the content's fields contradict each other", REPORT).alert(),
    ErrorRow::not_sent("40316", "there is no text", REPORT).alert(),
    ErrorRow::not_sent("40317", "the media are not valid", REPORT).alert(),
    // The text.
    ErrorRow::refused("40302", "the text is too long", FORMAT).alert(),
    ErrorRow::refused("40322", "the text is blocked for its content", FORMAT).alert(),
    // What proves nothing.
    ErrorRow::indeterminate("40328", "a warning: the text has many parts", FORMAT),
    ErrorRow::indeterminate("10007", "Telnyx failed", LOOK),
    ErrorRow::indeterminate("10008", "Telnyx did not answer itself in time", LOOK),
    // What a status says when no code does.
    ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", KEY).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", KEY).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests", SLOWER),
];

/// Every code of Telnyx's reference that a delivery receipt can carry.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("40001", Number(NotMobile), "a landline, or a number that takes no texts"),
    FaultRow::new("40002", Filtered, "taken for spam by the network, for now"),
    FaultRow::new("40003", Account, "the network blocks the sender for good"),
    FaultRow::new("40004", Unknown, "the recipient's network gives no reason"),
    FaultRow::new("40005", Unknown, "expired on the way"),
    FaultRow::new("40006", Carrier, "the recipient's network does not answer"),
    FaultRow::new("40008", Unknown, "the network did not accept the text"),
    FaultRow::new("40009", Filtered, "the network rejected the content"),
    FaultRow::new("40010", Account, "the sender is not registered for 10DLC"),
    FaultRow::new("40011", Account, "the network's rate limit is reached"),
    // Unowned, deactivated and out of credit alike: too much to remember a number by.
    FaultRow::new("40012", Unknown, "the network rejected the number"),
    FaultRow::new("40013", Account, "the network rejected the sender"),
    FaultRow::new("40014", Account, "expired in Telnyx's queue; not charged"),
    FaultRow::new("40015", Filtered, "filtered by Telnyx"),
    FaultRow::new("40016", Account, "T-Mobile's limit for the campaign is reached"),
    FaultRow::new("40017", Filtered, "taken for spam by AT&T"),
    FaultRow::new("40018", Account, "AT&T's limit for the campaign is reached"),
    FaultRow::new("40019", Account, "AT&T does not know the campaign's tag"),
    FaultRow::new("40020", Filtered, "taken for pumping; blocked for 24 hours"),
    FaultRow::new("40300", Number(OptedOut), "the recipient opted out with STOP"),
    FaultRow::new("40329", Account, "the toll-free sender is not verified"),
    FaultRow::new("40330", Account, "the toll-free sender is not provisioned"),
];

const ACCOUNT: &str = "see the account's state and balance in Telnyx's portal";
const ANOTHER: &str = "ask for another number";
const BASE: &str = "check the base URL and any proxy before it";
const COUNTRY: &str =
    "add the country to the messaging profile's allowed destinations, or do not offer it";
const EITHER: &str = "ask for another number; if every text fails so, check the sender";
const FORMAT: &str = "shorten or change the message format";
const KEY: &str = "check the API key in Telnyx's portal";
const LOOK: &str = "see in Telnyx's message records whether the text went out";
const NETWORK: &str = "if it lasts, see Telnyx's status page and try another sender";
const PROFILE: &str = "check the messaging profile and its identifier in Telnyx's portal";
const REPORT: &str = "report it to the authors of this crate";
const SENDER: &str = "check the sender, its messaging profile and its registration";
const SLOWER: &str = "wait as long as the answer asks, and send fewer at once";
const SPEND: &str = "raise the profile's spend limit, or wait until midnight UTC";
const START: &str = "the recipient must text START, or give another number";
const VERIFY: &str = "verify the account in Telnyx's portal";
