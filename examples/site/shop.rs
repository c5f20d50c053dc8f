//! The shop's own records, and its half of the endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use otpgate::access::Actor;
use otpgate::otp::{Amount, Binding, Payee};
use otpgate::web::console::{Denied, Operator, Operators, Role};
use otpgate::web::{Admit, Ask, Host, HostError, Known, Next, cookie};
use otpgate::{Entropy, Purpose, SystemEntropy, Verification};

use super::Outcome;

const SESSION: &str = "__Host-shop";
const STAFF: &str = "__Host-staff";

/// What is for sale: path, name, price in cents.
pub const GOODS: [(&str, &str, u64); 3] =
    [("kettle", "Kettle", 2_490), ("lamp", "Lamp", 8_900), ("boat", "Rowing boat", 125_000)];

/// One browser's session.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The number that was verified.
    pub number: Option<String>,
    /// What waits to be confirmed.
    pub basket: Option<(&'static str, u64)>,
    pub bought: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
pub struct Shop(Arc<Mutex<BTreeMap<String, Visitor>>>);

impl Shop {
    pub fn visitors(&self) -> MutexGuard<'_, BTreeMap<String, Visitor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of a request, if the shop gave it out.
    pub fn session(&self, headers: &HeaderMap) -> Option<String> {
        let session = cookie(headers, SESSION)?;
        self.visitors().contains_key(session).then(|| session.to_owned())
    }

    pub fn visitor(&self, headers: &HeaderMap) -> Visitor {
        let session = self.session(headers);
        session.and_then(|session| self.visitors().get(&session).cloned()).unwrap_or_default()
    }

    /// Changes the record of a session; `None` if there is none.
    pub fn change(&self, headers: &HeaderMap, change: impl FnOnce(&mut Visitor)) -> Option<()> {
        let session = self.session(headers)?;
        self.visitors().get_mut(&session).map(change)
    }

    /// A new session.
    pub fn open(&self) -> Outcome<String> {
        let session = random()?;
        self.visitors().insert(session.clone(), Visitor::default());
        Ok(session)
    }

    /// Its cookie. `Lax`: whoever comes by a link from elsewhere keeps his basket.
    pub fn cookie_of(session: &str) -> Outcome<HeaderValue> {
        Ok(format!("{SESSION}={session}; Path=/; Secure; HttpOnly; SameSite=Lax").parse()?)
    }
}

#[async_trait]
impl Host for Shop {
    fn client(&self, request: &Parts) -> Known {
        match self.session(&request.headers) {
            Some(session) => Known::default().session(session),
            None => Known::default(),
        }
    }

    /// Anybody may sign up. A payment is confirmed by the number of the account; for any other there is no
    /// text, and nobody sees.
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admit, HostError> {
        let own = self.visitor(&ask.request.headers).number;
        let number = ask.recipient.expose_e164();
        let foreign = *ask.purpose == Purpose::PAYMENT && own.as_deref() != Some(number.as_str());
        Ok(if foreign { Admit::Decoy } else { Admit::Send })
    }

    /// The payment is the one in the shop's records, whatever the browser shows.
    async fn binding(
        &self,
        purpose: &Purpose,
        request: &Parts,
    ) -> Result<Option<Binding>, HostError> {
        if *purpose != Purpose::PAYMENT {
            return Ok(Some(Binding::none()));
        }
        let Some((_, cents)) = self.visitor(&request.headers).basket else { return Ok(None) };
        let amount = Amount::minor_units(cents, 2, "EUR")?;
        Ok(Some(Binding::transaction(amount, Payee::new("Otter & Sons")?)))
    }

    async fn verified(
        &self,
        verification: Verification,
        request: &Parts,
    ) -> Result<Next, HostError> {
        let payment = *verification.purpose() == Purpose::PAYMENT;
        let number = verification.recipient().expose_e164().as_str().to_owned();
        // The form may be the first page of ours that he opens, or the session may be gone.
        let held = self.session(&request.headers);
        let next = Next::to("/");
        let (session, next) = match held {
            Some(session) => (session, next),
            None => {
                let session = self.open()?;
                let cookie = Self::cookie_of(&session)?;
                (session, next.header(SET_COOKIE, cookie))
            }
        };
        if let Some(visitor) = self.visitors().get_mut(&session) {
            match payment {
                true => visitor.bought.extend(visitor.basket.take().map(|(name, _)| name)),
                false => visitor.number = Some(number),
            }
        }
        Ok(next)
    }
}

/// Whoever knows the password that was printed at the start. An example: operators have accounts, and a
/// second factor.
#[derive(Clone)]
pub struct OnCall(Arc<[String; 2]>);

impl OnCall {
    pub fn new() -> Outcome<Self> {
        Ok(Self(Arc::new([random()?, random()?])))
    }

    pub fn password(&self) -> &str {
        let [password, _] = &*self.0;
        password
    }

    /// The cookie of somebody who gave it.
    pub fn cookie(&self) -> String {
        let [_, session] = &*self.0;
        format!("{STAFF}={session}; Path=/; Secure; HttpOnly; SameSite=Strict")
    }
}

#[async_trait]
impl Operators for OnCall {
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
        let [_, session] = &*self.0;
        if cookie(&parts.headers, STAFF) != Some(session) {
            return Err(Denied::SignIn);
        }
        let actor = Actor::new("on-call").map_err(|_| Denied::Unavailable)?;
        Ok(Operator::new(actor, Role::Act))
    }
}

impl fmt::Debug for OnCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnCall")
    }
}

/// 128 random bits as text.
fn random() -> Outcome<String> {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
