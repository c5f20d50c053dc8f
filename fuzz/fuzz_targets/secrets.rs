//! Texts that hold secrets, as operators configure them or clients bring them back: no piece of one
//! is in an error, nor in what `Debug` shows of it, and what is taken survives its own text form.
//!
//! The first byte says what kind of text the rest is. For the address of a store the rest is three
//! lines: the user, the password, and what follows the host.
#![no_main]

use std::error::Error;
use std::fmt::Debug;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use otpgate::access::{CallerId, CallerKey, CallerRequest, DeviceError, DeviceProof};
use otpgate::human::altcha::AltchaSecret;
use otpgate::store::{MemoryStore, PostgresStore, RedisStore};
use otpgate::testing::{ManualClock, ScriptedTransport, SeededEntropy, block_on};
use otpgate::token::{HumanTime, WorkBits};
use otpgate::transport::{
    PathToken, SecretText, aws, bird, esendex, infobip, plivo, telnyx, twilio, vonage,
};
use otpgate::{
    Cleared, ClientContext, DeliveryStatus, Gate, KeyId, KeyRing, Money, Pepper, Policy, Pseudonym,
    Purpose, Recipient, Region, SendRecord, Timestamp,
};
use redis::{ConnectionAddr, IntoConnectionInfo};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

const NOW: Timestamp = Timestamp::from_millis(1_795_348_800_000);
/// Fewer characters in a row of a secret than this may stand anywhere.
const PIECE: usize = 6;

/// Everything that is said of what was read from a text.
type Read = fn(&str) -> String;

const READERS: [Read; 14] = [
    |text| said(CallerKey::from_text(text)),
    |text| said(Pepper::from_text(text)),
    |text| said(KeyRing::from_text(text)),
    |text| said(bird::WebhookSecret::new(text)),
    |text| said(AltchaSecret::new(text).and_then(|secret| secret.and_previous(text))),
    |text| said(twilio::Account::with_token(format!("AC{:032}", 0), text)),
    |text| said(bird::ApiKey::new(text)),
    |text| said(telnyx::ApiKey::new(text)),
    |text| said(infobip::ApiKey::new(text)),
    |text| said(plivo::Account::new("MA000000000000000000", text)),
    |text| said(esendex::Account::new("EX0000000", "u@example.com", text)),
    |text| {
        let method = vonage::SignatureMethod::HmacSha256;
        let signing = said(vonage::SigningAccount::new("abcd1234", text, method));
        signing + &said(vonage::Account::new("abcd1234", text))
    },
    |text| {
        let account = aws::Account::new("AKIDEXAMPLE", text);
        said(account.and_then(|account| account.with_session_token(text)))
    },
    |text| said(vonage::Application::new("78d335fa-323d-0114-9c3d-d6f0d48968cf", text)),
];

fn said<T: Debug, E: Error + 'static>(read: Result<T, E>) -> String {
    match read {
        Ok(taken) => format!("{taken:?}"),
        Err(error) => whole(&error),
    }
}

/// The error with all its causes, in both ways of writing.
fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.fold(String::new(), |mut text, error| {
        let _ = write!(text, "{error} {error:?}\n");
        text
    })
}

/// No piece of `secret` stands in `said`, but for what is said of other secrets too.
fn silent(secret: &str, said: &str, known: &str) {
    for piece in pieces(secret) {
        assert!(!said.contains(piece) || known.contains(piece), "{piece:?} in {said:?}");
    }
}

/// So many characters in a row, from each place.
fn pieces(secret: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        secret.char_indices().map(|(at, _)| at).chain([secret.len()]).collect();
    starts.windows(PIECE + 1).map(|ends| &secret[ends[0]..ends[PIECE]]).collect()
}

