//! What providers, look-ups and human-check services answer: whatever it is, nothing panics, no
//! text counts as taken or as unsent without a proof, nobody passes for human without a yes, and no
//! error repeats the number, the text, the response or a credential.
//!
//! The first byte names the service, the rest of the first line is the status, the lines to the
//! empty one are headers, the rest is the body. `%N` stands for the number's digits, `%T` for the
//! text, `%R` for the visitor's response.
#![no_main]

#[path = "../escapes.rs"]
mod escapes;

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use escapes::written_out;
use libfuzzer_sys::fuzz_target;
use otpgate::http::{ClientFn, HttpClient, HttpResponse, SecretText};
use otpgate::human::friendly_captcha::FriendlyCaptcha;
use otpgate::human::hcaptcha::Hcaptcha;
use otpgate::human::recaptcha::Recaptcha;
use otpgate::human::recaptcha_enterprise::{self, RecaptchaEnterprise};
use otpgate::human::turnstile::Turnstile;
use otpgate::human::{HumanCheck, HumanRequest, HumanResponse, HumanVerdict};
use otpgate::testing::{ManualClock, block_on};
use otpgate::transport::signals::{NumberSignals, SignalsErrorKind, SignalsQuery};
use otpgate::transport::template::{HttpTemplate, HttpTransport};
use otpgate::transport::{
    ErrorRow, HandoffErrorKind, OutboundSms, aws, bird, esendex, infobip, plivo, telnyx, twilio,
    vonage,
};
use otpgate::{SmsTransport, Timestamp};
use serde_json::Value;

/// 2026-11-22T11:46:40Z.
const NOW: Timestamp = Timestamp::from_millis(1_795_348_000_000);
const NUMBER: &str = "4915123456789";
const TEXT: &str = "482915 is your code, Ada.";
const RESPONSE: &str = "0.aB3-visitor_0aB3cD5eF7gH9";
const SECRET: &str = "invented-Secret-0aB3cD5eF7";
const HOST: &str = "shop.example";
const KEY: &str = include_str!("../../tests/data/rfc9500_rsa2048.pem");
const APPLICATION: &str = "78d335fa-323d-0114-9c3d-d6f0d48968cf";

static ANSWER: Mutex<Option<HttpResponse>> = Mutex::new(None);

fn client() -> impl HttpClient {
    ClientFn::new("fuzz", |_| async { Ok(ANSWER.lock().unwrap().clone().unwrap()) })
}

enum Service {
    Provider(Box<dyn SmsTransport>, Vec<ErrorRow>),
    LookUp(Box<dyn NumberSignals>),
    Check(Box<dyn HumanCheck>),
}

fn provider(transport: impl SmsTransport, errors: &[ErrorRow]) -> Service {
    Service::Provider(Box::new(transport), errors.to_vec())
}

fn services() -> &'static [Service] {
    static SERVICES: OnceLock<Vec<Service>> = OnceLock::new();
    SERVICES.get_or_init(|| [providers(), look_ups(), checks()].into_iter().flatten().collect())
}

fn providers() -> Vec<Service> {
    let clock = || ManualClock::new(NOW);
    let twilio = twilio::Account::with_token(format!("AC{:032}", 0), SECRET).unwrap();
    let twilio = twilio::Twilio::builder(twilio, twilio::Sender::from_name("Example"));
    let esendex = esendex::Account::new("EX0000000", "u@example.com", SECRET).unwrap();
    let esendex = esendex::Esendex::builder(esendex, esendex::Sender::named("Example"));
    let profile = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
    let telnyx = telnyx::ApiKey::new(SECRET).unwrap();
    let telnyx = telnyx::Telnyx::builder(telnyx, telnyx::Sender::from_name("Example", profile));
    let bird = bird::ApiKey::new(format!("bk_eu1_{SECRET}")).unwrap();
    let bird = bird::Bird::builder(bird, bird::Sender::from_name("Example"));
    let base = "https://abc123.api.infobip.com".parse().unwrap();
    let infobip = infobip::ApiKey::new(SECRET).unwrap();
    let infobip = infobip::Infobip::builder(infobip, base, infobip::Sender::from_name("Example"));
    let plivo = plivo::Account::new("MA000000000000000000", SECRET).unwrap();
    let plivo = plivo::Plivo::builder(plivo, plivo::Sender::from_name("Example"));
    let account = vonage::Account::new("abcd1234", SECRET).unwrap();
    let sender = || vonage::Sender::from_name("Example");
    let sms = vonage::SmsApi::builder(account.clone(), sender()).billed_in("EUR");
    let messages = vonage::MessagesApi::builder(account, sender());
    let account = aws::Account::new("AKIDEXAMPLE", SECRET).unwrap();
    let sender = aws::Sender::identity("Example");
    let messaging = aws::EndUserMessaging::builder(account.clone(), "eu-central-1", sender);
    let sns = aws::Sns::builder(account, "eu-central-1", aws::SnsSender::named("Example"));
    let template: HttpTemplate = toml::from_str(TEMPLATE).unwrap();
    let rows = template.errors().to_vec();
    let own = HttpTransport::builder(template, |_| Ok(SecretText::new(SECRET)));
    let own = own.senders("Example".to_owned());
    vec![
        provider(twilio.client(client()).build().unwrap(), twilio::ERRORS),
        provider(esendex.client(client()).build().unwrap(), esendex::ERRORS),
        provider(telnyx.client(client()).build().unwrap(), telnyx::ERRORS),
        provider(bird.client(client()).build().unwrap(), bird::ERRORS),
        provider(infobip.client(client()).build().unwrap(), infobip::ERRORS),
        provider(plivo.client(client()).build().unwrap(), plivo::ERRORS),
        provider(sms.client(client()).build().unwrap(), vonage::ERRORS),
        provider(messages.client(client()).build().unwrap(), vonage::MESSAGES_ERRORS),
        provider(messaging.client(client()).clock(clock()).build().unwrap(), aws::ERRORS),
        provider(sns.client(client()).clock(clock()).build().unwrap(), aws::SNS_ERRORS),
        provider(own.client(client()).build().unwrap(), &rows),
    ]
}

