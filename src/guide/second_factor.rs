//! The authenticator app, and SMS as what it is.
//!
//! # SMS is restricted
//!
//! NIST SP 800-63B-4 §3.2.9 calls SMS a *restricted* authenticator: if you use it, offer an
//! alternative, tell your users about the risk, and have a plan for the day it is no longer
//! accepted. A text can be read on a lock screen, diverted by a SIM swap, or forwarded by its owner
//! to whoever asks. It is not phishing-resistant.
//! [`Verification::restricted`](crate::Verification::restricted) is always true and
//! [`amr`](crate::Verification::amr) is `sms`, or `otp` where a code went by another channel or the
//! number is a test number, so you cannot mistake it for more.
//!
//! # The app costs nothing and cannot be pumped
//!
//! Offer it at enrolment, and whenever a send is refused with
//! [`OtherMethod`](crate::PublicRefusalKind::OtherMethod) because an operator switched SMS off.
//!
#![cfg_attr(feature = "totp", doc = "```")]
#![cfg_attr(not(feature = "totp"), doc = "```ignore")]
//! use otpgate::otp::totp::{Authenticator, AuthenticatorSecret};
//! use otpgate::{AuthenticatorVerdict, ClientContext, ClientIp, SystemEntropy};
//! # use otpgate::{Gate, KeyId, KeyRing, Money, Pepper, Region};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let gate = Gate::builder()
//! #     .keys(KeyRing::generate()?)
//! #     .store(otpgate::store::MemoryStore::default())
//! #     .transport(otpgate::transport::ConsoleTransport::to(Vec::new()))
//! #     .brand("Example")
//! #     .countries([Region::DE])
//! #     .daily_budget(Money::dollars(50))
//! #     .build()?;
//!
//! // Enrol. Show the URI once, as a QR code; keep the secret encrypted, apart from the passwords.
//! let secret = AuthenticatorSecret::generate(&SystemEntropy)?;
//! let uri = secret.otpauth_uri("Example", "ana@example.com")?;
//! assert!(uri.expose_secret().starts_with("otpauth://totp/Example:"));
//! let kept = secret.expose_secret().to_vec();
//!
//! // Check. Each code is accepted once, on whichever machine it arrives.
//! let secret = AuthenticatorSecret::from_bytes(&kept)?;
//! let client = ClientContext::from_peer("192.0.2.7".parse()?, "session-1");
//! let verdict = gate
//!     .verify_authenticator("account-17", &secret, "12345", &Authenticator::default(), &client)
//!     .await?;
//! assert_eq!(verdict, AuthenticatorVerdict::Rejected); // five digits are no code
//! # Ok(())
//! # }
//! ```
//!
//! Finish the enrolment only after one code was accepted, or a user whose scan failed is locked out.
//! Failures are counted per account, at most 20 in a row with pauses that double from the sixth on, and
//! per session. Give recovery codes of your own: the crate has none.
//!
//! A test that makes its own codes in JavaScript needs a library that pads them: some that pass every
//! vector of the RFCs give one code in 21 475 too short (totp-generator 2.0.1 without `explicitZeroPad`,
//! otp-io 1.2.7, notp 2.0.3, 2fa 0.1.2).
//!
//! # Which factor after which
//!
//! A code proves that somebody reads the texts of a number, now. It does not prove who. Do not let a
//! verified number alone open an account that it did not open before: numbers are given to new holders
//! (in the United States after 45 days at the earliest), and a proof of *my* number must not log me in as
//! *you*. Take the number from [`Verification::recipient`](crate::Verification::recipient) and look the
//! account up by it, never the other way round.
