//! [`IdentityInsights`]: what Vonage knows of a number.

use std::sync::Arc;

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;

use super::{Application, INSIGHTS_NAME, without_sign};
use crate::base::entropy::{SystemEntropy, random};
use crate::base::time::{Clock, Timestamp};
use crate::http::{BaseUrl, Credentials, HttpRequest, Wiring, rfc3339_millis, wiring};
use crate::recipient::LineType;
use crate::transport::json::{Object, at, text_at};
use crate::transport::signals::{
    Carrier, NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap,
};
use crate::transport::{AdapterError, ErrorRow, ProviderApi};

/// What costs nothing. After any other error the look-up may have been charged.
const FREE: &[ErrorRow] = &[
    ErrorRow::not_sent("unauthorized", "the token is not accepted", CREDENTIALS).alert(),
    ErrorRow::not_sent("forbidden", "the application may not ask this", CREDENTIALS).alert(),
    ErrorRow::not_sent("low-balance", "the account has no credit", "top up the account").alert(),
    ErrorRow::not_sent("throttled", "too many requests at once", SLOWER),
    ErrorRow::not_sent("HTTP 401", "the token is not accepted", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 402", "the account has no credit", "top up the account").alert(),
    ErrorRow::not_sent("HTTP 403", "the application may not ask this", CREDENTIALS).alert(),
    ErrorRow::not_sent("HTTP 429", "too many requests at once", SLOWER),
];

const CREDENTIALS: &str = "check the application, its private key and this machine's clock, and its approval in the dashboard";
const SLOWER: &str = "wait, or ask Vonage for a higher rate";

/// [`NumberSignals`] through Vonage's Identity Insights API: the carrier that a number has now and the
/// one that its block was assigned to, hence whether it was ported; the kind of line; the last change
/// of the SIM card; on demand whether the phone is reachable.
///
/// The Number Insight API that it follows ends on 4 February 2027. SIM swap and reachability come from
/// the carriers, who have to approve the application first (Vonage's *Network Registry*). A carrier or
/// country that is not covered is no error: nothing is known then.
///
/// ```no_run
/// use otpgate::transport::vonage::{Application, IdentityInsights};
///
/// let key = std::fs::read_to_string("private.key")?;
/// let application = Application::new("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", key)?;
/// let insights = IdentityInsights::builder(application).build()?;
/// // Gate::builder()… .signals(insights)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IdentityInsights {
    api: ProviderApi,
    base: BaseUrl,
    application: Credentials<Application>,
    clock: Arc<dyn Clock>,
    reachability: bool,
}

impl IdentityInsights {
    /// Questions of `application`, whose private key signs a token for each.
    #[must_use]
    pub fn builder(application: impl Into<Credentials<Application>>) -> IdentityInsightsBuilder {
        IdentityInsightsBuilder {
            application: application.into(),
            wiring: Wiring::default(),
            reachability: false,
        }
    }

    /// The insights that are asked for, each with its parameters.
    fn insights(&self, query: &SignalsQuery) -> Object {
        let mut insights = Object::new();
        if query.line() {
            insights = insights.object(CURRENT, Object::new()).object(ORIGINAL, Object::new());
        }
        if let Some(span) = query.sim_swap() {
            let hours = span.as_secs().div_ceil(3_600).clamp(1, 2_400);
            insights = insights.object(SWAP, Object::new().number_if("period", Some(hours)));
        }
        if self.reachability {
            insights = insights.object(REACHABLE, Object::new());
        }
        insights
    }
}

const CURRENT: &str = "current_carrier";
const ORIGINAL: &str = "original_carrier";
const SWAP: &str = "sim_swap";
const REACHABLE: &str = "reachability";

#[async_trait]
impl NumberSignals for IdentityInsights {
    async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
        let application = self.api.credentials(&self.application)?;
        let id: [u8; 16] = random(&SystemEntropy).map_err(SignalsError::not_asked)?;
        let id = Base64UrlUnpadded::encode_string(&id);
        let token = application
            .token(self.clock.now(), &id)
            .ok_or_else(|| SignalsError::not_asked("vonage: the token cannot be signed"))?;
        let body = Object::new()
            .text("phone_number", without_sign(query.expose_number()))
            // What the application is approved for in Vonage's Network Registry.
            .text("purpose", "FraudPreventionAndDetection")
            .object("insights", self.insights(query));
        let request = HttpRequest::post(self.base.join("/identity-insights/v1/requests"))
            .with_header("accept", "application/json")
            .with_bearer_auth(&token)
            .with_body("application/json", body.finish());
        let response = self.api.ask(request).await?;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        if response.status() != 200 {
            let code = text_at(&body, "/type").and_then(|kind| kind.rsplit_once(['#', '/']));
            return Err(self.api.unanswered(&response, code.map(|(_, code)| code)).into());
        }
        let insights = at(&body, "/insights");
        if insights.as_object().is_none_or(|insights| insights.is_empty()) {
            return Err(SignalsError::unknown("an answer without what was asked for"));
        }
        for name in [CURRENT, ORIGINAL, SWAP, REACHABLE] {
            if let Some(code) = fault(at(insights, &format!("/{name}/status/code"))) {
                return Err(SignalsError::unknown(format!("vonage: {name} gave {code}")));
            }
        }
        Ok(read(insights, query))
    }

    async fn ready(&self) -> Result<(), SignalsError> {
        self.api.credentials(&self.application)?;
        Ok(())
    }
}

