//! [`Lookup`]: what Twilio Lookup v2 knows of a number.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{Account, NAME, code};
use crate::base::time::Timestamp;
use crate::http::{BaseUrl, Credentials, HttpRequest, Wiring, rfc3339_millis, wiring};
use crate::recipient::LineType;
use crate::transport::signals::{
    Carrier, NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap,
};
use crate::transport::{AdapterError, ErrorRow, ProviderApi};

/// What costs nothing. After any other error the look-up may have been charged.
const FREE: &[ErrorRow] = &[
    ErrorRow::not_sent("20003", "the credentials are not accepted", CREDENTIALS).alert(),
    ErrorRow::not_sent("20429", "too many requests at once", SLOWER),
    ErrorRow::not_sent("HTTP 401", "the credentials are not accepted", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 403", "the request is forbidden", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
];

const CREDENTIALS: &str = "check the account SID and its token or API key";
const SLOWER: &str = "wait, or ask Twilio for a higher rate";

/// [`NumberSignals`] through Twilio Lookup, version 2: carrier and kind of line (*Line Type
/// Intelligence*), SIM swap, and on demand whether the line is reachable (*Line Status*).
///
/// Each package is paid for each look-up, and some have to be unlocked for the account by Twilio and
/// the carriers. A country or carrier that a package does not cover is no error: nothing is known then.
/// How far back the SIM swap package looks where it tells no date is a setting of the account; ask for
/// 72 hours or more ([`SignalsPolicy::sim_swap`](field@crate::policy::SignalsPolicy::sim_swap)).
///
/// ```no_run
/// use otpgate::transport::twilio::{Account, Lookup};
///
/// let account = Account::with_token(
///     std::env::var("TWILIO_ACCOUNT_SID")?,
///     std::env::var("TWILIO_AUTH_TOKEN")?,
/// )?;
/// let lookup = Lookup::builder(account).build()?;
/// // Gate::builder()… .signals(lookup)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lookup {
    api: ProviderApi,
    base: BaseUrl,
    account: Credentials<Account>,
    line_status: bool,
}

impl Lookup {
    /// Look-ups for `account`.
    #[must_use]
    pub fn builder(account: impl Into<Credentials<Account>>) -> LookupBuilder {
        LookupBuilder { account: account.into(), wiring: Wiring::default(), line_status: false }
    }