/// Places for everything that an answer may say.
const TEMPLATE: &str = r#"
name = "example"
[request]
method = "POST"
url = "https://api.example.com/v1"
bearer = "{secret.key}"
json = { to = "{number}", from = "{sender}", text = "{text}" }
[answer]
success = [200, 202]
accepted = { at = "/status", is = ["queued", "0"] }
id = "/messages/0/id"
code = ["/error/code", "/code"]
price = "/price"
currency_at = "/currency"
segments = "/parts"
retry_after = "/retry"
[[error]]
code = "101"
kind = "refused"
meaning = "the number is not valid"
remedy = "ask for another number"
[[error]]
code = "throttled"
kind = "not-sent"
meaning = "too many requests"
remedy = "wait"
"#;

fn look_ups() -> Vec<Service> {
    let account = twilio::Account::with_token(format!("AC{:032}", 0), SECRET).unwrap();
    let lookup = twilio::Lookup::builder(account).line_status().client(client());
    let application = vonage::Application::new(APPLICATION, KEY).unwrap();
    let insights = vonage::IdentityInsights::builder(application).reachability();
    let insights = insights.client(client()).clock(ManualClock::new(NOW));
    vec![
        Service::LookUp(Box::new(lookup.build().unwrap())),
        Service::LookUp(Box::new(insights.build().unwrap())),
    ]
}

fn checks() -> Vec<Service> {
    let secret = || SecretText::new(SECRET);
    let turnstile = Turnstile::builder("site-key", secret(), [HOST]);
    let hcaptcha = Hcaptcha::builder("site-key", secret(), [HOST]);
    let v2 = Recaptcha::v2("site-key", secret(), [HOST]);
    let v3 = Recaptcha::v3("site-key", secret(), [HOST]);
    let key = recaptcha_enterprise::ApiKey::key(SECRET);
    let enterprise = RecaptchaEnterprise::builder("project", "site-key", key, [HOST]);
    let friendly = FriendlyCaptcha::builder("site-key", secret(), [HOST]);
    vec![
        Service::Check(Box::new(turnstile.client(client()).build().unwrap())),
        Service::Check(Box::new(hcaptcha.client(client()).build().unwrap())),
        Service::Check(Box::new(v2.client(client()).build().unwrap())),
        Service::Check(Box::new(v3.client(client()).build().unwrap())),
        Service::Check(Box::new(enterprise.client(client()).build().unwrap())),
        Service::Check(Box::new(friendly.client(client()).build().unwrap())),
    ]
}

/// An answer as the input has it.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn read(input: &[u8]) -> Self {
        let text = written_out(input, |letter| match letter {
            b'N' => Some(NUMBER),
            b'T' => Some(TEXT),
            b'R' => Some(RESPONSE),
            _ => None,
        });
        let at = text.windows(2).position(|two| two == b"\n\n");
        let (head, body) = at.map_or((&text[..], &[][..]), |at| (&text[..at], &text[at + 2..]));
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
        Self { status, head, body: body.to_vec() }
    }

    fn response(&self) -> HttpResponse {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let answer = HttpResponse::new(self.status).with_body(self.body.clone());
        headers.fold(answer, |answer, (name, value)| answer.with_header(name, value.trim()))
    }

    /// Whether the provider has written `word`, as it is or in some escape of its format.
    fn says(&self, word: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body).to_lowercase();
        let said = body + &self.head.to_lowercase();
        said.contains(&word.to_lowercase()) || said.contains(['\\', '&']) || said.contains("<!")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The error with all its causes, in both ways of writing, repeats nothing that is for nobody's
