//! What AWS's codes mean. The code in the body decides: throttling comes with HTTP 400.

use crate::transport::DeliveryFault::{Account, Carrier, Filtered, Handset, Number, Unknown};
use crate::transport::NumberFault::{Barred, Invalid, OptedOut};
use crate::transport::{ErrorRow, FaultRow};

/// The rows of one service, and those that every AWS service shares.
macro_rules! with_common {
    ($($row:expr),* $(,)?) => {
        &[
            $($row,)*
            ErrorRow::not_sent("UnrecognizedClientException", "the access key is unknown", KEY)
                .alert_all(),
            ErrorRow::not_sent("InvalidClientTokenId", "the access key is unknown", KEY).alert_all(),
            ErrorRow::not_sent("ExpiredTokenException", "the session token has expired", ROTATE)
                .alert_all(),
            ErrorRow::not_sent("ExpiredToken", "the session token has expired", ROTATE).alert_all(),
            ErrorRow::not_sent("InvalidSignatureException", "the signature is wrong", SECRET)
                .alert_all(),
            ErrorRow::not_sent("SignatureDoesNotMatch", "the signature is wrong", SECRET).alert_all(),
            ErrorRow::not_sent("IncompleteSignature", "the signature is not complete", SECRET)
                .alert_all(),
            ErrorRow::not_sent("MissingAuthenticationToken", "there is no signature", SECRET)
                .alert_all(),
            ErrorRow::not_sent("MissingAuthenticationTokenException", "there is no signature", SECRET)
                .alert_all(),
            ErrorRow::not_sent("RequestExpired", "the signature is too old or too new", CLOCK)
                .alert_all(),
            ErrorRow::not_sent("NotAuthorized", "the key may not send", PERMISSION).alert(),
            ErrorRow::not_sent("OptInRequired", "the account has no subscription", PERMISSION)
                .alert_all(),
            ErrorRow::not_sent("Throttling", "too many requests", SLOWER),
            ErrorRow::not_sent("ThrottlingException", "too many requests", SLOWER),
            ErrorRow::not_sent("ThrottledException", "too many requests", SLOWER),
            ErrorRow::not_sent("RequestThrottledException", "too many requests", SLOWER),
            ErrorRow::not_sent("InvalidAction", "the action is unknown", BASE).alert_all(),
            ErrorRow::not_sent("UnknownOperationException", "the action is unknown", BASE).alert_all(),
            ErrorRow::not_sent("MissingAction", "there is no action", BASE).alert_all(),
            ErrorRow::not_sent("MissingParameter", "a parameter is missing", REPORT).alert(),
            ErrorRow::not_sent("InvalidParameterCombination", "parameters contradict", REPORT)
                .alert(),
            ErrorRow::not_sent("InvalidQueryParameter", "the query is not valid", REPORT).alert(),
            ErrorRow::not_sent("MalformedQueryString", "the query is not valid", REPORT).alert(),
            ErrorRow::not_sent("SerializationException", "the request is not readable", REPORT)
                .alert(),
            ErrorRow::not_sent("MalformedHttpRequestException", "the request is not readable", BASE)
                .alert(),
            ErrorRow::not_sent("RequestEntityTooLargeException", "the request is too large", REPORT)
                .alert(),
            ErrorRow::refused("InvalidParameterValue", "a value is not valid", VALUE),
            ErrorRow::refused("ValidationError", "a value is not valid", VALUE),
            ErrorRow::indeterminate("RequestAbortedException", "the connection closed early", LOOK),
            ErrorRow::indeterminate("RequestTimeoutException", "AWS waited for the request", LOOK),
            ErrorRow::indeterminate("InternalFailure", "AWS failed", LOOK),
            ErrorRow::indeterminate("ServiceUnavailable", "the service is unavailable", LOOK),
            ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", KEY).alert_all(),
            ErrorRow::not_sent("HTTP 403", "the request is forbidden", PERMISSION).alert(),
            ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
            ErrorRow::not_sent("HTTP 429", "too many requests", SLOWER),
        ]
    };
}

