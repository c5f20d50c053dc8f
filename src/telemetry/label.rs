//! The words that metrics and spans use. Each list is closed: nothing a client sends becomes a label.

use crate::access::{AnonymiserKind, CallerError, DestinationRefusal};
use crate::event::{OutagePart, RejectionCause, TestUse};
use crate::human::HumanFailure;
use crate::outcome::{LimitName, RefusalReason};
use crate::pumping::{Action, AlertKind, BlockLevel};
use crate::token::TokenError;
use crate::transport::{Channel, DeliveryFault, NumberFault, ReceiptErrorKind};

/// What stands where there is nothing to say.
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub(crate) const NONE: &str = "none";

/// What stands for everything beyond a bound.
#[cfg(feature = "metrics")]
pub(crate) const OTHER: &str = "other";

/// A function from a value to its word, and the list of the words.
macro_rules! words {
    ($list:ident, $name:ident($value:ident: $of:ty) { $($pattern:pat => $word:literal,)+ }) => {
        #[allow(dead_code)] // each feature uses its own part
        pub(crate) const fn $name($value: $of) -> &'static str {
            match $value { $($pattern => $word,)+ }
        }
        #[allow(dead_code)]
        pub(crate) const $list: &[&str] = &[$($word,)+];
    };
}

words!(LIMITS, limit(name: LimitName) {
    LimitName::NumberInterval => "number_interval",
    LimitName::Number => "number",
    LimitName::Client => "client",
    LimitName::ClientUnverified => "client_unverified",
    LimitName::NetworkUnverified => "network_unverified",
    LimitName::CampusUnverified => "campus_unverified",
    LimitName::ProviderUnverified => "provider_unverified",
    LimitName::AllocationUnverified => "allocation_unverified",
    LimitName::CustomersUnverified => "customers_unverified",
    LimitName::Session => "session",
    LimitName::User => "user",
    LimitName::Device => "device",
    LimitName::Block => "block",
    LimitName::BlockUnverified => "block_unverified",
    LimitName::Country => "country",
    LimitName::Purpose => "purpose",
    LimitName::Caller => "caller",
    LimitName::Realm => "realm",
    LimitName::RealmUnverified => "realm_unverified",
    LimitName::Global => "global",
    LimitName::Message => "message",
});

words!(TOKENS, token(error: &TokenError) {
    TokenError::Malformed => "malformed",
    TokenError::UnknownKey => "unknown_key",
    TokenError::Forged => "forged",
    TokenError::TooSoon { .. } => "too_soon",
    TokenError::Expired => "expired",
    TokenError::IssuedInFuture => "issued_in_future",
    TokenError::WrongPurpose => "wrong_purpose",
    TokenError::WrongBinding => "wrong_binding",
    TokenError::NumberMismatch => "number_mismatch",
    TokenError::WorkMissing { .. } => "work_missing",
});

words!(CALLERS, caller(error: &CallerError) {
    CallerError::Malformed => "malformed",
    CallerError::UnknownKey => "unknown_key",
    CallerError::Forged => "forged",
    CallerError::KeyExpired => "key_expired",
    CallerError::Expired => "expired",
    CallerError::IssuedInFuture => "issued_in_future",
    CallerError::NotListed => "not_listed",
    CallerError::Network => "network",
    CallerError::Realm => "realm",
    CallerError::Purpose => "purpose",
});

words!(DESTINATIONS, destination(refusal: &DestinationRefusal) {
    DestinationRefusal::Country { .. } => "country",
    DestinationRefusal::Unassigned => "unassigned",
    DestinationRefusal::Satellite => "satellite",
    DestinationRefusal::Line { .. } => "line",
    DestinationRefusal::Price { .. } => "price",
    DestinationRefusal::PriceUnknown => "price_unknown",
});

words!(ANONYMISERS, anonymiser(kind: AnonymiserKind) {
    AnonymiserKind::Tor => "tor",
    AnonymiserKind::Vpn => "vpn",
    AnonymiserKind::Proxy => "proxy",
    AnonymiserKind::Hosting => "hosting",
});