struct House {
    keys: KeyRing,
    gate: Gate,
    /// A proof that is good for the number.
    proof: String,
    number: Recipient,
    client: ClientContext,
    /// What the readers say of texts that are no secret, good ones and bad ones.
    known: Vec<String>,
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
        let keys = KeyRing::new(KeyId(1), pepper);
        let mut policy = Policy::default();
        policy.token.human_time = HumanTime::ZERO;
        policy.token.work = WorkBits::NONE;
        let gate = Gate::builder()
            .keys(keys.clone())
            .store(MemoryStore::builder().capacity(1_000_000).build())
            .transport(ScriptedTransport::new().0)
            .brand("Example")
            .origin("example.com")
            .countries([Region::DE])
            .daily_budget(Money::dollars(20))
            .clock(ManualClock::new(NOW))
            .clock_unchecked_danger()
            .policy(policy)
            .single_gate()
            .build()
            .unwrap();
        let client = ClientContext::from_peer([192, 0, 2, 7].into(), "session-1");
        let ticket = gate.preflight(&Purpose::SIGN_UP, &client).unwrap();
        let proof = ticket.answer("+4915112345678").unwrap().to_string();
        let number = Recipient::parse("+4915112345678", None).unwrap();
        let billing = CallerId::new("billing").unwrap();
        let until = NOW + Duration::from_secs(86_400);
        let key = CallerKey::mint(&billing, "otp.example.com", until, &keys, NOW).unwrap();
        let others = [
            "",
            " ",
            "short",
            &key.expose_text(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            &"A".repeat(43),
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "bk_eu1_0123456789",
            include_str!("../../tests/data/rfc9500_rsa2048.pem"),
        ];
        let known = READERS.map(|read| others.map(read).concat()).to_vec();
        House { keys, gate, proof, number, client, known }
    })
}

fuzz_target!(|input: (u8, &str)| {
    let (kind, text) = input;
    match usize::from(kind) % 21 {
        0 => caller_key(text),
        1 => peppers(text),
        2 => path_token(text),
        3 => record(text),
        4 => device(text),
        5 => address(text, redis),
        6 => address(text, postgres),
        kind => {
            let (read, known) = (kind % READERS.len(), &house().known);
            silent(text, &READERS[read](text), &known[read]);
        }
    }
});

fn caller_key(text: &str) {
    let house = house();
    silent(text, &READERS[0](text), &house.known[0]);
    let Ok(key) = CallerKey::from_text(text) else { return };
    let written = key.expose_text();
    assert_eq!(*written, text.trim());
    let again = CallerKey::from_text(&written).unwrap();
    assert_eq!((again.id(), again.expires()), (key.id(), key.expires()));
    let request = CallerRequest { realm: "default", purpose: "sign-up", recipient: &house.number };
    let signed = key.sign(&request, &SeededEntropy::new(1), NOW);
    assert_eq!(signed.is_ok(), NOW < key.expires());
}

fn peppers(text: &str) {
    let known = &house().known;
    silent(text, &READERS[1](text), &known[1]);
    silent(text, &READERS[2](text), &known[2]);
    let taken = Pepper::from_text(text).is_ok();
    assert_eq!(KeyRing::from_text(text).is_ok(), taken);
    assert!(!taken || text.trim().len() == 43);
}

fn path_token(text: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let token = PathToken::new(text);
    assert_eq!(token.is_some(), text.len() >= 22 && text.bytes().all(plain));
    let other = PathToken::new("pX3cJ9mB0vQe7LkT2nWs5A").unwrap();
    let known = format!("{other:?}");
    assert_eq!(other.or(text).is_some(), token.is_some());
    let Some(token) = token else { return };
    silent(text, &format!("{token:?} {:?}", SecretText::new(text)), &known);
    for start in ["/sms/", "https://hooks.example.com/"] {
        assert!(
            token.ends(&format!("{start}{text}")) && token.ends(&format!("{start}{text}?a=/b"))
        );
        assert!(!token.ends(&format!("{start}{text}/")) && !token.ends(&format!("{start}?{text}")));
    }
}

/// A record that no gate has made tells nothing and does nothing.
fn record(text: &str) {
    let record = SendRecord::from_text(text);
    assert_eq!(record.as_str(), text);
    let error = house().gate.receipt(&record, DeliveryStatus::Delivered).unwrap_err();
    silent(text, &format!("{record:?}"), "SendRecord([sealed])");
    silent(text, &whole(&error), &whole(&otpgate::RecordError));
}

