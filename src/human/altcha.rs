//! [`Altcha`]: a puzzle of the host's own, solved by the open widget of altcha.org. Nobody else is
//! asked.
//!
//! ```
//! use otpgate::human::HumanCheck;
//! use otpgate::human::altcha::{Altcha, AltchaSecret};
//!
//! let check = Altcha::builder(AltchaSecret::new("sixteen bytes or more, from a vault")?).build()?;
//!
//! // GET /otp/challenge, `Cache-Control: no-store`: what the widget's `challenge` points to.
//! let now = otpgate::Timestamp::from_millis(1_800_000_000_000);
//! let json = check.challenge("sign-up", now)?.expect("it makes its own");
//! assert!(json.contains(r#""algorithm":"PBKDF2/SHA-256""#));
//! assert!(json.contains(r#""data":{"purpose":"sign-up"}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it is worth
//!
//! It is work, not a test of humanity: any program can do it, and a graphics card does it thousands of
//! times faster than a browser (`docs/token-format.md` has figures). It keeps out
//! scripts that bring no solver, it costs a visitor no puzzle, and it sends nothing to a third party. Take
//! a service that judges where pumping pays.
//!
//! # The protocol
//!
//! Version 2 of ALTCHA's proof of work, as `altcha-lib` 2.8 and the widget 3 speak it: find a counter for
//! which PBKDF2-HMAC-SHA-256 of nonce and counter begins with a prefix. The parameters carry the purpose
//! and an end, and an HMAC over their JSON with sorted keys. Only such challenges of this secret, for
//! this purpose, pass, once: what is spent is the challenge, whatever else the page writes into its
//! answer. Version 1 (plain SHA-256) is not spoken, nor Argon2id and scrypt.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64ct::{Base64, Encoding};
use constant_time_eq::constant_time_eq;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{
    AdapterError, HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanPass,
    HumanRequest, HumanVerdict, Widget,
};
use crate::base::entropy::{Entropy, SystemEntropy, random};
use crate::base::time::Timestamp;
use crate::http::{Credentials, SecretText};

/// The name in widgets and errors.
pub const NAME: &str = "altcha";

const ALGORITHM: &str = "PBKDF2/SHA-256";

/// Bytes of the derived key: one block of SHA-256, as the libraries have it.
const KEY_LENGTH: u64 = 32;

/// Rounds of PBKDF2 for one try: what the README of `altcha-lib` shows. About 1 ms in a browser.
const COST: u32 = 5_000;

/// More than this would stall a server that checks answers: about 10 ms for each.
const MOST_COST: u32 = 50_000;

/// The key begins with one byte of zero: 256 tries on average, a third of a second in one browser worker at 1.15 ms a try,
/// less in several.
const PREFIX: &str = "00";

/// How long a challenge may be answered: as long as a front-end ticket by default.
const LIFE: Duration = Duration::from_secs(600);

/// What signs challenges: at least 16 bytes, from a secret manager. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct AltchaSecret {
    current: SecretText,
    previous: Option<SecretText>,
}

impl AltchaSecret {
    /// A secret of 16 bytes or more. Take 32 random bytes in hexadecimal digits; share it between the
    /// site's servers and with nothing else.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it is shorter.
    pub fn new(secret: impl Into<String>) -> Result<Self, AdapterError> {
        Ok(Self { current: long_enough(secret.into())?, previous: None })
    }

    /// Takes challenges signed by `secret` too: the one before, for as long after a rotation as the builder's
    /// [`life`](AltchaBuilder::life). A gate must not sign with a secret that another does not know yet, or
    /// people's solved puzzles are failed checks there. So give all of them `new(old).and_previous(new)` first,
    /// then `new(new).and_previous(old)`, and `new(new)` after that life.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if it is shorter than 16 bytes.
    pub fn and_previous(mut self, secret: impl Into<String>) -> Result<Self, AdapterError> {
        self.previous = Some(long_enough(secret.into())?);
        Ok(self)
    }

    fn all(&self) -> impl Iterator<Item = &SecretText> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten()
    }
}

fn long_enough(secret: String) -> Result<SecretText, AdapterError> {
    match secret.trim().len() {
        16.. => Ok(SecretText::new(secret)),
        _ => Err(AdapterError::new(NAME, "the secret has 16 bytes or more; take 32 random ones")),
    }
}

/// A [`HumanCheck`] by puzzles of the host's own. See the [module](self).
pub struct Altcha {
    secret: Credentials<AltchaSecret>,
    cost: u32,
    life: Duration,
    entropy: Arc<dyn Entropy>,
}