words!(CHANNELS, channel(channel: Channel) {
    Channel::Sms => "sms",
    Channel::Voice => "voice",
    Channel::WhatsApp => "whatsapp",
    Channel::Email => "email",
});

words!(NUMBER_FAULTS, number_fault(fault: NumberFault) {
    NumberFault::Invalid => "invalid",
    NumberFault::NotMobile => "not_mobile",
    NumberFault::Disconnected => "disconnected",
    NumberFault::OptedOut => "opted_out",
    NumberFault::Barred => "barred",
});

words!(RECEIPT_ERRORS, receipt_error(kind: ReceiptErrorKind) {
    ReceiptErrorKind::Unsigned => "unsigned",
    ReceiptErrorKind::Forged => "forged",
    ReceiptErrorKind::Stale => "stale",
    ReceiptErrorKind::Malformed => "malformed",
    ReceiptErrorKind::NoSecret => "no_secret",
});

words!(DELIVERY_FAULTS, delivery_fault(fault: Option<DeliveryFault>) {
    None => "none",
    Some(DeliveryFault::Number(_)) => "number",
    Some(DeliveryFault::Handset) => "handset",
    Some(DeliveryFault::Carrier) => "carrier",
    Some(DeliveryFault::Filtered) => "filtered",
    Some(DeliveryFault::Account) => "account",
    Some(DeliveryFault::Unknown) => "unknown",
});

words!(CAUSES, cause(cause: RejectionCause) {
    RejectionCause::Mismatch => "mismatch",
    RejectionCause::Malformed => "malformed",
    RejectionCause::Expired => "expired",
    RejectionCause::Replay => "replay",
    RejectionCause::Locked => "locked",
    RejectionCause::Unknown => "unknown",
    RejectionCause::BadGrant => "bad_grant",
    RejectionCause::NumberLimit => "number_limit",
    RejectionCause::ClientLimit => "client_limit",
});

words!(HUMAN_FAILURES, human_failure(failure: HumanFailure) {
    HumanFailure::NotHuman => "not_human",
    HumanFailure::Spent => "spent",
    HumanFailure::WrongSite => "wrong_site",
});

words!(TEST_USES, test_use(step: TestUse) {
    TestUse::Issued => "issued",
    TestUse::Accepted => "accepted",
    TestUse::Rejected => "rejected",
});

words!(ALERTS, alert(kind: AlertKind) {
    AlertKind::Asking => "asking",
    AlertKind::BlockBegun => "block_begun",
    AlertKind::BlockForbidden => "block_forbidden",
    AlertKind::BlockLifted => "block_lifted",
    AlertKind::ConversionCollapsed => "conversion_collapsed",
    AlertKind::ScoutSeen => "scout_seen",
    AlertKind::ShareUnexplained => "share_unexplained",
    AlertKind::CarrierOutage => "carrier_outage",
});

words!(NODES, node(level: BlockLevel) {
    BlockLevel::Hundred => "hundred",
    BlockLevel::Thousand => "thousand",
    BlockLevel::TenThousand => "ten_thousand",
    BlockLevel::HundredThousand => "hundred_thousand",
    BlockLevel::Million => "million",
    BlockLevel::Country => "country",
    BlockLevel::ColdCountry => "cold_country",
    BlockLevel::Cold => "cold",
    BlockLevel::ColdMillion => "cold_million",
    BlockLevel::Host => "client",
    BlockLevel::Network => "network",
    BlockLevel::Everyone => "everyone",
    BlockLevel::KnownCountry => "known_country",
    BlockLevel::Known => "known",
    BlockLevel::AwayCountry => "away_country",
    BlockLevel::Away => "away",
});

words!(PARTS, part(part: OutagePart) {
    OutagePart::Store => "store",
    OutagePart::Clock => "clock",
    OutagePart::HumanCheck => "human_check",
    OutagePart::LookUp => "look_up",
    OutagePart::Provider => "provider",
    OutagePart::Entropy => "entropy",
    OutagePart::Text => "text",
    OutagePart::PlugIn => "plug_in",
    OutagePart::Host => "host",
    OutagePart::Record => "record",
    OutagePart::StoreLost => "store_lost",
});

words!(ACTIONS, action(action: Action) {
    Action::Pass => "pass",
    Action::Ask => "ask",
    Action::Refuse => "refuse",
});