/// The status of one insight, if somebody at the host or at Vonage has to do something about it.
fn fault(code: &Value) -> Option<&'static str> {
    // From the wire: only what is known is repeated.
    ["UNAUTHORIZED", "INVALID_PURPOSE", "SUPPLIER_ERROR", "INTERNAL_ERROR"]
        .into_iter()
        .find(|known| code.as_str() == Some(known))
}

fn read(insights: &Value, query: &SignalsQuery) -> Signals {
    let part = |name: &str| at(insights, &format!("/{name}"));
    let (current, original) = (part(CURRENT), part(ORIGINAL));
    let mut signals = Signals::default();
    let holder =
        [current, original].into_iter().find(|carrier| text_at(carrier, "/name").is_some());
    if let Some(name) = holder.and_then(|carrier| text_at(carrier, "/name")) {
        let network = holder.and_then(|carrier| text_at(carrier, "/network_code"));
        let carrier = Carrier::new(name);
        signals.carrier = Some(match network {
            Some(network) => carrier.network(network),
            None => carrier,
        });
    }
    let kind = |carrier| text_at(carrier, "/network_type").and_then(line_type);
    // The current carrier is known of mobile numbers only.
    signals.line_type = kind(current).or(kind(original));
    let networks = text_at(current, "/network_code").zip(text_at(original, "/network_code"));
    signals.ported = networks.map(|(current, original)| current != original);
    signals.sim_swap = sim_swap(part(SWAP), query);
    signals.reachable = at(part(REACHABLE), "/is_reachable").as_bool();
    signals
}

fn sim_swap(swap: &Value, query: &SignalsQuery) -> Option<SimSwap> {
    let period = query.sim_swap()?;
    if let Some(at) = text_at(swap, "/latest_sim_swap_at").and_then(rfc3339_millis) {
        return Some(SimSwap::At(Timestamp::from_millis(at)));
    }
    match at(swap, "/is_swapped").as_bool()? {
        true => Some(SimSwap::Within(period)),
        false => Some(SimSwap::NotWithin(period)),
    }
}

fn line_type(kind: &str) -> Option<LineType> {
    Some(match kind.to_ascii_uppercase().as_str() {
        "MOBILE" => LineType::Mobile,
        "LANDLINE" => LineType::FixedLine,
        "LANDLINE_PREMIUM" => LineType::PremiumRate,
        "LANDLINE_TOLLFREE" => LineType::TollFree,
        "VIRTUAL" => LineType::Voip,
        "PAGER" => LineType::Pager,
        _ => return None,
    })
}

/// Settings of an [`IdentityInsights`].
pub struct IdentityInsightsBuilder {
    application: Credentials<Application>,
    wiring: Wiring,
    reachability: bool,
}

impl IdentityInsightsBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another address of the interface: that of a region (`https://api-us.vonage.com`), a \
         proxy of the company's own, or a test server. Without it, the European one."
    );
    wiring!(clock);

    /// Asks also whether the phone is reachable, an insight that costs extra.
    #[must_use]
    pub fn reachability(mut self) -> Self {
        self.reachability = true;
        self
    }

    /// The look-up.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the HTTP client could not be made.
    pub fn build(self) -> Result<IdentityInsights, AdapterError> {
        Ok(IdentityInsights {
            clock: self.wiring.clock(),
            api: ProviderApi::with_default_client(INSIGHTS_NAME, self.wiring.client, FREE)?,
            base: BaseUrl::or_fixed(self.wiring.base, INSIGHTS_NAME, "https://api-eu.vonage.com")?,
            application: self.application,
            reachability: self.reachability,
        })
    }
}

crate::base::masked::debug_only!(IdentityInsightsBuilder: reachability);
