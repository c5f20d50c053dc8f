//! JSON bodies, in and out.

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::{Problem, ProblemKind};

/// The longest JSON body. The longest field, the response of a human check, has half of it.
pub(super) const JSON_LIMIT: usize = 16 * 1_024;

/// The longest body of a provider's receipts.
pub(super) const RECEIPTS_LIMIT: usize = 64 * 1_024;

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PreflightCall {
    /// What the code is for, such as `sign-up`.
    pub(super) purpose: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SendCall {
    /// As in the call that the ticket came from.
    pub(super) purpose: String,
    /// As it was typed.
    pub(super) number: String,
    /// What the browser module made of the ticket and the number.
    pub(super) proof: String,
    /// What the human check gave, if one was asked for.
    pub(super) human: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ResendCall {
    /// `voice` and the like, of those that `entry` offers. Without it, as the policy says.
    pub(super) channel: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyCall {
    /// As it was typed.
    pub(super) code: String,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct PreflightAnswer<'a> {
    /// For the browser module.
    pub(super) ticket: &'a str,
    pub(super) purpose: &'a str,
    /// What to show where a step-up asks for a human check.
    pub(super) human: Option<HumanAnswer<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct HumanAnswer<'a> {
    pub(super) provider: &'a str,
    pub(super) site_key: &'a str,
    pub(super) action: &'a str,
    /// The form field that the service's script fills in.
    pub(super) field: &'a str,
    /// The service's script; `null` if the host serves the widget.
    pub(super) script: Option<&'a str>,
    /// Where the widget gets its challenge; `null` if the service makes its own.
    pub(super) challenge: Option<String>,
}

/// What a code looks like.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct CodeAnswer {
    pub(super) length: usize,
    /// `digits` or `letters`.
    pub(super) alphabet: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct SentAnswer<'a> {
    /// `sent`.
    pub(super) status: &'static str,
    /// The number with all but its ends hidden.
    pub(super) number_hint: &'a str,
    /// From the answer's arrival.
    pub(super) resend_after_ms: u64,
    /// From the answer's arrival.
    pub(super) expires_after_ms: u64,
    /// Whether texts may be withheld here now: show another way in. It says nothing about the number.
    pub(super) may_be_withheld: bool,
    pub(super) code: CodeAnswer,
    /// Where the code is entered.
    pub(super) next: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct EntryAnswer<'a> {
    pub(super) number_hint: &'a str,
    pub(super) attempts_left: u32,
    pub(super) resend_after_ms: u64,
    pub(super) expires_after_ms: u64,
    pub(super) code: CodeAnswer,
    pub(super) channels: Vec<ChannelAnswer>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct ChannelAnswer {
    pub(super) channel: String,
    pub(super) after_ms: u64,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct VerifiedAnswer<'a> {
    /// `verified`.
    pub(super) status: &'static str,
    /// Where the browser goes, as the host says.
    pub(super) next: &'a str,
}

/// Reads a body that must be a JSON object with exactly the fields of `T`.
///
/// # Errors
///
/// A problem that says nothing of the body. A field twice, an unknown one, an array in the object's place
/// or anything behind it is refused: two readers of one body could differ on each.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if body.len() > JSON_LIMIT {
        return Err(Problem::new(ProblemKind::TooLarge));
    }
    if !is_json(headers) {
        return Err(Problem::new(ProblemKind::UnsupportedMediaType));
    }
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice(body) {
        Ok(call) if object => Ok(call),
        _ => Err(Problem::new(ProblemKind::BadRequest)),
    }
}

/// `application/json`, in UTF-8. A form of another site can send any other type that browsers do not ask
/// the server about first.
fn is_json(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let Ok(line) = line.to_str() else { return false };
    let (essence, parameters) = line.split_once(';').unwrap_or((line, ""));
    let parameter = parameters.trim_matches([' ', '\t']);
    let charset = parameter.split_once('=').is_none_or(|(name, value)| {
        name.eq_ignore_ascii_case("charset")
            && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    essence.trim_matches([' ', '\t']).eq_ignore_ascii_case("application/json") && charset
}

/// An answer of 200.
pub(super) fn answer(body: &impl Serialize) -> Response<Bytes> {
    // Structs of texts and numbers have a JSON form; the type of the error says otherwise.
    json(serde_json::to_vec(body).unwrap_or_default())
}

/// An answer of 200 that is JSON already.
pub(super) fn json(body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    super::secured(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in content_type {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(line));
        }
        headers
    }

    fn kind(content_type: &[&'static str], body: &[u8]) -> Option<ProblemKind> {
        read::<ResendCall>(&headers(content_type), body).err().map(|problem| problem.kind())
    }

    #[test]
    fn json_says_that_it_is() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert_eq!(kind(&[good], b"{}"), None, "{good}");
        }
        for bad in [
            &[][..],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["multipart/form-data; boundary=application/json"],
            &["text/plain; application/json"],
            &["application/json-seq"],
            &["application/json, text/plain"],
            &["application/json; charset=utf-16"],
            &["application/json", "text/plain"],
            &["application/json", "application/json"],
        ] {
            assert_eq!(kind(bad, b"{}"), Some(ProblemKind::UnsupportedMediaType), "{bad:?}");
        }
    }

    #[test]
    fn a_body_has_one_meaning() {
        let json = &["application/json"];
        for good in [&b"{}"[..], b" \n{ } ", b"{\"channel\":\"voice\"}", b"{\"channel\":null}"] {
            assert_eq!(kind(json, good), None, "{}", good.escape_ascii());
        }
        let deep = "[".repeat(100_000);
        let deeper = format!("{{\"channel\":{}", "[".repeat(10_000));
        let nested = format!("{{\"x\":{}1{}}}", "{\"x\":".repeat(500), "}".repeat(500));
        for bad in [
            &b""[..],
            b"null",
            b"[]",
            b"[\"voice\"]",
            b"\"voice\"",
            b"{\"channel\":\"voice\",\"channel\":\"sms\"}",
            b"{\"channel\":\"voice\",\"ch\\u0061nnel\":\"sms\"}",
            b"{\"channel\":\"voice\",\"other\":1}",
            b"{\"Channel\":\"voice\"}",
            b"{\"channel\":1}",
            b"{\"channel\":[\"voice\"]}",
            b"{}{}",
            b"{} x",
            b"{'channel':'voice'}",
            b"{\"channel\":\"\xff\"}",
            b"{\"channel\":\"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
            nested.as_bytes(),
            deeper.as_bytes(),
        ] {
            assert_eq!(kind(json, bad), Some(ProblemKind::BadRequest), "{}", bad.escape_ascii());
        }
        assert_eq!(kind(json, deep.as_bytes()), Some(ProblemKind::TooLarge));
        assert_eq!(kind(json, &[b' '; JSON_LIMIT + 1]), Some(ProblemKind::TooLarge));
    }
}
