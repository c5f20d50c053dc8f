//! What every adapter has to pass, whatever its provider. An adapter says how its provider answers;
//! the rest is the same for all.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use otpgate::SmsTransport;
use otpgate::http::{BaseUrl, ReqwestClient};
use otpgate::message::Registration;
use otpgate::testing::secrets::Needles;
use otpgate::testing::transport::{Behaviour, Provider, Received, conformance};
use otpgate::testing::{Line, Outcome};
use otpgate::transport::{ErrorRow, HandoffError, HandoffErrorKind, OutboundSms};

use support::http_server::{Answer, Authority, LocalServer, Play, Seen};

/// How one provider's adapter is made, and how the provider answers.
#[derive(Clone, Copy)]
pub struct Adapter {
    /// Its name in errors.
    pub name: &'static str,
    /// The adapter, with credentials that no text contains by chance.
    pub make: fn(BaseUrl, ReqwestClient) -> Box<dyn SmsTransport>,
    /// What the provider reads in a request.
    pub read: fn(&Seen) -> Received,
    /// Its documented answer to a text that it takes.
    pub accepted: fn() -> Answer,
    /// Its documented answer to a number that it refuses.
    pub refused_number: fn() -> Answer,
    /// Its documented answer to wrong credentials.
    pub refused_account: fn() -> Answer,
    /// Its documented answer to too many requests.
    pub throttled: fn() -> Answer,
    /// Its error table.
    pub errors: &'static [ErrorRow],
    /// Its answer with one code of the table.
    pub error: fn(&ErrorRow) -> Answer,
    /// Every secret in `make`.
    pub secrets: &'static [&'static str],
}

/// The number of [`sms`].
pub const NUMBER: &str = "+15550100";
/// The text of [`sms`], that of `wire.json`.
pub const TEXT: &str = "Your code is 123456 € & =+%";

/// A text as it stands in `wire.json`.
pub fn sms() -> OutboundSms {
    OutboundSms::for_test(NUMBER, TEXT, [1; 16])
}

/// A text to India with everything that its registry has on file.
pub fn registered() -> OutboundSms {
    let dlt = Registration::dlt("1201159409941345107", "1107158980000012345", "{#var#}").unwrap();
    OutboundSms::for_test("+919876543210", TEXT, [1; 16]).with_registration(dlt.sender("EXMPLE"))
}

/// A client that gives up after three seconds, which is long for a server on this machine, and goes through no proxy.
pub fn client() -> ReqwestClient {
    trusting(None)
}

fn trusting(authority: Option<&Authority>) -> ReqwestClient {
    let builder = ReqwestClient::builder()
        .deadline(Duration::from_secs(3))
        .connect_timeout(Duration::from_secs(3))
        .configure(|reqwest| reqwest.no_proxy());
    match authority {
        Some(authority) => builder.trust_root(authority.root()),
        None => builder,
    }
    .build()
    .unwrap()
}

/// The tests of one adapter. `$adapter` is a `const` of type [`Adapter`].
macro_rules! adapter_tests {
    ($adapter:expr) => {
        #[tokio::test]
        async fn conforms_over_plain_http() {
            $crate::adapter::conforms($adapter, false).await;
        }

        #[tokio::test]
        async fn conforms_over_tls() {
            $crate::adapter::conforms($adapter, true).await;
        }

        #[tokio::test]
        async fn survives_every_fault_with_one_request() {
            $crate::adapter::survives_every_fault($adapter).await;
        }

        #[tokio::test]
        async fn every_documented_error_has_its_kind_and_remedy() {
            $crate::adapter::knows_every_error($adapter).await;
        }

        #[tokio::test]
        async fn a_first_text_that_fails_says_who_failed_why_and_what_to_do() {
            $crate::first_texts::says_what_to_do($adapter).await;
        }

        #[tokio::test]
        async fn no_error_and_no_debug_shows_a_secret() {
            $crate::adapter::keeps_secrets($adapter).await;
        }
    };
}

/// The published suite.
pub async fn conforms(adapter: Adapter, tls: bool) {
    let report = conformance(|| async { Stage::new(adapter, tls) }).await;
    report.assert();
    let skipped = |line: &&Line| matches!(line.outcome, Outcome::Skipped(_));
    assert_eq!(report.lines().iter().filter(skipped).count(), 0, "{report}");
}

/// A server that behaves as the provider documents.
struct Stage {
    adapter: Adapter,
    server: LocalServer,
    client: Mutex<Option<ReqwestClient>>,
}