impl Altcha {
    /// Puzzles signed by `secret`.
    #[must_use]
    pub fn builder(secret: impl Into<Credentials<AltchaSecret>>) -> AltchaBuilder {
        AltchaBuilder {
            secret: secret.into(),
            cost: COST,
            life: LIFE,
            entropy: Arc::new(SystemEntropy),
        }
    }

    fn secret(&self) -> Result<AltchaSecret, HumanCheckError> {
        self.secret.current().map_err(|error| {
            HumanCheckError::new(HumanCheckErrorKind::Misconfigured).caused_by(error)
        })
    }

    fn judge(&self, request: &HumanRequest<'_>, secret: &AltchaSecret) -> HumanVerdict {
        let Some(answer) = Answer::read(request.response.expose_response()) else {
            return HumanVerdict::Failed(HumanFailure::NotHuman);
        };
        let parameters = &answer.parameters;
        // First of all, so that nothing is computed for challenges that others made.
        let signed = parameters.canonical();
        let ours = secret
            .all()
            .any(|secret| constant_time_eq(&mac(secret, signed.as_bytes()), &answer.signature));
        if !ours || parameters.purpose != request.action {
            return HumanVerdict::Failed(HumanFailure::WrongSite);
        }
        let end = Timestamp::from_millis(parameters.expires_at.saturating_mul(1_000));
        // One that outlives the gate's memory could pass twice.
        if request.now > end || end > request.now + HumanPass::LIFE {
            return HumanVerdict::Failed(HumanFailure::Spent);
        }
        let Some(key) = parameters.derive(answer.counter) else {
            return HumanVerdict::Failed(HumanFailure::NotHuman);
        };
        let hex = hex(&key);
        let right = constant_time_eq(hex.as_bytes(), answer.derived_key.as_bytes());
        match right && hex.starts_with(&parameters.key_prefix) {
            true => HumanVerdict::Passed(HumanPass::named(parameters.nonce.as_bytes())),
            false => HumanVerdict::Failed(HumanFailure::NotHuman),
        }
    }
}

#[async_trait]
impl HumanCheck for Altcha {
    async fn check(&self, request: HumanRequest<'_>) -> Result<HumanVerdict, HumanCheckError> {
        Ok(self.judge(&request, &self.secret()?))
    }

    /// The service's own files: `altcha` in its `external` build, whose workers are files. Its usual
    /// build makes them from blobs and needs `blob:` beside.
    fn widget(&self, action: &str) -> Option<Widget> {
        let widget = Widget::new(NAME, "", action, "altcha").challenges();
        Some(widget.policy(&[("worker-src", "'self'")]))
    }

