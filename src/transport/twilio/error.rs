//! What Twilio's codes mean: in the answer to a request, and in a delivery receipt.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Invalid, NotMobile, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// Every code of Twilio's dictionary (read in 2026, in a copy) that the answer to a text of ours can have, and what an
/// HTTP status alone means. Its codes for multimedia, RCS, links, schedules and registrations are of
/// requests that this adapter does not make.
pub const ERRORS: &[ErrorRow] = &[
    // The account and its credentials.
    ErrorRow::not_sent("20003", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("20404", "there is no such account or resource", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("10001", "the account is not active", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20005", "the account is not active", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20006", "the access is denied", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("20008", "these are test credentials", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("20010", "the action is disabled for the account", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20403", "the request is forbidden", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("10002", "the trial account lacks the feature", UPGRADE).alert(),
    ErrorRow::not_sent("21608", "the trial account sends to verified numbers only", UPGRADE)
        .alert(),
    ErrorRow::not_sent("30002", "the account is suspended", ACCOUNT).alert_all(),
    ErrorRow::not_sent("20151", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("30037", "the account may not send texts", ACCOUNT).alert_all(),
    ErrorRow::not_sent("30044", "the text is too long for a trial account", UPGRADE).alert(),
    ErrorRow::not_sent("21267", "a trial account has no sender names", UPGRADE).alert(),
    // Too much at once.
    ErrorRow::not_sent("20429", "too many requests at once", SLOWER),
    ErrorRow::not_sent("21611", "the sender's queue is full", MORE_SENDERS).alert(),
    ErrorRow::not_sent("30001", "the queue is full", MORE_SENDERS),
    ErrorRow::not_sent("30022", "the campaign's rate limit is reached", MORE_SENDERS),
    ErrorRow::not_sent("30023", "the campaign's daily limit is reached", MORE_SENDERS).alert(),
    ErrorRow::not_sent("30454", "the account's limit of messages is reached", MORE_SENDERS)
        .alert_all(),
    ErrorRow::not_sent("21730", "the system is under maintenance", "wait, or send elsewhere"),
    // The number.
    ErrorRow::refused("21211", "the number is not valid", ANOTHER).about_number(Invalid),
    // Of calls and of numbers that are bought: too little to remember a recipient by.
    ErrorRow::refused("21217", "the number does not appear to be valid", ANOTHER),
    ErrorRow::refused("21421", "the number is not valid", ANOTHER),
    ErrorRow::refused("21614", "the number takes no texts", ANOTHER).about_number(NotMobile),
    ErrorRow::refused("21635", "the number is a landline", ANOTHER).about_number(NotMobile),
    ErrorRow::refused("21266", "the number is that of the sender", ANOTHER).about_number(Invalid),
    ErrorRow::refused("21268", "a number of premium rate or an information service", ANOTHER)
        .about_number(NotMobile),
    ErrorRow::refused("21265", "the number is a short code", ANOTHER).about_number(NotMobile),
    ErrorRow::refused("21610", "the recipient opted out with STOP", START).about_number(OptedOut),
    ErrorRow::refused("30630", "the recipient opted out", START).about_number(OptedOut),
    ErrorRow::refused("21214", "the number cannot be reached", ANOTHER),
    ErrorRow::refused("30450", "Twilio's own pumping protection blocks the destination", ANOTHER),
    ErrorRow::refused("30453", "Twilio's own check for fraud blocks the destination", ANOTHER),
    // The country.
    ErrorRow::not_sent("21408", "the country is not enabled for the account", GEO).alert(),
    ErrorRow::not_sent("21215", "the country is not enabled for the account", GEO).alert(),
    ErrorRow::not_sent("21216", "the account may not reach the number", GEO_OR).alert(),
    // The sender. 21401 and 21612 may be about the number too; Twilio names the sender first.
    ErrorRow::not_sent("21401", "the sender, or the number, is not valid", SENDER).alert(),
    ErrorRow::not_sent("21612", "the number cannot be reached from this sender", SENDER).alert(),
    ErrorRow::not_sent("21212", "the sender is not valid", SENDER).alert(),
    ErrorRow::not_sent("21601", "the sender is not a number of the account", SENDER).alert(),
    ErrorRow::not_sent("21603", "there is no sender", SENDER).alert(),
    ErrorRow::not_sent("21606", "the sender cannot send to this country", SENDER).alert(),
    ErrorRow::not_sent("21607", "a trial account must send from its own number", UPGRADE).alert(),
    ErrorRow::not_sent("21616", "the sender matches several numbers", SENDER).alert(),
    ErrorRow::not_sent("21657", "the sender name is not valid", SENDER).alert(),
    ErrorRow::not_sent("21659", "the sender is not a number of Twilio's", SENDER).alert(),
    ErrorRow::not_sent("21660", "the sender belongs to another account", SENDER).alert(),
    ErrorRow::not_sent("21661", "the sender sends no texts", SENDER).alert(),
    ErrorRow::not_sent("21662", "sender and number do not go together in region ie1", SENDER)
        .alert(),
    ErrorRow::not_sent("21663", "the sender is routed through another region", SENDER).alert(),
    ErrorRow::not_sent("21668", "the sender's kind is not supported in region ie1", SENDER).alert(),
    ErrorRow::not_sent("21264", "the sender is not verified", SENDER).alert(),
    ErrorRow::not_sent("21910", "sender and number are of two channels", SENDER).alert(),
    ErrorRow::not_sent("30016", "sender and number are of two channels", SENDER).alert(),
    ErrorRow::not_sent("21701", "the messaging service does not exist", SERVICE).alert(),
    ErrorRow::not_sent("21702", "the messaging service takes no new texts", SERVICE).alert(),
    ErrorRow::not_sent("21703", "the messaging service has no sender for it", SERVICE).alert(),
    ErrorRow::not_sent("21704", "the messaging service has no senders", SERVICE).alert(),
    ErrorRow::not_sent("21705", "the messaging service is not valid", SERVICE).alert(),
    ErrorRow::not_sent("21708", "the messaging service lacks a sender name", SERVICE).alert(),
    ErrorRow::not_sent("21709", "the sender name is not authorised", SERVICE).alert(),
    ErrorRow::not_sent("21711", "the sender is not in the messaging service", SERVICE).alert(),
    ErrorRow::not_sent("30018", "the network wants the sender registered", SENDER).alert(),
    ErrorRow::not_sent("30024", "the network has not provisioned the sender", SENDER).alert(),
    ErrorRow::not_sent("30032", "the toll-free sender is not verified", SENDER).alert(),
    ErrorRow::not_sent("30033", "the campaign is suspended", SENDER).alert(),
    ErrorRow::not_sent("30034", "the sender is not registered for 10DLC", SENDER).alert(),
    ErrorRow::not_sent("30035", "the sender is still being configured", SENDER).alert(),
    ErrorRow::not_sent("30040", "the network wants the sender registered", SENDER).alert(),
    ErrorRow::not_sent("30041", "the country wants the sender registered", SENDER).alert(),
    ErrorRow::not_sent("30042", "the sender name is too general, or not the account's", SENDER)
        .alert(),
    // The text and the request: our fault or the configuration's, for every provider alike.
    ErrorRow::refused("21602", "the text is empty", REPORT).alert(),
    ErrorRow::refused("21619", "the text is missing", REPORT).alert(),
    ErrorRow::refused("21604", "the number is missing", REPORT).alert(),
    ErrorRow::refused("21605", "the text is too long", SHORTER).alert(),
    ErrorRow::refused("21617", "the text is longer than 1600 characters", SHORTER).alert(),
    ErrorRow::refused("21618", "the text cannot be sent", SHORTER).alert(),
    ErrorRow::refused("21658", "a parameter is too long", SHORTER).alert(),
    ErrorRow::not_sent("20001", "a parameter is unknown", REPORT).alert(),
    ErrorRow::not_sent("20004", "the method is not allowed", BASE).alert_all(),
    ErrorRow::not_sent("20011", "the version of TLS is not accepted", PROXY).alert_all(),
    ErrorRow::not_sent("20012", "the ciphers of TLS are not accepted", PROXY).alert_all(),
    ErrorRow::not_sent("20410", "the interface is gone", BASE).alert_all(),
    ErrorRow::not_sent("20413", "the request is too large", REPORT).alert(),
    ErrorRow::not_sent("20426", "the interface is too old", BASE).alert_all(),
    ErrorRow::not_sent("30028", "the version of the interface is not valid", BASE).alert_all(),
    ErrorRow::not_sent("30400", "a parameter is not valid", REPORT).alert(),
    ErrorRow::not_sent("30404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("20422", "a parameter is not valid", REPORT).alert(),
    ErrorRow::not_sent("20423", "an SID is not valid", CREDENTIALS).alert(),
    ErrorRow::not_sent("21470", "the account SID is not valid", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("21471", "the account does not exist", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("21472", "the account is not active", ACCOUNT).alert_all(),
    ErrorRow::not_sent("21609", "the status callback is not valid", CALLBACK).alert(),
    ErrorRow::not_sent("21624", "the validity period is not valid", "set 1 to 36000 s").alert(),
    ErrorRow::not_sent("21626", "the status callback event is not valid", CALLBACK).alert(),
    ErrorRow::not_sent("30012", "the validity period is too short", "set 1 to 36000 s").alert(),
    ErrorRow::not_sent("30013", "the validity period is too long", "set 1 to 36000 s").alert(),
    ErrorRow::not_sent("30045", "the validity period is not allowed", "set 1 to 36000 s").alert(),
    // Twilio does not know itself.
    ErrorRow::indeterminate("20409", "the resource is in another state", LOOK),
    ErrorRow::indeterminate("20500", "Twilio failed", LOOK),
    ErrorRow::indeterminate("20503", "the service is unavailable", LOOK),
    ErrorRow::indeterminate("20504", "a part of Twilio did not answer in time", LOOK),
    ErrorRow::indeterminate("30008", "Twilio gives no reason", LOOK),
    ErrorRow::indeterminate("30021", "Twilio's choice of a sender failed", LOOK),
    ErrorRow::indeterminate("30500", "Twilio failed", LOOK),
    ErrorRow::indeterminate("30410", "a provider of Twilio's did not answer in time", LOOK),
    // Where only the status tells.
    ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
];

/// The code for a landline, or for a short code whose route does not reach the recipient's network.
pub(super) const UNREACHED: &str = "30006";

/// Every code of Twilio's dictionary (read in 2026, in a copy) that the receipt of a text can have. Of
/// a text that came from a short code, 30006 tells nothing about the number, and 30004 and 30005 never do:
/// Twilio names a phone without signal and a failure of the network among their causes.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("21610", Number(OptedOut), "the recipient opted out with STOP"),
    FaultRow::new("30001", Account, "the queue is full"),
    FaultRow::new("30002", Account, "the account is suspended"),
    FaultRow::new("30003", Handset, "the handset is off or out of reach"),
    FaultRow::new("30004", Filtered, "blocked by recipient, network or Twilio, or out of reach"),
    FaultRow::new("30005", Unknown, "the number is unknown, or the handset out of reach"),
    FaultRow::new(UNREACHED, Number(NotMobile), "a landline, or a network that takes no texts"),
    FaultRow::new("30007", Filtered, "filtered by Twilio or by the network"),
    FaultRow::new("30008", Unknown, "no reason given"),
    FaultRow::new("30009", Unknown, "a segment is missing"),
    FaultRow::new("30010", Account, "dearer than the price that was allowed"),
    FaultRow::new("14107", Account, "too many texts between two numbers"),
    FaultRow::new("30017", Carrier, "the network is congested"),
    FaultRow::new("30018", Account, "the network wants the sender registered"),
    FaultRow::new("30019", Account, "larger than the network allows"),
    FaultRow::new("30021", Unknown, "Twilio's choice of a sender failed"),
    FaultRow::new("30022", Account, "the campaign's rate limit is reached"),
    FaultRow::new("30023", Account, "the campaign's daily limit is reached"),
    FaultRow::new("30024", Account, "the network has not provisioned the sender"),
    FaultRow::new("30027", Account, "the daily limit of one network is reached"),
    FaultRow::new("30032", Account, "the toll-free sender is not verified"),
    FaultRow::new("30033", Account, "the campaign is suspended"),
    FaultRow::new("30034", Account, "the sender is not registered for 10DLC"),
    FaultRow::new("30035", Account, "the sender is still being configured"),
    FaultRow::new("30036", Account, "expired before it was sent"),
    FaultRow::new("30037", Account, "the account may not send texts"),
    FaultRow::new("30038", Filtered, "a code to a number of Twilio's, which takes none"),
    FaultRow::new("30039", Filtered, "taken for a loop of machines"),
    FaultRow::new("30040", Account, "the network wants the sender registered"),
    FaultRow::new("30041", Account, "the country wants the sender registered"),
    FaultRow::new("30042", Account, "the sender name is too general, or not the account's"),
    FaultRow::new("30043", Account, "an international text over a domestic route"),
    FaultRow::new("30044", Account, "too long for a trial account"),
    FaultRow::new("30045", Account, "the validity period is not allowed"),
    FaultRow::new("30046", Unknown, "delivery was not confirmed"),
    FaultRow::new("30410", Carrier, "a provider of Twilio's did not answer in time"),
    FaultRow::new("30450", Filtered, "blocked by Twilio's own pumping protection"),
    FaultRow::new("30453", Filtered, "blocked by Twilio's own check for fraud"),
    FaultRow::new("30454", Account, "the account's limit of messages is reached"),
    FaultRow::new("30485", Unknown, "no reason given"),
    FaultRow::new("30500", Unknown, "Twilio failed"),
    FaultRow::new("30610", Unknown, "no reason given"),
    FaultRow::new("30615", Unknown, "no reason given"),
    FaultRow::new("30620", Unknown, "no reason given"),
    FaultRow::new("30630", Number(OptedOut), "the recipient opted out"),
    FaultRow::new("30640", Unknown, "no reason given"),
];

const ACCOUNT: &str = "see the account's state and balance in Twilio's console";
const ANOTHER: &str = "ask for another number";
const BASE: &str = "check base URL, edge and region";
const CALLBACK: &str = "check the status callback's URL";
const CREDENTIALS: &str =
    "check the account SID and its token or API key, and that they belong to this region";
const GEO: &str = "enable the country under geographic permissions, or do not offer it";
const GEO_OR: &str = "see the account's state, geographic permissions and blocked numbers";
const LOOK: &str = "see in Twilio's log whether the text went out";
const MORE_SENDERS: &str = "add senders or raise the limit, or wait";
const PROXY: &str = "check any proxy between this host and Twilio: it speaks an old TLS";
const REPORT: &str = "report it to the authors of this crate";
const SENDER: &str = "check the sender and its registration for the recipient's country";
const SERVICE: &str = "check the messaging service and its senders";
const SHORTER: &str = "shorten the message format";
const SLOWER: &str = "wait as long as the answer asks, and send fewer at once";
const START: &str = "the recipient must text START, or give another number";
const UPGRADE: &str = "upgrade the trial account, or verify the number in the console";