impl Stage {
    fn new(adapter: Adapter, tls: bool) -> Self {
        let authority = tls.then(Authority::new);
        let server = authority.as_ref().map_or_else(LocalServer::plain, LocalServer::tls);
        // A kept connection may die unnoticed when the port closes, and then nothing is proved.
        server.keep_alive(false);
        let client = Mutex::new(Some(trusting(authority.as_ref())));
        Self { adapter, server, client }
    }
}

#[async_trait]
impl Provider for Stage {
    fn transport(&self) -> Box<dyn SmsTransport> {
        let client = self.client.lock().unwrap().take().unwrap();
        (self.adapter.make)(self.server.base_url(), client)
    }

    async fn behave(&self, behaviour: Behaviour) -> bool {
        self.server.listen(behaviour != Behaviour::Unreachable);
        self.server.always(match behaviour {
            Behaviour::Accept | Behaviour::Unreachable => Play::Answer((self.adapter.accepted)()),
            Behaviour::RefuseNumber => Play::Answer((self.adapter.refused_number)()),
            Behaviour::RefuseAccount => Play::Answer((self.adapter.refused_account)()),
            Behaviour::Throttle => Play::Answer((self.adapter.throttled)()),
            Behaviour::Fail => Play::Answer(Answer::html(500)),
            Behaviour::Cut => Play::Close,
            Behaviour::Silent => Play::Silent,
            Behaviour::Garble => Play::Answer(Answer::html((self.adapter.accepted)().status)),
            _ => return false,
        });
        true
    }

    async fn received(&self) -> Vec<Received> {
        self.server.seen().iter().map(self.adapter.read).collect()
    }
}

/// One call: its outcome, and how many requests it made.
async fn call(adapter: Adapter, play: Play) -> (Result<(), HandoffError>, usize) {
    let server = LocalServer::plain();
    server.always(play);
    let transport = (adapter.make)(server.base_url(), client());
    let answer = transport.hand_off(&sms()).await.map(drop);
    (answer, server.seen().len())
}

/// Everything that can go wrong after the request was written is Indeterminate, after one request.
pub async fn survives_every_fault(adapter: Adapter) {
    let accepted = adapter.accepted;
    let status = accepted().status;
    let elsewhere = LocalServer::answering(accepted());
    let away = format!("{}/elsewhere", elsewhere.base_url().as_str());
    let redirect = |status| Answer::new(status).with("location", away.clone());
    let faults = [
        ("an empty success", Play::Answer(Answer::new(status))),
        ("HTML with success", Play::Answer(Answer::html(status))),
        ("broken JSON", Play::Answer(Answer::json(status, "{\"a\":"))),
        ("JSON without an identifier", Play::Answer(Answer::json(status, "{}"))),
        ("JSON that is no object", Play::Answer(Answer::json(status, "[null]"))),
        ("broken XML", Play::Answer(Answer::xml(status, "<a><b>"))),
        ("a success that is not documented", Play::Answer(Answer { status: 226, ..accepted() })),
        ("a truncated success", Play::Truncate(accepted())),
        ("a success that stalls", Play::Stall(accepted())),
        ("a success that is too large", Play::Answer(accepted().body(vec![b' '; 100_000]))),
        ("a reset after reading", Play::Reset),
        ("a close after reading", Play::Close),
        ("silence", Play::Silent),
        ("500 after accepting", Play::Answer(Answer { status: 500, ..accepted() })),
        ("502 in HTML", Play::Answer(Answer::html(502))),
        ("503", Play::Answer(Answer::new(503).with("retry-after", "2"))),
        ("301", Play::Answer(redirect(301))),
        ("302", Play::Answer(redirect(302))),
        ("303", Play::Answer(redirect(303))),
        ("307 to another host", Play::Answer(redirect(307))),
        ("308 to another host", Play::Answer(redirect(308))),
    ];
    for (fault, play) in faults {
        let (answer, seen) = call(adapter, play).await;
        let error = answer.expect_err(fault);
        assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{fault}: {error:?}");
        assert_eq!(error.provider(), Some(adapter.name), "{fault}");
        assert_eq!(seen, 1, "{fault}: requests");
    }
    // Before the connection is known to stand it proves that nothing was sent; after that, nothing.
    let (answer, seen) = call(adapter, Play::ResetUnread).await;
    assert_ne!(answer.unwrap_err().kind(), HandoffErrorKind::Refused);
    assert_eq!(seen, 0);
    assert_eq!(elsewhere.connections(), 0, "credentials and code went to another host");
    let (answer, seen) = call(adapter, Play::Dribble(accepted())).await;
    assert!(answer.is_ok(), "a slow answer is an answer: {answer:?}");
    assert_eq!(seen, 1);
}