    fn challenge(&self, action: &str, now: Timestamp) -> Result<Option<String>, HumanCheckError> {
        let secret = self.secret()?;
        let unavailable =
            |error| HumanCheckError::new(HumanCheckErrorKind::Unavailable).caused_by(error);
        let nonce: [u8; 16] = random(&*self.entropy).map_err(unavailable)?;
        let salt: [u8; 16] = random(&*self.entropy).map_err(unavailable)?;
        let parameters = Parameters {
            cost: self.cost,
            purpose: action.to_owned(),
            expires_at: (now + self.life).as_millis() / 1_000,
            key_prefix: PREFIX.to_owned(),
            key_signature: None,
            nonce: hex(&nonce),
            salt: hex(&salt),
        };
        let signed = parameters.canonical();
        let signature = hex(&mac(&secret.current, signed.as_bytes()));
        Ok(Some(format!(r#"{{"parameters":{signed},"signature":"{signature}"}}"#)))
    }

    async fn ready(&self) -> Result<(), HumanCheckError> {
        self.secret().map(drop)
    }
}

crate::base::masked::debug_only!(Altcha: cost, life);

/// What a challenge says. Every text in it is letters, digits and hyphens, so that its JSON needs no
/// escapes.
struct Parameters {
    cost: u32,
    purpose: String,
    /// In seconds.
    expires_at: u64,
    key_prefix: String,
    /// Of a library that knows the answer beforehand. It is covered by the signature, and not used: the
    /// work is done again.
    key_signature: Option<String>,
    nonce: String,
    salt: String,
}

impl Parameters {
    /// `None` for any field that is missing, unknown or of another form.
    fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        let data = object.get("data")?.as_object()?;
        let purpose = data.get("purpose")?.as_str()?;
        let key_signature = match object.get("keySignature") {
            None => None,
            Some(signature) => Some(signature.as_str().filter(|text| is_hex(text, 64..=64))?),
        };
        let fields = 8_usize.checked_add(usize::from(key_signature.is_some()))?;
        let known = object.len() == fields && data.len() == 1 && is_name(purpose);
        let fixed = text("algorithm") == Some(ALGORITHM) && number("keyLength") == Some(KEY_LENGTH);
        if !known || !fixed {
            return None;
        }
        Some(Self {
            cost: u32::try_from(number("cost")?).ok().filter(|cost| *cost <= MOST_COST)?,
            purpose: purpose.to_owned(),
            expires_at: number("expiresAt")?,
            key_prefix: text("keyPrefix").filter(|text| is_hex(text, 1..=64))?.to_owned(),
            key_signature: key_signature.map(str::to_owned),
            nonce: text("nonce").filter(|text| is_hex(text, 32..=32))?.to_owned(),
            salt: text("salt").filter(|text| is_hex(text, 32..=32))?.to_owned(),
        })
    }

    /// The JSON that is signed: keys in order, nothing between.
    fn canonical(&self) -> String {
        let Self { cost, purpose, expires_at, key_prefix, nonce, salt, .. } = self;
        let key_signature = self.key_signature.as_ref();
        let key_signature =
            key_signature.map(|text| format!(r#""keySignature":"{text}","#)).unwrap_or_default();
        format!(
            r#"{{"algorithm":"{ALGORITHM}","cost":{cost},"data":{{"purpose":"{purpose}"}},"expiresAt":{expires_at},"keyLength":{KEY_LENGTH},"keyPrefix":"{key_prefix}",{key_signature}"nonce":"{nonce}","salt":"{salt}"}}"#
        )
    }

    /// The key that belongs to `counter`.
    fn derive(&self, counter: u32) -> Option<[u8; 32]> {
        let mut password = unhex(&self.nonce)?;
        password.extend_from_slice(&counter.to_be_bytes());
        let salt = unhex(&self.salt)?;
        Some(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(&password, &salt, self.cost.max(1)))
    }
}

/// What the widget posts: JSON in Base64.
struct Answer {
    parameters: Parameters,
    signature: [u8; 32],
    counter: u32,
    derived_key: String,
}

impl Answer {
    fn read(response: &str) -> Option<Self> {
        let json = Base64::decode_vec(response).ok()?;
        let body: Value = serde_json::from_slice(&json).ok()?;
        let (challenge, solution) = (body.get("challenge")?, body.get("solution")?);
        let signature = unhex(challenge.get("signature")?.as_str()?)?;
        let derived_key =
            solution.get("derivedKey")?.as_str().filter(|text| is_hex(text, 64..=64))?;
        Some(Self {
            parameters: Parameters::read(challenge.get("parameters")?)?,
            signature: signature.try_into().ok()?,
            counter: u32::try_from(solution.get("counter")?.as_u64()?).ok()?,
            derived_key: derived_key.to_owned(),
        })
    }
}

fn mac(secret: &SecretText, text: &[u8]) -> [u8; 32] {
    let key = secret.expose_secret().as_bytes();
    // HMAC takes keys of every length; a failure would be one that fits nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// Small hexadecimal digits, as every solver writes them.
fn is_hex(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    lengths.contains(&text.len()) && text.bytes().all(digit)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !is_hex(text, 0..=128) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Settings of an [`Altcha`].
pub struct AltchaBuilder {
    secret: Credentials<AltchaSecret>,
    cost: u32,
    life: Duration,
    entropy: Arc<dyn Entropy>,
}

impl AltchaBuilder {
    /// Rounds of PBKDF2 for one try of the browser, and for each answer that is checked here: from 1000 to
    /// 50 000. Default: 5000.
    #[must_use]
    pub fn cost(mut self, rounds: u32) -> Self {
        self.cost = rounds;
        self
    }

    /// How long a challenge may be answered: from a minute to half an hour. Default: 10 minutes.
    #[must_use]
    pub fn life(mut self, span: Duration) -> Self {
        self.life = span;
        self
    }

    /// Where nonces come from. Default: the operating system.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// The check.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if cost or life is out of its range.
    pub fn build(self) -> Result<Altcha, AdapterError> {
        if !(1_000..=MOST_COST).contains(&self.cost) {
            return Err(AdapterError::new(NAME, "the cost is between 1000 and 50000 rounds"));
        }
        if !(60..=1_800).contains(&self.life.as_secs()) {
            let problem = "a challenge lives between a minute and half an hour";
            return Err(AdapterError::new(NAME, problem));
        }
        let Self { secret, cost, life, entropy } = self;
        Ok(Altcha { secret, cost, life, entropy })
    }
}

crate::base::masked::debug_only!(AltchaBuilder: cost, life);
