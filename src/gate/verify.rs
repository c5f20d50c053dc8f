//! [`Gate::verify`]: from a grant and what was typed to a verification, in one redemption.

use std::borrow::Cow;
use std::time::Duration;

use crate::access::{DeviceLife, DeviceProof};
use crate::base::entropy::random;
use crate::base::id::{Pseudonym, RequestId};
use crate::base::time::Timestamp;
use crate::context::ClientContext;
use crate::error::GateError;
use crate::event::{Event, EventKind, RejectionCause, TestUse};
use crate::limit::{MeterKey, Slot};
use crate::otp::digest::{CodeContext, digest};
use crate::otp::{Binding, SubmittedCode};
use crate::outcome::{EntryGrant, Grant, Note, Rejection, Verification, Verified};
use crate::pumping::{Sighting, SightingKind};
use crate::realm::{TestEntry, sighted, slot};
use crate::store::{Charge, Credit, Home, Observation, Redemption, Verdict, blank};
use crate::telemetry::Verb;
use crate::transport::Channel;

use super::Gate;
use crate::charges::{COUNT_SPAN_MS, attempt};
use crate::guarded;

impl Gate {
    /// Checks a code: charges the attempt, compares, consumes; one store round trip. An accepted code
    /// makes one more where the gate has a [fallback channel](crate::GateBuilder::fallback).
    ///
    /// Run it on a task of its own (tokio's `spawn`) where your server drops the handler of a client who hangs
    /// up: a right code is used up then, nobody has the [`Verification`], and the same code is rejected when the
    /// client comes again.
    ///
    /// Compare [`Verification::purpose`] with what you are about to do. The grant says what the code is for, and
    /// a client may bring that of another form of yours: the right code for a sign-up is accepted where you reset
    /// a password.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the store gave no answer. It is never a wrong code.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// # let grant = shop.grant().await;
    /// # let code = shop.code();
    /// # let shop::Shop { gate, client, .. } = shop;
    /// use otpgate::Verified;
    ///
    /// assert!(matches!(gate.verify(&grant, "not a code", &client).await?, Verified::Rejected(_)));
    /// assert!(matches!(gate.verify(&grant, &code, &client).await?, Verified::Accepted(_)));
    /// assert!(matches!(gate.verify(&grant, &code, &client).await?, Verified::Rejected(_)), "once");
    /// # Ok(())
    /// # });
    /// ```
    pub async fn verify(
        &self,
        grant: &EntryGrant,
        code: &str,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        let none = Binding::none();
        let redeem = self.redeem(grant, code, &none, client);
        self.told(self.span(Verb::Verify).over(redeem).await)
    }