/// Each row of the table, as the provider words it.
pub async fn knows_every_error(adapter: Adapter) {
    assert!(!adapter.errors.is_empty());
    for row in adapter.errors {
        let answer = (adapter.error)(row);
        let (answer, seen) = call(adapter, Play::Answer(answer)).await;
        let error = answer.expect_err(row.code);
        assert_eq!(error.kind(), row.kind, "{}: {error}", row.code);
        assert_eq!(error.provider_code(), Some(row.code), "{error}");
        assert_eq!(error.needs_operator(), row.alert, "{}", row.code);
        assert_eq!(error.fails_every_text(), row.every_text, "{}", row.code);
        assert_eq!(error.tells_of_one_text(), row.one_text, "{}", row.code);
        assert!(row.alert || !row.every_text, "{}: nobody is told", row.code);
        assert!(!row.one_text || !row.every_text, "{}: of one or of all", row.code);
        assert!(
            row.kind != HandoffErrorKind::NotSent || row.alert || is_of_the_provider(row),
            "{row:?}"
        );
        assert_eq!(error.number_fault(), row.number_fault, "{}", row.code);
        let shown = error.to_string();
        assert!(shown.starts_with(adapter.name), "{shown}");
        assert!(shown.contains(row.meaning) && shown.contains(row.remedy), "{shown}");
        assert_eq!(seen, 1, "{}: requests", row.code);
        // After a 5xx the provider itself does not know what it did, whatever code it gives.
        let failed = Answer { status: 500, ..(adapter.error)(row) };
        let (answer, _) = call(adapter, Play::Answer(failed)).await;
        let kind = answer.expect_err(row.code).kind();
        assert_eq!(kind, HandoffErrorKind::Indeterminate, "{} with HTTP 500", row.code);
    }
    let mut codes: Vec<_> = adapter.errors.iter().map(|row| row.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), adapter.errors.len(), "a code stands twice");
    let throttled = (adapter.throttled)().with("retry-after", "7");
    let (answer, _) = call(adapter, Play::Answer(throttled)).await;
    assert_eq!(answer.unwrap_err().pause(), Some(Duration::from_secs(7)));
}

/// Whether a row is about the provider's load or failure, which pass. What one country, sender or number
/// can cause is the operator's to mend or a refusal: a circuit breaker counts all other rows as a failure
/// of the provider, so that whoever asks for that country would shut it for everybody.
fn is_of_the_provider(row: &ErrorRow) -> bool {
    ["too many requests", "too many texts at once", "too many connections", "queue is full"]
        .iter()
        .chain(&["rate limit", "burst protection", "maintenance", "failed", "did not", "could not"])
        .any(|word| row.meaning.contains(word))
}

/// Neither number, text nor credential in anything that a log could show.
pub async fn keeps_secrets(adapter: Adapter) {
    let mut needles = Needles::new();
    needles.sms("the text", &sms());
    needles.code("the code", "123456");
    let echo = format!("{NUMBER} {TEXT} {}", adapter.secrets.join(" "));
    let mut answers: Vec<Play> =
        adapter.errors.iter().map(|row| Play::Answer((adapter.error)(row))).collect();
    for status in [200, 201, 202, 400, 404, 500] {
        // A provider that repeats the request in its answer, as a code as well.
        answers.push(Play::Answer(Answer::new(status).body(echo.clone())));
        let json = format!("{{\"code\":\"{NUMBER}\",\"sid\":\"{NUMBER}\",\"message\":\"{echo}\"}}");
        answers.push(Play::Answer(Answer::json(status, json)));
    }
    answers.extend([Play::Reset, Play::Close, Play::ResetUnread]);
    for play in answers {
        let (answer, _) = call(adapter, play).await;
        let Err(error) = answer else { continue };
        assert_eq!(needles.scan_error(&error), [], "{}", error.kind() as u8);
        let shown = format!("{error} {error:?}");
        for secret in adapter.secrets {
            assert!(!shown.contains(secret), "a credential is shown");
        }
    }
    let server = LocalServer::plain();
    let transport = (adapter.make)(server.base_url(), client());
    let shown = format!("{transport:?} {transport:#?}");
    for secret in adapter.secrets {
        assert!(!shown.contains(secret), "Debug shows a credential");
    }
}
