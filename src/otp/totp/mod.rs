//! The authenticator app (RFC 6238): a second factor that costs nothing to send and cannot be pumped.
//!
//! ```
//! use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
//! use otpgate::otp::{CodeFormat, SubmittedCode};
//! use otpgate::{SystemEntropy, Timestamp};
//!
//! // Enrol: keep the secret (encrypted), show the URI as a QR code once.
//! let secret = AuthenticatorSecret::generate(&SystemEntropy)?;
//! let uri = secret.otpauth_uri("Example", "ana@example.com")?;
//! assert!(uri.expose_secret().starts_with("otpauth://totp/Example:ana%40example.com?secret="));
//!
//! // Verify: a match names its time step, and the gate accepts each step once.
//! let authenticator = Authenticator::default();
//! let typed = SubmittedCode::parse("000000", &CodeFormat::default())?;
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let step = authenticator.matching_step(&secret, &typed, now);
//! assert!(step.is_none_or(|step| step.number() >= 56_666_665));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod secret;

use std::fmt;

use constant_time_eq::constant_time_eq;
use totp_rs::{Algorithm, Builder, Token, Totp};
use zeroize::Zeroize;

pub use self::secret::{AuthenticatorSecret, AuthenticatorSecretError, EnrolmentError, SecretText};
use super::submitted::SubmittedCode;
use crate::base::time::Timestamp;

/// The time step in seconds: the default of RFC 6238 §5.2, and the only one every app honours.
const STEP_SECONDS: u64 = 30;

/// The most steps on either side of the current one.
const WIDEST: u8 = 2;

const DIGITS: usize = 6;

/// The check of an app's code: six digits, steps of 30 seconds, HMAC-SHA-1.
///
/// SHA-1 because several widely used apps silently ignore any other algorithm of the URI and would
/// then never match. Its collisions do not matter here: HMAC does not rest on collision resistance
/// (RFC 4226 appendix B.2). Count attempts as for any other code; six digits are guessable.
///
/// The first row of RFC 6238 appendix B, as an app shows it:
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
/// use otpgate::otp::{CodeFormat, SubmittedCode};
///
/// let secret = AuthenticatorSecret::from_bytes(b"12345678901234567890")?;
/// let typed = SubmittedCode::parse("287082", &CodeFormat::default())?;
/// let step_at = |seconds: u64| {
///     let now = Timestamp::from_millis(seconds * 1_000);
///     Authenticator::default().matching_step(&secret, &typed, now).map(|step| step.number())
/// };
/// assert_eq!(step_at(59), Some(1));
/// assert_eq!(step_at(89), Some(1), "the step before is good for 30 seconds more");
/// assert_eq!(step_at(90), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authenticator {
    window: u8,
}

impl Authenticator {
    /// The steps accepted on either side of the current one: the look-ahead window and, for an app
    /// whose clock is behind or a claimant who types slowly, as many steps back. 0 to 2; the default
    /// is 1, the most that RFC 6238 §5.2 recommends. With it a code is good for 90 seconds at most
    /// and a guess succeeds with 3 · 10^-6.
    ///
    /// # Errors
    ///
    /// [`WindowError`] above 2. Correct a clock that is further off.
    ///
    /// ```
    /// use otpgate::otp::totp::Authenticator;
    ///
    /// assert_eq!(Authenticator::with_window(1)?, Authenticator::default());
    /// assert!(Authenticator::with_window(3).is_err());
    /// # Ok::<(), otpgate::otp::totp::WindowError>(())
    /// ```
    pub const fn with_window(steps: u8) -> Result<Self, WindowError> {
        if steps > WIDEST {
            return Err(WindowError { steps });
        }
        Ok(Self { window: steps })
    }

