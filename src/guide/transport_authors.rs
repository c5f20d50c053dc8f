//! Your own SMS provider.
//!
//! An [`SmsTransport`](crate::SmsTransport) must have one method, `hand_off`. Your money depends on
//! how it fails: on the [kind](crate::transport::HandoffErrorKind) of its error. If it reads
//! credentials from somewhere, let [`ready`](crate::SmsTransport::ready) say whether they are there.
//!
//! | what happened | kind | the gate |
//! |---|---|---|
//! | no connection, TLS failed, 401, 429, "queue full" | `NotSent` | gives back money and limits, voids the code, answers `Err` |
//! | "no such number", "opted out", "blocked" | `Refused` | gives back the same but keeps the client's charges, answers a refusal |
//! | time-out after sending, cut connection, 5xx, an answer that cannot be read | `Indeterminate` | gives back nothing, keeps the code good, shows the code page |
//!
//! Report `NotSent` and `Refused` only on proof. A wrong `NotSent` pays for texts that were delivered and
//! lets an attacker send without end; a wrong `Indeterminate` costs a user half a minute.
//!
//! # A whole transport
//!
//! ```
//! use std::io::{Error, ErrorKind};
//!
//! use async_trait::async_trait;
//! use otpgate::SmsTransport;
//! use otpgate::transport::{Handoff, HandoffError, OutboundSms};
//!
//! /// The provider's HTTP API, behind whichever client the host already uses.
//! #[async_trait]
//! trait Api: std::fmt::Debug + Send + Sync + 'static {
//!     /// Status and body; `Err` if there was no complete answer. It MUST have a deadline.
//!     async fn post(&self, key: &str, to: &str, text: &str) -> Result<(u16, String), Error>;
//! }
//!
//! #[derive(Debug)]
//! struct MyProvider<A>(A);
//!
//! #[async_trait]
//! impl<A: Api> SmsTransport for MyProvider<A> {
//!     async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
//!         let key = sms.idempotency_key().as_str(); // the provider drops duplicates by it
//!         let answer = self.0.post(key, sms.expose_number(), sms.expose_text()).await;
//!         // Neither number nor text goes into an error: only the status does.
//!         match answer {
//!             Ok((200..=299, id)) => Ok(Handoff::accepted(id).by("my-provider")),
//!             Ok((401 | 403 | 429, _)) => Err(HandoffError::not_sent("the provider turned the request away")),
//!             Ok((400, code)) if code == "21211" => Err(HandoffError::refused("not a number")),
//!             Ok((status, _)) => Err(HandoffError::indeterminate(format!("status {status}"))),
//!             Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(HandoffError::not_sent(error)),
//!             Err(error) => Err(HandoffError::indeterminate(error)),
//!         }
//!     }
//! }
//! # #[derive(Clone, Debug, Default)]
//! # struct Scripted(std::sync::Arc<std::sync::Mutex<Vec<Result<(u16, String), ErrorKind>>>>);
//! # #[async_trait]
//! # impl Api for Scripted {
//! #     async fn post(&self, _: &str, _: &str, _: &str) -> Result<(u16, String), Error> {
//! #         self.0.lock().unwrap().pop().unwrap().map_err(Error::from)
//! #     }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use otpgate::{ClientContext, Gate, GateErrorKind, KeyRing, Money};
//! # use otpgate::{Policy, Purpose, Recipient, RefusalReason, Region, Sent};
//! # let api = Scripted::default();
//! # let mut policy = Policy::default();
//! # policy.token.human_time = otpgate::token::HumanTime::ZERO;
//! # let gate = Gate::builder()
//! #     .keys(KeyRing::generate()?)
//! #     .store(otpgate::store::MemoryStore::default())
//! #     .transport(MyProvider(api.clone()))
//! #     .brand("Example")
//! #     .countries([Region::DE])
//! #     .daily_budget(Money::dollars(50))
//! #     .policy(policy)
//! #     .build()?;
//! # let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");
//! # let send = async |answer: Result<(u16, &str), ErrorKind>, number: &str| {
//! #     api.0.lock().unwrap().push(answer.map(|(status, body)| (status, body.to_owned())));
//! #     let ticket = gate.preflight(&Purpose::SIGN_UP, &client).unwrap();
//! #     let proof = ticket.answer(number).unwrap();
//! #     let recipient = Recipient::parse(number, None).unwrap();
//! #     gate.request(&proof, &recipient, &Purpose::SIGN_UP, &client).await
//! # };
//! // What the host then sees; `send` is a whole flow with the provider answering so.
//! let outage = send(Err(ErrorKind::ConnectionRefused), "+4915112345678").await.unwrap_err();
//! assert_eq!(outage.kind(), GateErrorKind::HandOff);
//!
//! let refused = send(Ok((400, "21211")), "+4915112345678").await?;
//! assert!(matches!(refused, Sent::Refused(why) if matches!(why.reason(), RefusalReason::NumberRefused)));
//!
//! let unclear = send(Err(ErrorKind::TimedOut), "+4915112345678").await?;
//! assert!(matches!(unclear, Sent::Issued(issued) if !issued.confirmed()));
//!
//! let accepted = send(Ok((201, "message-1")), "+4915112345679").await?;
//! assert!(matches!(accepted, Sent::Issued(issued) if issued.confirmed()));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! - One call, at most one text. No retry of your own, unless the provider honours the
//!   [idempotency key](crate::transport::OutboundSms::idempotency_key).
//! - A deadline of your own, shorter than that of the gate. The gate gives up on a hand-off after
//!   [30 seconds](crate::GateBuilder::hand_off_deadline) and counts it as *may have gone out*; a
//!   transport that knows whether it connected can be more precise.
//! - No waiting in the thread that polls: neither deadline reaches a client that blocks. Give it a
//!   thread of its own, such as tokio's `spawn_blocking`.
//! - What only an operator can mend says so: [`alert_all`](crate::transport::HandoffError::alert_all) where it
//!   fails every text (wrong credentials, no credit), which opens a circuit breaker at once, and
//!   [`alert`](crate::transport::HandoffError::alert) where it fails those of one country or sender.
//! - The text goes out unchanged: it was parsed back, and its last line is read by software.
//! - Neither number nor text in an error or a log. `Debug` of the text is masked; keep it so.
//! - A panic is caught by the gate and counts as *may have gone out*.
//!
//! A transport that chooses between providers, or falls over from one to the next on `NotSent`, is a
//! transport itself and wraps the others.
//!
//! # Delivery receipts
//!
//! They come to the host's own endpoint, which hands the raw request to
//! [`Gate::receipts`](crate::Gate::receipts). It asks the adapter's
//! [`ReceiptVerifier`](crate::transport::ReceiptVerifier), finds the send, and applies the receipt
//! once, no matter how often and at which gates it arrives.
//!
//! Two ways to find the send, best first:
//!
//! 1. Put [`OutboundSms::callback_key`](crate::transport::OutboundSms::callback_key) into the URL
//!    that the provider calls, or into a field that comes back and that its signature covers, and
//!    give it to [`Receipt::with_key`](crate::transport::Receipt::with_key). The key holds the
//!    sealed send, so even a receipt that overtakes the provider's answer is applied at once. It
//!    has up to 164 characters.
//! 2. If nothing comes back but the provider's message identifier, or the field is too short, say so in both
//!    directions: [`Handoff::with_receipts_by_id`](crate::transport::Handoff::with_receipts_by_id) and
//!    [`Receipt::found_by_id`](crate::transport::Receipt::found_by_id). Sends and early receipts then meet in
//!    the store, at two round trips for each text. An early receipt waits ten minutes.
//!
//! Pass on what the provider says, and no more: the price with its currency, the segments it
//! counted, and the [`DeliveryFault`](crate::transport::DeliveryFault). A price replaces the
//! estimate in the budgets; a [`NumberFault`](crate::transport::NumberFault) keeps texts from the
//! number for days.