/// A cookie that nobody signed counts as none: it opens no lane, and refuses nobody.
fn device(text: &str) {
    let House { keys, gate, proof, number, client, .. } = house();
    let error = DeviceProof::check(text, &Pseudonym::from_bytes([1; 16]), keys, NOW).unwrap_err();
    let others = [
        DeviceError::Malformed,
        DeviceError::UnknownKey,
        DeviceError::Forged,
        DeviceError::IssuedInFuture,
        DeviceError::Expired,
    ];
    silent(text, &whole(&error), &others.map(|error| whole(&error)).concat());
    let client = client.clone().device_proof(text);
    let cleared = block_on(gate.clear(proof, number, &Purpose::SIGN_UP, &client)).unwrap();
    assert!(matches!(cleared, Cleared::Passed(_)), "{cleared:?}");
}

/// Where the stores stand: what every error may name.
const PLACE: &str = "db.internal";

/// `check` of a password that stands in an address as it is, or escaped by half.
fn address(text: &str, check: fn(&str, &str, &str)) {
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (user, password, rest) = (line(), line(), line());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // Somebody who has the border wrong in the user cannot be told from somebody who has not.
    if user.bytes().all(plain) && password.len() >= PIECE {
        check(user, password, rest);
    }
}

/// A password that moves no border: what would be called with it has nothing from a password.
const HARMLESS: &str = "x";

/// The address is refused in words that repeat nothing of it, or what would be called names no
/// piece of the password. Nobody is called: the second address is refused before the first is
/// tried.
fn redis(user: &str, password: &str, rest: &str) {
    let socket = "/run/redis.sock";
    let addresses = |password: &str| {
        [
            format!("redis://{user}:{password}@{PLACE}:6379{rest}"),
            format!("valkey://{user}:{password}@{PLACE}{rest}"),
            format!("redis+unix://{socket}?user={user}&pass={password}{rest}"),
            format!("unix://{socket}?db=0&pass={password}{rest}"),
        ]
    };
    // From where it is taken on, every error names what the client takes for the address.
    let called = |url: &str| {
        let info = url.into_connection_info().ok()?;
        Some(match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
            ConnectionAddr::Unix(path) => path.display().to_string(),
            _ => String::new(),
        })
    };
    let refused = |first: &str, second: &str| {
        let error = block_on(RedisStore::cluster([first, second])).unwrap_err();
        whole(&error)
    };
    // An `@` behind the host, and no address at all: their errors differ.
    let bad = ["redis://me:a/b@db.internal", "no address"];
    let own = bad.map(|bad| refused(bad, bad));
    for (url, harmless) in addresses(password).into_iter().zip(addresses(HARMLESS)) {
        let found = bad.map(|bad| refused(&url, bad));
        found.iter().for_each(|error| silent(password, error, &own.concat()));
        if found == own {
            // Where the password cuts off what follows, only the other address may be a bad one.
            let known = called(&harmless).unwrap_or_default().to_lowercase() + socket + PLACE;
            let named = called(&url).unwrap().to_lowercase();
            silent(&password.to_lowercase(), &named, &known);
        }
    }
}

/// As [`redis`]. What would be called if the address were taken is only looked at: there is nobody
/// to call.
fn postgres(user: &str, password: &str, rest: &str) {
    let addresses = |password: &str| {
        [
            format!("postgres://{user}:{password}@{PLACE}:5432/codes{rest}"),
            format!("postgresql://{user}:{password}@{PLACE}{rest}"),
            format!("host={PLACE} user='{user}' password={password} {rest}"),
            format!("host={PLACE} password='{password}' user='{user}'{rest}"),
        ]
    };
    let called = |url: &str| {
        let config = url.parse::<Config>().ok()?;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        Some(hosts.collect::<Vec<_>>().join(","))
    };
    // Without quotes a blank ends the value, and what follows is an option like any other.
    let pairs = !password.contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '\\'));
    let taken = if pairs { 4 } else { 2 };
    let known = whole(&block_on(PostgresStore::connect("x://y")).unwrap_err())
        + &whole(&block_on(PostgresStore::connect("postgres://a@b@c")).unwrap_err());
    for (url, harmless) in addresses(password).into_iter().zip(addresses(HARMLESS)).take(taken) {
        let moved = called(&url).is_none_or(|hosts| {
            let own = called(&harmless).unwrap_or_default() + PLACE;
            pieces(password).iter().any(|piece| hosts.contains(piece) && !own.contains(piece))
        });
        // An address that is taken would be called, for which there is no runtime here: a panic.
        if moved {
            let error = block_on(PostgresStore::connect(&url)).unwrap_err();
            silent(password, &whole(&error), &known);
        }
    }
}