    /// The time step whose code `code` is, if it is that of a step in the window around `now`; the
    /// newest, should two match.
    ///
    /// A match is **not yet an acceptance**: RFC 6238 §5.2 lets a code be used once, so the step must
    /// be burned in the store. An earlier step of the window that was not used stays good until it
    /// leaves the window. All steps are computed and compared in constant time, so the time taken does
    /// not tell which one was near.
    #[must_use]
    pub fn matching_step(
        &self,
        secret: &AuthenticatorSecret,
        code: &SubmittedCode,
        now: Timestamp,
    ) -> Option<Step> {
        let totp = totp(secret)?;
        let current = Step::at(now).0;
        let window = u64::from(self.window);
        let steps = current.saturating_sub(window)..=current.saturating_add(window);
        let mut matched = None;
        for step in steps {
            let token = totp.generate(step.saturating_mul(STEP_SECONDS));
            if Written::from(&token).is(code.expose_secret()) {
                matched = Some(Step(step));
            }
        }
        matched
    }

    /// Until when a used step must be remembered: it is out of every window from then on, the widest that
    /// another call may have included.
    #[must_use]
    pub fn remember_until(&self, step: Step) -> Timestamp {
        let steps = step.0.saturating_add(u64::from(WIDEST)).saturating_add(1);
        Timestamp::from_millis(steps.saturating_mul(STEP_SECONDS).saturating_mul(1_000))
    }
}

#[cfg(any(test, feature = "testing"))]
impl Authenticator {
    /// The code that the app shows at `now`, for a host's own tests.
    ///
    /// ```
    /// use otpgate::Timestamp;
    /// use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
    ///
    /// // RFC 6238, appendix B, in six digits.
    /// let secret = AuthenticatorSecret::from_bytes(b"12345678901234567890")?;
    /// assert_eq!(Authenticator::code_for_test(&secret, Timestamp::from_millis(59_000)), "287082");
    /// # Ok::<(), otpgate::otp::totp::AuthenticatorSecretError>(())
    /// ```
    #[must_use]
    pub fn code_for_test(secret: &AuthenticatorSecret, now: Timestamp) -> String {
        let seconds = Step::at(now).0.saturating_mul(STEP_SECONDS);
        totp(secret).map(|totp| totp.generate(seconds).to_string()).unwrap_or_default()
    }
}

impl Default for Authenticator {
    fn default() -> Self {
        Self { window: 1 }
    }
}

/// A time step: the number of whole 30-second intervals since the Unix epoch.
///
/// ```
/// use otpgate::Timestamp;
/// use otpgate::otp::totp::Step;
///
/// let step = Step::at(Timestamp::from_millis(59_999));
/// assert_eq!(step, Step::from_number(1)); // seconds 30 to 59
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step(u64);

impl Step {
    /// The step that `now` is in.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(now.as_millis() / 1_000 / STEP_SECONDS)
    }

    /// A step from its number, read back from a store.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A window that is too wide.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a window of {steps} steps on either side is refused; use 0, 1 (RFC 6238 §5.2) or 2: each step adds to what a guess may hit"
)]
pub struct WindowError {
    steps: u8,
}

/// Codes as every authenticator app makes them.
fn totp(secret: &AuthenticatorSecret) -> Option<Totp> {
    let builder = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret.secret());
    // A short secret came through the constructor that names the danger.
    if secret.is_compliant() { builder.build().ok() } else { Some(builder.build_noncompliant()) }
}

/// A computed code as text in a buffer of fixed size, so that it is never on the heap.
struct Written {
    bytes: [u8; DIGITS],
    length: usize,
}

impl Written {
    fn is(&self, text: &str) -> bool {
        self.length == DIGITS && constant_time_eq(&self.bytes, text.as_bytes())
    }
}

impl From<&Token> for Written {
    fn from(token: &Token) -> Self {
        let mut written = Self { bytes: [0; DIGITS], length: 0 };
        // Too long a token is cut off; `is` then refuses it by its length.
        if fmt::write(&mut written, format_args!("{token}")).is_err() {
            written.length = 0;
        }
        written
    }
}

