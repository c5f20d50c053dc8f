//! The conformance suite of transports, on the scripted one and on wrong ones.

use std::sync::Mutex;

use async_trait::async_trait;
use otpgate::SmsTransport;
use otpgate::testing::transport::{ScriptedProvider, conformance};
use otpgate::testing::{Outcome, ScriptedTransport, block_on};
use otpgate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms};

#[test]
fn the_scripted_transport_conforms() {
    let report = block_on(conformance(|| async { ScriptedProvider::new() }));
    report.assert();
    let skipped = report.lines().iter().filter(|line| matches!(line.outcome, Outcome::Skipped(_)));
    assert_eq!(skipped.map(|line| line.case).collect::<Vec<_>>(), ["silent"]);
}

/// Each with one bug, as provider clients have them.
#[derive(Clone, Copy, Debug)]
enum Bug {
    /// Calls a time-out a failure: the gate gives the money back and the code is void, but the
    /// text arrives.
    TimeoutIsNotSent,
    /// Calls every error a refusal.
    EverythingIsRefused,
    /// Tries again after an unclear answer, under another key.
    BlindRetry,
    /// Trims the text.
    Trims,
    /// Writes the request into the error, as HTTP clients do with a URL.
    RequestInError,
    /// Keeps the last request for its `Debug`.
    RequestInDebug,
    /// A key of its own for each call.
    FreshKey,
    /// Swallows errors.
    AlwaysOk,
}

struct Wrong {
    bug: Bug,
    inner: ScriptedTransport,
    last: Mutex<String>,
}

impl std::fmt::Debug for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrong").field("last", &self.last.lock().unwrap()).finish()
    }
}

#[async_trait]
impl SmsTransport for Wrong {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let (number, text) = (sms.expose_number(), sms.expose_text());
        if let Bug::RequestInDebug = self.bug {
            *self.last.lock().unwrap() = format!("to={number}");
        }
        let answer = match self.bug {
            Bug::Trims => {
                self.inner.hand_off(&OutboundSms::for_test(number, text.trim(), [1; 16])).await
            }
            Bug::FreshKey => {
                let key = {
                    let mut last = self.last.lock().unwrap();
                    last.push('.');
                    [u8::try_from(last.len()).unwrap(); 16]
                };
                self.inner.hand_off(&OutboundSms::for_test(number, text, key)).await
            }
            _ => self.inner.hand_off(sms).await,
        };
        let Err(error) = answer else { return answer };
        match (self.bug, error.kind()) {
            (Bug::TimeoutIsNotSent, HandoffErrorKind::Indeterminate) => {
                Err(HandoffError::not_sent(error))
            }
            (Bug::EverythingIsRefused, _) => Err(HandoffError::refused(error)),
            (Bug::BlindRetry, HandoffErrorKind::Indeterminate) => {
                self.inner.hand_off(&OutboundSms::for_test(number, text, [99; 16])).await
            }
            (Bug::RequestInError, _) => {
                Err(HandoffError::not_sent(format!("POST /send?to={number} failed")))
            }
            (Bug::AlwaysOk, _) => Ok(Handoff::default()),
            _ => Err(error),
        }
    }
}

fn provider(bug: Bug) -> ScriptedProvider {
    ScriptedProvider::wrapped(move |inner| Box::new(Wrong { bug, inner, last: Mutex::default() }))
}

#[test]
fn every_wrong_transport_fails_the_case_that_names_its_bug() {
    for (bug, cases) in [
        (Bug::TimeoutIsNotSent, &["failed", "cut", "garbled"][..]),
        (Bug::EverythingIsRefused, &["refused_account", "throttled", "unreachable", "failed"]),
        (Bug::BlindRetry, &["failed", "cut"]),
        (Bug::Trims, &["text_unchanged"]),
        (Bug::RequestInError, &["errors_tell_nothing"]),
        (Bug::RequestInDebug, &["debug_tells_nothing"]),
        (Bug::FreshKey, &["key_is_stable"]),
        (Bug::AlwaysOk, &["refused_number", "unreachable", "cut"]),
    ] {
        let report = block_on(conformance(|| async move { provider(bug) }));
        for case in cases {
            assert!(report.failed(case), "{bug:?} passed {case}\n{report}");
        }
        assert!(report.failures().count() < report.lines().len() / 2, "{bug:?}\n{report}");
    }
}