    fn packages(&self, query: &SignalsQuery) -> Vec<&'static str> {
        [
            query.line().then_some("line_type_intelligence"),
            query.sim_swap().map(|_| "sim_swap"),
            self.line_status.then_some("line_status"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[async_trait]
impl NumberSignals for Lookup {
    async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
        let packages = self.packages(query);
        let account = self.api.credentials(&self.account)?;
        let (number, fields) = (query.expose_number(), packages.join(","));
        let path = format!("/v2/PhoneNumbers/{number}?Fields={fields}");
        let request = HttpRequest::get(self.base.join(&path))
            .with_basic_auth(account.user(), account.secret())
            .with_header("accept", "application/json");
        let response = self.api.ask(request).await?;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status() != 200 {
            return Err(self.api.unanswered(&response, code(&response).as_deref()).into());
        }
        // A proxy's page, or an answer that was cut short, says nothing of the number.
        if !body.is_object() || !packages.iter().any(|package| body.get(package).is_some()) {
            return Err(SignalsError::unknown("an answer without what was asked for"));
        }
        let broken = packages.iter().find_map(|package| fault(&body, package));
        if let Some(code) = broken {
            return Err(SignalsError::unknown(match code {
                // Twilio's have five digits. What is longer may be the number.
                0..1_000_000 => {
                    format!(
                        "twilio: a package gave error {code}; see twilio.com/docs/api/errors/{code}"
                    )
                }
                _ => "twilio: a package gave an error that is none of Twilio's".to_owned(),
            }));
        }
        Ok(read(&body))
    }

    async fn ready(&self) -> Result<(), SignalsError> {
        self.api.credentials(&self.account)?;
        Ok(())
    }
}

/// What one package says of itself, unless it only does not cover the number.
fn fault(body: &Value, package: &str) -> Option<u64> {
    let code = body.get(package)?.get("error_code")?.as_u64()?;
    (!NOT_COVERED.contains(&code)).then_some(code)
}

/// Carrier not supported, country not supported, carrier's answer incomplete.
const NOT_COVERED: [u64; 3] = [60_008, 60_607, 60_620];

fn read(body: &Value) -> Signals {
    let mut signals = Signals::default();
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(String::from);
    let package = |name: &str| body.get(name).filter(|package| package.is_object());
    for package in ["line_type_intelligence", "sim_swap"].into_iter().filter_map(package) {
        if let Some(name) = text(package, "carrier_name") {
            let part = |name| text(package, name).unwrap_or_default();
            let network = part("mobile_country_code") + &part("mobile_network_code");
            signals = signals.carrier(Carrier::new(&name).network(&network));
        }
    }
    if let Some(line) = package("line_type_intelligence") {
        signals.line_type = text(line, "type").and_then(|kind| line_type(&kind));
    }
    if let Some(swap) = package("sim_swap").and_then(|swap| swap.get("last_sim_swap")) {
        signals.sim_swap = sim_swap(swap);
    }
    if let Some(status) = package("line_status").and_then(|line| text(line, "status")) {
        signals.reachable = match status.to_ascii_lowercase().as_str() {
            "reachable" => Some(true),
            "unreachable" | "inactive" => Some(false),
            // In use, and perhaps switched off.
            _ => None,
        };
    }
    signals
}

fn sim_swap(swap: &Value) -> Option<SimSwap> {
    let text = |name: &str| swap.get(name).and_then(Value::as_str);
    if let Some(at) = text("last_sim_swap_date").and_then(rfc3339_millis) {
        return Some(SimSwap::At(Timestamp::from_millis(at)));
    }
    let period = text("swapped_period").and_then(period)?;
    match swap.get("swapped_in_period").and_then(Value::as_bool)? {
        true => Some(SimSwap::Within(period)),
        false => Some(SimSwap::NotWithin(period)),
    }
}

/// A time of ISO 8601 in hours, minutes and seconds: `PT24H`, `PT15282H33M44S`.
fn period(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix("PT")?;
    let mut seconds = 0_u64;
    for (unit, each) in [('H', 3_600), ('M', 60), ('S', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            let number: u64 = number.parse().ok()?;
            seconds = seconds.checked_add(number.checked_mul(each)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && text.len() > 2).then(|| Duration::from_secs(seconds))
}

fn line_type(kind: &str) -> Option<LineType> {
    Some(match kind {
        "mobile" => LineType::Mobile,
        "landline" => LineType::FixedLine,
        "fixedVoip" | "nonFixedVoip" => LineType::Voip,
        "personal" => LineType::PersonalNumber,
        "tollFree" => LineType::TollFree,
        "premium" => LineType::PremiumRate,
        "sharedCost" => LineType::SharedCost,
        "uan" => LineType::Uan,
        "voicemail" => LineType::Voicemail,
        "pager" => LineType::Pager,
        _ => return None,
    })
}

/// Settings of a [`Lookup`].
pub struct LookupBuilder {
    account: Credentials<Account>,
    wiring: Wiring,
    line_status: bool,
}

impl LookupBuilder {
    wiring!(client);
    wiring!(base_url);

    /// Asks also whether the line is reachable, a package that costs extra.
    #[must_use]
    pub fn line_status(mut self) -> Self {
        self.line_status = true;
        self
    }

    /// The look-up.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the HTTP client could not be made.
    pub fn build(self) -> Result<Lookup, AdapterError> {
        Ok(Lookup {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, FREE)?,
            base: BaseUrl::or_fixed(self.wiring.base, NAME, "https://lookups.twilio.com")?,
            account: self.account,
            line_status: self.line_status,
        })
    }
}

crate::base::masked::debug_only!(LookupBuilder: line_status);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_hours_minutes_and_seconds() {
        for (text, seconds) in
            [("PT24H", 86_400), ("PT15282H33M44S", 55_017_224), ("PT5M", 300), ("PT0S", 0)]
        {
            assert_eq!(period(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "PT", "P1D", "PT-1H", "PTH", "PT1.5H", "PT1S1H", "24H", "PT99999999999999999H"]
        {
            assert_eq!(period(text), None, "{text}");
        }
    }
}