impl fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.length).ok_or(fmt::Error)? = byte;
            self.length = self.length.saturating_add(1);
        }
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // a test may overflow: it then fails
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::otp::{CodeFormat, Passcode};

    const RFC_KEY: &[u8] = b"12345678901234567890";

    fn rfc_secret() -> AuthenticatorSecret {
        AuthenticatorSecret::from_bytes(RFC_KEY).unwrap()
    }

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn matching(window: u8, code: &str, now: Timestamp) -> Option<u64> {
        let code = SubmittedCode::parse(code, &CodeFormat::default()).unwrap();
        let authenticator = Authenticator::with_window(window).unwrap();
        authenticator.matching_step(&rfc_secret(), &code, now).map(Step::number)
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (count, code) in (0_u64..).zip(codes) {
            assert_eq!(matching(0, code, seconds(count * 30)), Some(count));
            assert_eq!(matching(0, code, seconds(count * 30 + 29)), Some(count));
            assert_eq!(matching(0, code, seconds(count * 30 + 30)), None);
        }
    }

    /// The number that a code is the end of has 31 bits. In one of 21 475 it has fewer digits than the code,
    /// which no vector of the RFCs has; `findings/totp_short_codes.sh` shows who does not pad it.
    #[test]
    fn a_number_that_is_shorter_than_its_code_is_padded() {
        for (step, code) in
            [(10_281, "092555"), (35_595, "095217"), (75_350, "066145"), (76_144, "044045")]
        {
            assert_eq!(matching(0, code, seconds(step * 30)), Some(step));
            assert!(SubmittedCode::parse(&code[1..], &CodeFormat::default()).is_err());
        }
    }

    #[test]
    fn rfc_6238_appendix_b() {
        // Eight digits, SHA-1, SHA-256 and SHA-512; ours are the last six of the SHA-1 column.
        let vectors = [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        let key = |length| -> Vec<u8> { RFC_KEY.iter().copied().cycle().take(length).collect() };
        for (time, sha1, sha256, sha512) in vectors {
            assert_eq!(matching(0, &sha1[2..], seconds(time)), Some(time / 30));
            for (algorithm, length, expected) in [
                (Algorithm::SHA1, 20, sha1),
                (Algorithm::SHA256, 32, sha256),
                (Algorithm::SHA512, 64, sha512),
            ] {
                let totp = Builder::new()
                    .with_algorithm(algorithm)
                    .with_digits(8)
                    .with_secret(key(length))
                    .build()
                    .unwrap();
                assert_eq!(totp.generate(time).to_string(), expected);
            }
        }
    }

    #[test]
    fn the_window_is_as_wide_as_it_says() {
        // The code of step 5 is 254676.
        for window in 0..=2_u8 {
            for step in 0..12_u64 {
                let within = step.abs_diff(5) <= u64::from(window);
                let found = matching(window, "254676", seconds(step * 30 + 15));
                assert_eq!(found, within.then_some(5), "window {window}, step {step}");
            }
        }
        assert!(Authenticator::with_window(3).is_err());
    }

    #[test]
    fn a_used_step_is_forgotten_only_when_no_window_reaches_it() {
        for used in 0..=2 {
            let authenticator = Authenticator::with_window(used).unwrap();
            let until = authenticator.remember_until(Step(5));
            for window in 0..=2 {
                assert_eq!(matching(window, "254676", until), None);
            }
            let just_before = until.before(Duration::from_millis(1));
            assert_eq!(matching(2, "254676", just_before), Some(5));
        }
    }

    #[test]
    fn extreme_times_neither_panic_nor_wrap() {
        assert_eq!(matching(2, "755224", Timestamp::from_millis(0)), Some(0));
        assert_eq!(matching(2, "755224", Timestamp::MAX), None);
        let _ = Authenticator::default().remember_until(Step(u64::MAX));
    }

    #[test]
    fn a_code_of_another_shape_never_matches() {
        let seven = SubmittedCode::parse("0755224", &CodeFormat::digits(7).unwrap()).unwrap();
        let step = Authenticator::default().matching_step(
            &rfc_secret(),
            &seven,
            Timestamp::from_millis(0),
        );
        assert_eq!(step, None);
    }

    proptest! {
        #[test]
        fn a_match_is_in_the_window(second in 0..4_000_000_000_u64, window in 0..=2_u8) {
            let code = Passcode::draw(&CodeFormat::default(), &crate::SystemEntropy).unwrap();
            if let Some(step) = matching(window, code.expose_secret(), seconds(second)) {
                prop_assert!((second / 30).abs_diff(step) <= u64::from(window));
            }
        }
    }
}

crate::base::sentence::debug_as_sentence!(WindowError);