/// log.
fn silent(error: &(dyn Error + 'static)) {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let said = causes.fold(String::new(), |mut text, error| {
        let _ = writeln!(text, "{error} {error:?}");
        text
    });
    for marker in [NUMBER, TEXT, RESPONSE, SECRET] {
        assert!(!said.contains(marker), "{marker:?} in {said:?}");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, rest)) = input.split_first() else { return };
    let answer = Answer::read(rest);
    let response = answer.response();
    let pause = response.retry_after();
    assert!(pause.is_none_or(|pause| pause <= Duration::from_secs(86_400)));
    *ANSWER.lock().unwrap() = Some(response);
    let services = services();
    match &services[usize::from(*which) % services.len()] {
        Service::Provider(transport, rows) => handed_off(&**transport, rows, &answer),
        Service::LookUp(network) => looked_up(&**network, &answer),
        Service::Check(check) => checked(&**check, &answer),
    }
});

fn handed_off(transport: &dyn SmsTransport, rows: &[ErrorRow], answer: &Answer) {
    let sms = OutboundSms::for_test(&format!("+{NUMBER}"), TEXT, [1; 16]);
    let status = answer.status;
    let error = match block_on(transport.hand_off(&sms)) {
        Ok(handoff) => {
            assert!((200..300).contains(&status), "taken with {status}");
            let id = handoff.message_id.expect("an identifier");
            assert!(!id.is_empty() && answer.says(&id), "{id:?}");
            return;
        }
        Err(error) => error,
    };
    silent(&error);
    assert!(error.pause().is_none_or(|pause| pause <= Duration::from_secs(86_400)));
    if error.kind() == HandoffErrorKind::Indeterminate {
        assert!(!(300..400).contains(&status) || error.needs_operator());
        return;
    }
    // It is proved by a row of the provider's table, and never after a redirect or a fault of its
    // own.
    assert!(!(300..400).contains(&status) && status < 500, "{error} with {status}");
    let code = error.provider_code().unwrap();
    assert!(rows.iter().any(|row| row.code == code && row.kind == error.kind()), "{error}");
    // A status of success proves nothing but the opposite: the provider has said otherwise in
    // words.
    if (200..300).contains(&status) {
        let words = code.split(|symbol: char| !symbol.is_alphanumeric());
        words.for_each(|word| assert!(answer.says(word), "{error} of an answer without {word:?}"));
    }
}

fn looked_up(network: &dyn NumberSignals, answer: &Answer) {
    let span = Duration::from_secs(72 * 3_600);
    let query = SignalsQuery::for_test(&format!("+{NUMBER}"), Some(span));
    match block_on(network.look_up(&query)) {
        Ok(signals) => {
            assert!(answer.status == 200 && answer.json().is_object(), "{signals:?}");
            assert!(signals.carrier.is_none_or(|carrier| carrier.name.len() <= 64));
        }
        Err(error) => {
            silent(&error);
            // An answer has its price, unless its status or its code says that nobody was asked.
            let free = !matches!(answer.status, 200 | 300..400 | 500..);
            assert!(free || error.kind() == SignalsErrorKind::Unknown, "{error}");
        }
    }
}

fn checked(check: &dyn HumanCheck, answer: &Answer) {
    let response = HumanResponse::parse(RESPONSE).unwrap();
    match block_on(check.check(HumanRequest::new(&response, "sign-up", NOW))) {
        Ok(HumanVerdict::Passed(_)) => {
            let body = answer.json();
            let at = |pointer: &str| body.pointer(pointer).unwrap_or(&Value::Null).clone();
            let yes = [at("/success"), at("/tokenProperties/valid")];
            assert!(answer.status == 200 && yes.contains(&Value::Bool(true)), "{body}");
            assert!(!yes.contains(&Value::Bool(false)), "{body}");
            let places =
                ["/hostname", "/tokenProperties/hostname", "/data/challenge/origin"].map(at);
            let ours = |place: &Value| {
                let host = place.as_str().unwrap_or_default();
                host.trim_start_matches("https://").eq_ignore_ascii_case(HOST)
            };
            assert!(places.iter().any(ours), "{body}");
            assert!(at("/error-codes").as_array().is_none_or(Vec::is_empty), "{body}");
            assert!(at("/error/error_code").as_str().is_none(), "{body}");
        }
        Ok(HumanVerdict::Failed(_)) => {}
        Err(error) => silent(&error),
    }
}
