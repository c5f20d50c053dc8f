//! The authenticator app: the second factor that sends no text.

use crate::context::ClientContext;
use crate::error::GateError;
use crate::event::{EventKind, OutagePart};
use crate::limit::MeterKey;
use crate::otp::totp::{Authenticator, AuthenticatorSecret};
use crate::otp::{CodeFormat, SubmittedCode};
use crate::outcome::AuthenticatorVerdict;
use crate::realm::slot;
use crate::store::{Admitted, Charge, Home, Refund};
use crate::telemetry::Verb;

use super::Gate;
use crate::charges::{UNLIMITED, attempt};
use crate::guarded;

impl Gate {
    /// Checks a code of an authenticator app against the account's secret. Each code is accepted
    /// once: its time step is burned in the store, for every instance.
    ///
    /// Every attempt is charged before its answer is given, and a right one is given back, so that
    /// neither guesses in parallel nor guesses past a limit are for free. Only a right code that was
    /// used before is refused without a charge: it is a double click, not a guess. `user` is the account's
    /// identifier at the host, as your records have it and never as somebody typed it: `Ana@example.com` and
    /// `ana@example.com` would have twenty failures each, and each take the same code once. `authenticator`
    /// says how far clocks may differ.
    ///
    /// Ask for the first factor before. Wrong codes are counted on the account and on the client's
    /// session, so that nobody stops another account at the same address. From the sixth on each
    /// doubles the account's wait, up to 68 hours, and 20 in a row
    /// ([`AttemptPolicy::authenticator`]), which take five days and a half, shut
    /// the account's authenticator for 90 days, or until `Controls::forgive_authenticator`. Wrong
    /// codes for many accounts raise [`EventKind::GuessSpraying`], as those from texts do.
    ///
    /// Run it on a task of its own where clients hang up, as [`verify`](Self::verify) says.
    ///
    /// [`AttemptPolicy::authenticator`]: crate::policy::AttemptPolicy::authenticator
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer. It is never a wrong code. Where a right code is accepted and
    /// only the failures before it cannot be forgotten, it stays accepted, and the observer hears of it.
    ///
    /// The code of RFC 6238's test secret at 2005-03-18T01:58:29Z, accepted once:
    ///
    /// ```
    /// # let then = otpgate::Timestamp::from_millis(1_111_111_109_000);
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.clock(otpgate::testing::ManualClock::new(then)).clock_unchecked_danger(), async |shop| {
    /// # let shop::Shop { gate, client, .. } = shop;
    /// use otpgate::AuthenticatorVerdict::{Accepted, Rejected};
    /// use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
    ///
    /// let secret = AuthenticatorSecret::from_bytes(b"12345678901234567890")?;
    /// let app = Authenticator::default();
    /// let check = |code| gate.verify_authenticator("account-4711", &secret, code, &app, &client);
    /// assert_eq!(check("081804").await?, Accepted);
    /// assert_eq!(check("081804").await?, Rejected, "used up");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn verify_authenticator(
        &self,
        user: &str,
        secret: &AuthenticatorSecret,
        code: &str,
        authenticator: &Authenticator,
        client: &ClientContext,
    ) -> Result<AuthenticatorVerdict, GateError> {
        let check = self.check_authenticator(user, secret, code, authenticator, client);
        self.told(self.span(Verb::Authenticator).over(check).await)
    }

    async fn check_authenticator(
        &self,
        user: &str,
        secret: &AuthenticatorSecret,
        code: &str,
        authenticator: &Authenticator,
        client: &ClientContext,
    ) -> Result<AuthenticatorVerdict, GateError> {
        let now = self.now();
        let names = self.names();
        let step = SubmittedCode::parse(code, &CodeFormat::default())
            .ok()
            .and_then(|code| authenticator.matching_step(secret, &code, now));
        let account = MeterKey::new(names.user(user), slot::AUTHENTICATOR);
        let spray = MeterKey::new(names.whole(), slot::SPRAY);
        let attempts = &self.inner.policy.attempts;
        let failures = attempts.authenticator.limit();
        let (share, shares) = attempt::session_share(&self.names(), client, attempts);
        let mut admission = self.inner.admission(Home::of(account.subject), now)?;
        admission.charges = vec![
            // Right and wrong codes cost the same: a guess that is not charged is a guess for free.
            Charge::new(account, failures, 1),
            Charge::new(share, shares, 1),
        ];
        if step.is_none() {
            // Counts and refuses nothing: whoever could fill a bound of the address or the realm
            // would shut out everybody in it. A right code is not counted and taken back: a store may
            // count such a busy meter later than it gives back.
            admission.charges.push(Charge::new(spray, UNLIMITED, 1));
        }
        admission.nonces = step
            .map(|step| {
                let key = names.authenticator_step(user, step.number());
                self.inner.nonce(key, authenticator.remember_until(step))
            })
            .into_iter()
            .collect();
        let counts = match guarded::admit(&*self.inner.store, &admission).await? {
            Admitted::Granted { counts, .. } => Some(counts),
            _ => None,
        };
        let accepted = counts.is_some() && step.is_some();
        if accepted {
            let back = |key, limit, cost| Refund { key, limit, cost, charged: now, waiver: None };
            // Success ends the run of failures (NIST SP 800-63B-4 §3.2.2).
            let whole_run = attempts.authenticator.max;
            let refunds = vec![back(account, failures, whole_run), back(share, shares, 1)];
            let home = admission.home;
            if let Err(error) = self.inner.give_back(admission.id, home, refunds, None).await {
                // The code is used up: it would be a wrong one if it were not accepted now.
                let what = format!("the failures before a right code still count: {error}");
                self.tell_outage(OutagePart::beside(error.kind()), what);
            }
        } else if let Some(sprayed) = counts.as_deref().and_then(|counts| counts.get(2)) {
            self.note_spraying(*sprayed, attempts.spray_alarm, now);
        }
        self.tell(&self.event(now, EventKind::Authenticator { accepted }));
        Ok(if accepted { AuthenticatorVerdict::Accepted } else { AuthenticatorVerdict::Rejected })
    }
}
