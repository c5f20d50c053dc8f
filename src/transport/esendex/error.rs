//! What Esendex's answers mean. The dispatcher has no codes of its own: the status tells, and the
//! body is prose.

use crate::transport::ErrorRow;

/// Every status that Esendex's own SDK tells apart, and 429.
pub const ERRORS: &[ErrorRow] = &[
    ErrorRow::refused("HTTP 400", "number, sender or text are not accepted", NUMBER),
    ErrorRow::not_sent("HTTP 401", "user or password are not accepted", CREDENTIALS).alert_all(),
    ErrorRow::not_sent("HTTP 402", "the account has no credit", "top up the account").alert_all(),
    ErrorRow::not_sent("HTTP 403", "the user may not send for the account", CREDENTIALS)
        .alert_all(),
    ErrorRow::not_sent("HTTP 404", "there is no such resource", BASE).alert(),
    ErrorRow::not_sent("HTTP 405", "the method is not allowed", BASE).alert_all(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", "send fewer at once"),
    ErrorRow::indeterminate("HTTP 408", "Esendex did not get the request in time", LOOK),
    ErrorRow::indeterminate("HTTP 500", "Esendex failed", LOOK),
    ErrorRow::indeterminate("HTTP 501", "Esendex does not implement it", LOOK),
    ErrorRow::indeterminate("HTTP 503", "the service is unavailable", LOOK),
];

const BASE: &str = "check the base URL and any proxy before it";
const CREDENTIALS: &str = "check user, password and the account reference they belong to";
const LOOK: &str = "see under sent messages whether the text went out";
const NUMBER: &str =
    "ask for another number; if every text fails so, check sender and account reference";