/// Every exception that AWS documents for `SendTextMessage` and for all its services, and each reason
/// that is about sending. A reason without a row has that of its exception.
///
/// `ValidationException/INVALID_PARAMETER/OriginationIdentity` is that exception with this reason and
/// a field of this name.
pub const ERRORS: &[ErrorRow] = with_common![
    // The number.
    ErrorRow::refused("ConflictException/DESTINATION_PHONE_NUMBER_OPTED_OUT", OUT, START)
        .about_number(OptedOut),
    ErrorRow::refused(
        "ConflictException/DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        "the account's protect configuration blocks the number",
        ANOTHER,
    )
    .about_number(Barred),
    ErrorRow::refused(
        "ConflictException/DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        "the account's protect configuration blocks the country",
        PROTECT,
    )
    .alert(),
    ErrorRow::refused(
        "ValidationException/INVALID_PARAMETER/DestinationPhoneNumber",
        "the number is not valid",
        ANOTHER,
    )
    .about_number(Invalid),
    // The country.
    ErrorRow::not_sent("ValidationException/DESTINATION_COUNTRY_BLOCKED", BLOCKED, COUNTRY).alert(),
    ErrorRow::not_sent("ValidationException/COUNTRY_NOT_ENABLED", BLOCKED, COUNTRY).alert(),
    ErrorRow::not_sent(
        "ValidationException/INTERNATIONAL_SENDING_NOT_SUPPORTED",
        "the sender sends in its own country only",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent(
        "ValidationException/INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
        "the sender cannot send to this country",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent("ValidationException/COUNTRY_CODE_MISMATCH", "the country differs", SENDER)
        .alert(),
    ErrorRow::not_sent("ValidationException/PRICE_OVER_THRESHOLD", "dearer than allowed", PRICE)
        .alert(),
    // The sender.
    ErrorRow::not_sent("ValidationException/SENDER_ID_NOT_REGISTERED", UNREGISTERED, SENDER)
        .alert(),
    ErrorRow::not_sent("ValidationException/SENDER_ID_REQUIRES_REGISTRATION", UNREGISTERED, SENDER)
        .alert(),
    ErrorRow::not_sent(
        "ValidationException/SENDER_ID_NOT_SUPPORTED",
        "the country takes no sender IDs",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent(
        "ValidationException/INVALID_PARAMETER/OriginationIdentity",
        "the sender is not valid",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent(
        "ConflictException/NO_ORIGINATION_IDENTITIES_FOUND",
        "the account has no sender for this country",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent("ConflictException/RESOURCE_NOT_ACTIVE", "the sender is not active", SENDER)
        .alert(),
    ErrorRow::not_sent(
        "ConflictException/MESSAGE_TYPE_MISMATCH",
        "the sender is not for transactional texts",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent(
        "ConflictException/NUMBER_CAPABILITIES_MISMATCH",
        "the sender sends no texts",
        SENDER,
    )
    .alert(),
    ErrorRow::not_sent("ValidationException/CHANNEL_NOT_ENABLED", "texts are not enabled", SENDER)
        .alert(),
    ErrorRow::not_sent(
        "ValidationException/RESOURCE_NOT_ACCESSIBLE",
        "the resource is another account's",
        SENDER,
    )
    .alert(),
    // The account.
    ErrorRow::not_sent(
        "ConflictException/DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
        "an account in the sandbox sends to verified numbers only",
        SANDBOX,
    )
    .alert(),
    ErrorRow::not_sent(
        "AccessDeniedException/ACCOUNT_DISABLED",
        "the account is disabled",
        SUPPORT
    )
    .alert_all(),
    ErrorRow::not_sent(
        "AccessDeniedException/INSUFFICIENT_ACCOUNT_REPUTATION",
        "AWS does not trust the account enough",
        SUPPORT,
    )
    .alert_all(),
    ErrorRow::not_sent(
        "ServiceQuotaExceededException/MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
        "the month's spend limit is reached",
        "raise the account's spend limit",
    )
    .alert_all(),
    // The text and the request.
    ErrorRow::refused("ValidationException/INVALID_PARAMETER", "a value is not valid", VALUE),
    ErrorRow::refused("ValidationException/CANNOT_PARSE", "a value is not readable", VALUE),
    ErrorRow::refused("ValidationException/MAXIMUM_SIZE_EXCEEDED", "the text is too long", FORMAT)
        .alert(),
    ErrorRow::not_sent("ValidationException/INVALID_ARN", "an ARN is not valid", SENDER).alert(),
    ErrorRow::not_sent("ValidationException/MISSING_PARAMETER", "a value is missing", REPORT)
        .alert(),
    ErrorRow::not_sent("ValidationException/INVALID_REQUEST", "the request is not valid", REPORT)
        .alert(),
    ErrorRow::not_sent(
        "ValidationException/PARAMETERS_CANNOT_BE_USED_TOGETHER",
        "parameters contradict",
        REPORT,
    )
    .alert(),
    ErrorRow::not_sent(
        "ValidationException/UNSPECIFIED_PARAMETER_NOT_SUPPORTED",
        "a parameter must be given",
        REPORT,
    )
    .alert(),
    ErrorRow::not_sent("ValidationException/UNKNOWN_OPERATION", "the action is unknown", BASE)
        .alert_all(),
    // Any other reason of each exception.
    ErrorRow::not_sent("ValidationException", "the request does not pass AWS's checks", VALUE)
        .alert(),
    ErrorRow::not_sent("ConflictException", "a resource is in the wrong state", SENDER).alert(),
    ErrorRow::not_sent("AccessDeniedException", "the key may not send", PERMISSION).alert(),
    ErrorRow::not_sent("ResourceNotFoundException", "there is no such sender or set", SENDER)
        .alert(),
    ErrorRow::not_sent("ServiceQuotaExceededException", "a quota is used up", QUOTA).alert(),
    ErrorRow::indeterminate("InternalServerException", "AWS failed", LOOK),
];

/// Every code that AWS documents for `Publish`, for texts in SNS and for all its services.
pub const SNS_ERRORS: &[ErrorRow] = with_common![
    ErrorRow::refused("InvalidParameter", "number, sender or text are not valid", VALUE),
    ErrorRow::refused("ParameterValueInvalid", "a value is not valid", VALUE),
    ErrorRow::refused("ValidationException", "a value is not valid", VALUE),
    ErrorRow::refused("OptedOut", OUT, START).about_number(OptedOut),
    ErrorRow::refused("EndpointDisabled", "the endpoint is disabled", ANOTHER),
    ErrorRow::not_sent("UserError", "the request breaks a limit of the sandbox", SANDBOX).alert(),
    ErrorRow::not_sent("NotFound", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("PlatformApplicationDisabled", "the application is disabled", SUPPORT)
        .alert(),
    ErrorRow::not_sent("AuthorizationError", "the key may not send", PERMISSION).alert(),
    ErrorRow::not_sent("AccessDenied", "the key may not send", PERMISSION).alert(),
    ErrorRow::not_sent("AccessDeniedException", "the key may not send", PERMISSION).alert(),
    ErrorRow::not_sent("InvalidSecurity", "the signature is wrong or not over TLS", SECRET)
        .alert_all(),
    ErrorRow::not_sent("KMSDisabled", "the encryption key is disabled", KMS).alert(),
    ErrorRow::not_sent("KMSInvalidState", "the encryption key is in the wrong state", KMS).alert(),
    ErrorRow::not_sent("KMSNotFound", "the encryption key is not found", KMS).alert(),
    ErrorRow::not_sent("KMSOptInRequired", "the account has no encryption service", KMS).alert(),
    ErrorRow::not_sent("KMSAccessDenied", "the encryption key is not accessible", KMS).alert(),
    ErrorRow::not_sent("KMSThrottling", "too many requests to the encryption key", SLOWER),
    ErrorRow::not_sent("Throttled", "too many requests", SLOWER),
    ErrorRow::indeterminate("InternalError", "AWS failed", LOOK),
];

/// What the events of End User Messaging mean that end a text undelivered, as its guide lists them
/// (2026). A final `TEXT_SUCCESSFUL` is a delivery, and `TEXT_UNKNOWN` tells nothing.
pub const FAULTS: &[FaultRow] = &[
    FaultRow::new("TEXT_BLOCKED", Number(Barred), "the handset or the network blocks texts"),
    FaultRow::new("TEXT_CARRIER_BLOCKED", Filtered, "the network blocks the text"),
    FaultRow::new("TEXT_CARRIER_UNREACHABLE", Carrier, "the network failed, for now"),
    FaultRow::new("TEXT_INVALID", Number(Invalid), "the number is not valid"),
    FaultRow::new("TEXT_INVALID_MESSAGE", Account, "the text is not valid"),
    FaultRow::new("TEXT_PROTECT_BLOCKED", Filtered, "blocked by the protect configuration"),
    FaultRow::new("TEXT_SPAM", Filtered, "taken for spam"),
    FaultRow::new("TEXT_TTL_EXPIRED", Unknown, "expired on the way"),
    FaultRow::new("TEXT_UNREACHABLE", Handset, "the handset is off or out of reach"),
];

const ANOTHER: &str = "ask for another number";
const BASE: &str = "check the base URL, the AWS region and any proxy before it";
const BLOCKED: &str = "the country is not enabled for the account";
const CLOCK: &str = "check the clock of this machine";
const COUNTRY: &str = "enable the country for the account, or do not offer it";
const FORMAT: &str = "shorten the message format";
const KEY: &str = "check the access key";
const KMS: &str = "check the encryption key in AWS's console";
const LOOK: &str = "see in the account's events or logs whether the text went out";
const OUT: &str = "the recipient opted out";
const PERMISSION: &str = "let the key's policy send texts in this AWS region";
const PRICE: &str = "raise the highest price, or do not offer the country";
const PROTECT: &str = "change the protect configuration, or do not offer the country";
const QUOTA: &str = "ask AWS for a higher quota";
const REPORT: &str = "report it to the authors of this crate";
const ROTATE: &str = "make the credential source give current keys";
const SANDBOX: &str = "have AWS move the account out of the sandbox";
const SECRET: &str = "check the secret access key, the session token and the AWS region";
const SENDER: &str = "check sender and configuration set, and the sender's registration";
const SLOWER: &str = "wait, and send fewer at once, or ask AWS for a higher rate";
const START: &str = "the recipient must opt in again, or give another number";
const SUPPORT: &str = "see the account's state in AWS's console, and ask AWS's support";
const UNREGISTERED: &str = "the country wants the sender ID registered";
const VALUE: &str = "ask for another number; if every text fails so, check the sender";