words!(REASONS, reason_word(reason: &RefusalReason) {
    RefusalReason::Token(_) => "token",
    RefusalReason::TokenSpent => "token_spent",
    RefusalReason::Caller(_) => "caller",
    RefusalReason::Destination(_) => "destination",
    RefusalReason::Control { .. } => "control",
    RefusalReason::KnownNumbersOnly { .. } => "known_numbers_only",
    RefusalReason::SmsOff => "sms_off",
    RefusalReason::HumanCheckFailed => "human_check_failed",
    RefusalReason::HumanCheckAsked => "human_check_asked",
    RefusalReason::Limit(_) => "limit",
    RefusalReason::Budget(_) => "budget",
    RefusalReason::TooManyFailures => "too_many_failures",
    RefusalReason::Pumping(_) => "pumping",
    RefusalReason::Anonymiser(_) => "anonymiser",
    RefusalReason::SimSwapped => "sim_swapped",
    RefusalReason::NoSignals => "no_signals",
    RefusalReason::NumberRefused => "number_refused",
    RefusalReason::ChannelOff { .. } => "channel_off",
    RefusalReason::ChannelNotYet { .. } => "channel_not_yet",
    RefusalReason::NumberFault { .. } => "number_fault",
    RefusalReason::VerificationOver => "verification_over",
});

/// The kind of a reason, and which of that kind.
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub(crate) fn reason(reason: &RefusalReason) -> [&'static str; 2] {
    let detail = match reason {
        RefusalReason::Token(error) => token(error),
        RefusalReason::Caller(error) => caller(error),
        RefusalReason::Destination(refusal) => destination(refusal),
        RefusalReason::Limit(name) | RefusalReason::Budget(name) => limit(*name),
        RefusalReason::Anonymiser(kind) => anonymiser(*kind),
        RefusalReason::ChannelOff { channel: by }
        | RefusalReason::ChannelNotYet { channel: by } => channel(*by),
        RefusalReason::NumberFault { fault: Some(fault) } => number_fault(*fault),
        _ => NONE,
    };
    [reason_word(reason), detail]
}

/// How many pairs [`reason`] can give.
#[cfg(feature = "metrics")]
pub(crate) fn reason_pairs() -> usize {
    let of = |reason: &&str| match *reason {
        "token" => TOKENS.len(),
        "caller" => CALLERS.len(),
        "destination" => DESTINATIONS.len(),
        "limit" | "budget" => LIMITS.len(),
        "anonymiser" => ANONYMISERS.len(),
        "channel_off" | "channel_not_yet" => CHANNELS.len(),
        // Another gate may have forgotten which.
        "number_fault" => NUMBER_FAULTS.len().saturating_add(1),
        _ => 1,
    };
    REASONS.iter().map(of).sum()
}

#[cfg(all(test, any(feature = "metrics", feature = "tracing")))]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_label() {
        let lists = [
            LIMITS,
            TOKENS,
            CALLERS,
            DESTINATIONS,
            ANONYMISERS,
            CHANNELS,
            NUMBER_FAULTS,
            DELIVERY_FAULTS,
            RECEIPT_ERRORS,
            CAUSES,
            TEST_USES,
            ALERTS,
            NODES,
            PARTS,
            ACTIONS,
            REASONS,
            HUMAN_FAILURES,
        ];
        for list in lists {
            let distinct: std::collections::BTreeSet<_> = list.iter().collect();
            assert_eq!(distinct.len(), list.len(), "{list:?}");
            let plain = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(list.iter().all(plain), "{list:?}");
        }
    }

    #[test]
    fn a_reason_has_its_kind_and_which_of_that_kind() {
        assert_eq!(reason(&RefusalReason::SmsOff), ["sms_off", "none"]);
        assert_eq!(reason(&RefusalReason::Limit(LimitName::Block)), ["limit", "block"]);
        assert_eq!(reason(&RefusalReason::Token(TokenError::Expired)), ["token", "expired"]);
        let words = "+4915112345678 and more";
        assert_eq!(reason(&RefusalReason::Pumping(words.into())), ["pumping", "none"]);
    }
}