    /// [`verify`](Self::verify) for a code that is bound to a transaction: give the transaction that
    /// is about to be executed. A changed amount or payee is rejected (EU 2018/389 Art. 5(1)(d)).
    ///
    /// Run it on a task of its own where clients hang up, as [`verify`](Self::verify) says.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    ///
    /// ```
    /// # use otpgate::message::MessageFormat;
    /// # let message = MessageFormat::builder("Shop").transactions();
    /// # let message = message.build().unwrap();
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.message(message), async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, client, outbox, .. } = shop;
    /// use otpgate::otp::{Amount, Binding, Payee};
    /// use otpgate::{Sent, Verified};
    ///
    /// let payee = Payee::new("Haus & Grund")?;
    /// let rent = Binding::transaction(Amount::new("1250.00", "EUR")?, payee.clone());
    /// let more = Binding::transaction(Amount::new("9250.00", "EUR")?, payee);
    /// let Sent::Issued(issued) = gate.issue(clearance.bind(rent.clone())).await? else { panic!() };
    /// # let (grant, code) = (issued.into_grant(), outbox.last_code_to("+4915112345678").unwrap());
    /// let other = gate.verify_bound(&grant, &code, &more, &client).await?;
    /// assert!(matches!(other, Verified::Rejected(_)));
    /// let same = gate.verify_bound(&grant, &code, &rent, &client).await?;
    /// assert!(matches!(same, Verified::Accepted(_)));
    /// # Ok(())
    /// # });
    /// ```
    pub async fn verify_bound(
        &self,
        grant: &EntryGrant,
        code: &str,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        let redeem = self.redeem(grant, code, binding, client);
        self.told(self.span(Verb::Verify).over(redeem).await)
    }

    /// Charges the attempt, compares, consumes: one redemption.
    async fn redeem(
        &self,
        text: &EntryGrant,
        typed: &str,
        binding: &Binding,
        client: &ClientContext,
    ) -> Result<Verified, GateError> {
        let now = self.now();
        let mut grant = self.open_grant(text, binding, client, now);
        let code = self.code_in(typed, grant.as_ref(), binding);
        let test = self.test_of(&mut grant, code.as_ref(), now).await?;
        let attempt = self.attempt(grant.as_ref(), code, binding, client, now)?;
        let redemption = &attempt.redemption;
        let answer = guarded::redeem(&*self.inner.store, redemption).await;
        let answer =
            self.heard_of(redemption.exchange.as_ref(), answer, |it| Some(&mut it.news))?;
        self.take_in(&answer.news);
        let wrong = test.as_ref().zip(grant.as_ref());
        if !matches!(answer.verdict, Verdict::Accepted { .. })
            && let Some((entry, Grant { purpose, recipient, .. })) = wrong
        {
            self.note_test(entry, TestUse::Rejected, purpose, recipient, now);
        }
        let cause = match (answer.verdict, grant) {
            (Verdict::Accepted { attempts, opened }, Some(grant)) => {
                let number =
                    attempt.number.unwrap_or_else(|| self.names().number(&grant.recipient));
                // Before anything is waited for: the code is used up, and whoever hangs up now does not undo it.
                self.tell_accepted(
                    &grant,
                    number,
                    test.as_ref(),
                    (attempts, now.since(opened)),
                    now,
                );
                blank::leave_redemption(attempt.redemption);
                let channels = self.channels_of(&grant, now).await;
                return self.accepted(grant, number, binding.clone(), channels, now);
            }
            (Verdict::Exhausted { index, .. }, _) if index < attempt.redemption.charges.len() => {
                RejectionCause::ClientLimit
            }
            (_, None) => RejectionCause::BadGrant,
            (Verdict::Mismatch { .. }, _) if attempt.malformed => RejectionCause::Malformed,
            (Verdict::Mismatch { .. }, _) => RejectionCause::Mismatch,
            (Verdict::Locked, _) => RejectionCause::Locked,
            (Verdict::Expired, _) => RejectionCause::Expired,
            (Verdict::Consumed, _) => RejectionCause::Replay,
            (Verdict::Exhausted { .. }, _) => RejectionCause::NumberLimit,
            (Verdict::Unknown, _) => RejectionCause::Unknown,
        };
        self.note_rejection(&attempt, cause, &answer.observed, now);
        blank::leave_redemption(attempt.redemption);
        Ok(Verified::Rejected(Rejection(())))
    }

    /// The code that was typed: read once, so that whatever asks about it asks about the same.
    fn code_in(
        &self,
        typed: &str,
        grant: Option<&Grant>,
        binding: &Binding,
    ) -> Option<SubmittedCode> {
        let usual = self.inner.policy.code.format;
        let format = grant.map_or(usual, |grant| self.inner.format_of(grant));
        SubmittedCode::parse_beside(typed, binding.payment(), &format).ok()
    }

    /// The entry of a test number's grant. One whose entry does not hold is no grant. Only for its right code
    /// is the store asked whether it still holds, and before the code is used up.
    async fn test_of(
        &self,
        grant: &mut Option<Grant>,
        code: Option<&SubmittedCode>,
        now: Timestamp,
    ) -> Result<Option<TestEntry>, GateError> {
        let Some(of_test) = grant.as_ref().filter(|grant| grant.test.is_some()) else {
            return Ok(None);
        };
        let mut entry = Box::pin(self.test_entry_seen(of_test, now)).await?;
        if let Some(seen) = &entry {
            let number = self.names().number(&of_test.recipient);
            let fixed = seen.code(number, self.realm.name(), &self.inner.keys)?;
            let format = self.inner.format_of(of_test);
            // One that was entered when codes had another format is nobody's right code.
            let fixed = SubmittedCode::parse(&fixed, &format).ok();
            if code.is_some() && code == fixed.as_ref() {
                entry = Box::pin(self.test_entry(of_test, now)).await?;
            }
        }
        if entry.is_none() {
            *grant = None;
        }
        Ok(entry)
    }

    /// The redemption to make. Without a usable grant it is made all the same, of a challenge that
    /// does not exist: the same digest, the same round trip, charged to a meter that only more of
    /// the same is refused by.
    fn attempt(
        &self,
        grant: Option<&Grant>,
        code: Option<SubmittedCode>,
        binding: &Binding,
        client: &ClientContext,
        now: Timestamp,
    ) -> Result<Attempt, GateError> {
        let names = self.names();
        let random: [u8; 32] = random(&*self.inner.entropy)?;
        let (id, unknown) = random.split_at(16);
        let id = RequestId::from_bytes(id.try_into().unwrap_or_default());
        let unknown: [u8; 16] = unknown.try_into().unwrap_or_default();
        let policy = grant.map_or(&self.inner.policy, |grant| self.inner.policy(&grant.purpose));
        let number = grant.map(|grant| names.number(&grant.recipient));
        let challenge = grant.map_or(unknown, |grant| grant.challenge);
        // The code of a text that was withheld after its admission is nobody's.
        let sent = grant.filter(|grant| !grant.decoy).map_or(unknown, |grant| grant.challenge);
        let context = CodeContext {
            realm: self.realm.name().as_bytes(),
            purpose: grant.map_or("", |grant| grant.purpose.as_str()),
            challenge: &sent,
            subject: number.as_ref().map_or(&[][..], |number| number.as_bytes()),
            binding: &binding.encoded(),
        };
        let key = grant.map(|grant| grant.key);
        let keys = &self.inner.keys.verifying_or_signing(key, now).code;
        let digests = code.iter().map(|code| digest(keys, &context, code.expose_secret()));
        let paid = attempt::by_client(&names, grant, client, &policy.attempts);
        let name = names.challenge(&challenge);
        let mut redemption = blank::redemption(id, now, self.inner.partition, name);
        redemption.clock = self.inner.clock_check;
        redemption.home = Home::of(number.unwrap_or(name));
        redemption.digests.extend(digests);
        redemption.charges.extend(paid);
        redemption.exchange = self.exchange(id);
        if let Some(Charge { key, limit, .. }) = paid {
            redemption.credits.push(Credit { key, limit, amount: 1 });
        }
        // The alarm's count comes first: see `note_rejection`. It holds authenticator codes as well.
        redemption.observe_failure.push(once(names.whole(), slot::SPRAY));
        count(&mut redemption, names.whole());
        if let Some(grant) = grant {
            count(&mut redemption, names.country(grant.recipient.line_region()));
        }
        if let Some((grant, number)) = grant.zip(number) {
            attempt::on_number(&mut redemption, &names, grant, number, policy, now);
        }
        Ok(Attempt {
            redemption,
            malformed: code.is_none(),
            number,
            purpose: grant.map(|grant| grant.purpose.clone()),
            region: grant.and_then(|grant| grant.recipient.region()),
            spray_alarm: policy.attempts.spray_alarm,
        })
    }

    fn tell_accepted(
        &self,
        grant: &Grant,
        number: Pseudonym,
        test: Option<&TestEntry>,
        (attempts, took): (u32, Duration),
        now: Timestamp,
    ) {
        let (purpose, recipient) = (&grant.purpose, &grant.recipient);
        let subject = sighted(recipient, purpose, grant.price, crate::access::ClientIp::unknown());
        if let Some(entry) = test {
            self.note_test(entry, TestUse::Accepted, purpose, recipient, now);
            self.saw(Sighting::of(now, SightingKind::Ended, &subject));
            return;
        }
        self.saw(Sighting::of(now, SightingKind::Verified, &subject));
        self.tell(&Event {
            purpose: Some(purpose.clone()),
            region: recipient.region(),
            number: Some(number),
            ..self.event(now, EventKind::Accepted { attempts, took })
        });
    }

    fn accepted(
        &self,
        grant: Grant,
        number: Pseudonym,
        binding: Binding,
        channels: Cow<'static, [Channel]>,
        now: Timestamp,
    ) -> Result<Verified, GateError> {
        let note = Note {
            id: grant.challenge,
            at: grant.opened,
            realm: self.realm.id().clone(),
            purpose: grant.purpose.clone(),
            recipient: grant.recipient.clone(),
            lane: grant.lane,
            channel: Channel::Sms,
            price: grant.price,
            segments: 0,
            paid: false,
        };
        let keys = &self.inner.keys;
        let life = if grant.test.is_some() { DeviceLife::MIN } else { DeviceLife::default() };
        let device_proof = DeviceProof::mint(&number, life, keys, &*self.inner.entropy, now)?;
        Ok(Verified::Accepted(Verification {
            record: note.record(&self.inner.keys),
            recipient: grant.recipient,
            purpose: grant.purpose,
            binding,
            at: now,
            device_proof,
            test: grant.test,
            channels,
        }))
    }

    fn note_rejection(
        &self,
        attempt: &Attempt,
        cause: RejectionCause,
        observed: &[u64],
        now: Timestamp,
    ) {
        self.tell(&Event {
            purpose: attempt.purpose.clone(),
            region: attempt.region,
            number: attempt.number,
            ..self.event(now, EventKind::Rejected { cause })
        });
        let failures = observed.get(attempt.redemption.observe.len()).copied().unwrap_or(0);
        self.note_spraying(failures, attempt.spray_alarm, now);
    }

    /// Reports wrong codes in the realm: once when the alarm is reached, then at each doubling. By any answer
    /// that shows it: that of the one attempt that reached it may have been waited for by nobody.
    pub(super) fn note_spraying(&self, failures: u64, alarm: u64, now: Timestamp) {
        let doublings = failures.checked_div(alarm).and_then(u64::checked_ilog2);
        if self
            .realm
            .sprayed
            .is_reached(doublings.map_or(0, |doublings| doublings.saturating_add(1)))
        {
            self.tell(&self.event(now, EventKind::GuessSpraying { failures }));
        }
    }
}

/// One attempt: what the store is asked, and what the log needs afterwards.
struct Attempt {
    redemption: Box<Redemption>,
    malformed: bool,
    number: Option<Pseudonym>,
    purpose: Option<crate::context::Purpose>,
    region: Option<crate::recipient::Region>,
    spray_alarm: u64,
}

/// Counts the redemption at `subject`, and once more if no code is accepted.
fn count(redemption: &mut Redemption, subject: Pseudonym) {
    redemption.observe.push(once(subject, slot::ATTEMPTS));
    redemption.observe_failure.push(once(subject, slot::FAILED));
}

fn once(subject: Pseudonym, slot: Slot) -> Observation {
    Observation { key: MeterKey::new(subject, slot), span_ms: COUNT_SPAN_MS, units: 1 }
}
