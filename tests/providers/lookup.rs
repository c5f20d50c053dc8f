//! Twilio Lookup: what is asked, and what every kind of answer says of a number.

use std::time::Duration;

use otpgate::http::HttpRequest;
use otpgate::transport::SecretText;
use otpgate::transport::signals::{
    NumberSignals, Signals, SignalsError, SignalsErrorKind, SignalsQuery, SimSwap,
};
use otpgate::transport::twilio::{Account, Lookup};
use otpgate::{LineType, Timestamp};

use crate::adapter::client;
use support::http_server::{Answer, LocalServer, Play};

const SID: &str = "AC00000000000000000000000000000000";
const TOKEN: &str = "invented-auth-token";
const NUMBER: &str = "+447772000001";

const HOUR: Duration = Duration::from_secs(3_600);

fn lookup(server: &LocalServer) -> Lookup {
    let account = Account::with_token(SID, TOKEN).unwrap();
    Lookup::builder(account).client(client()).base_url(server.base_url()).build().unwrap()
}

fn query(sim_swap: bool) -> SignalsQuery {
    SignalsQuery::for_test(NUMBER, sim_swap.then_some(72 * HOUR))
}

/// As documented for both packages.
fn answer(line: &str, swap: &str) -> String {
    format!(
        r#"{{"calling_country_code": "44", "country_code": "GB", "phone_number": "{NUMBER}",
            "national_format": "07772 000001", "valid": true, "validation_errors": [],
            "caller_name": null, "line_type_intelligence": {line}, "sim_swap": {swap},
            "url": "https://lookups.twilio.com/v2/PhoneNumbers/{NUMBER}"}}"#
    )
}

fn line(kind: &str) -> String {
    format!(
        r#"{{"mobile_country_code": "234", "mobile_network_code": "15",
            "carrier_name": "Vodafone UK", "type": "{kind}", "error_code": null}}"#
    )
}

fn swap(date: &str, period: &str, within: &str) -> String {
    format!(
        r#"{{"last_sim_swap": {{"last_sim_swap_date": {date}, "swapped_period": {period},
            "swapped_in_period": {within}}}, "carrier_name": "Vodafone UK",
            "mobile_country_code": "234", "mobile_network_code": "15", "error_code": null}}"#
    )
}

async fn said(body: &str) -> Result<Signals, SignalsError> {
    let server = LocalServer::answering(Answer::json(200, body));
    let answer = lookup(&server).look_up(&query(true)).await;
    assert_eq!(server.seen().len(), 1, "one request for each look-up");
    answer
}

#[tokio::test]
async fn the_request_is_the_documented_one() {
    let server = LocalServer::answering(Answer::json(200, answer(&line("mobile"), "null")));
    lookup(&server).look_up(&query(true)).await.unwrap();
    lookup(&server).look_up(&query(false)).await.unwrap();
    let all = Lookup::builder(Account::with_token(SID, TOKEN).unwrap()).line_status();
    let all = all.client(client()).base_url(server.base_url()).build().unwrap();
    all.look_up(&query(true)).await.unwrap();
    let seen = server.seen();
    let fields = [
        "line_type_intelligence,sim_swap",
        "line_type_intelligence",
        "line_type_intelligence,sim_swap,line_status",
    ];
    let basic = HttpRequest::get("https://a.example").with_basic_auth(SID, &SecretText::new(TOKEN));
    for (seen, fields) in seen.iter().zip(fields) {
        let target = format!("/v2/PhoneNumbers/{NUMBER}?Fields={fields}");
        assert_eq!((seen.method.as_str(), &seen.target), ("GET", &target));
        assert_eq!(seen.header("authorization"), basic.header("authorization"));
        assert!(seen.body.is_empty());
    }
}

#[tokio::test]
async fn carrier_and_every_kind_of_line_are_read() {
    for (kind, line_type) in [
        ("mobile", Some(LineType::Mobile)),
        ("landline", Some(LineType::FixedLine)),
        ("fixedVoip", Some(LineType::Voip)),
        ("nonFixedVoip", Some(LineType::Voip)),
        ("personal", Some(LineType::PersonalNumber)),
        ("tollFree", Some(LineType::TollFree)),
        ("premium", Some(LineType::PremiumRate)),
        ("sharedCost", Some(LineType::SharedCost)),
        ("uan", Some(LineType::Uan)),
        ("voicemail", Some(LineType::Voicemail)),
        ("pager", Some(LineType::Pager)),
        ("unknown", None),
        ("a kind of next year", None),
    ] {
        let signals = said(&answer(&line(kind), "null")).await.unwrap();
        assert_eq!(signals.line_type, line_type, "{kind}");
        let carrier = signals.carrier.unwrap();
        assert_eq!(
            (carrier.name.as_str(), carrier.network.as_deref()),
            ("Vodafone UK", Some("23415"))
        );
        assert_eq!((signals.sim_swap, signals.reachable, signals.ported), (None, None, None));
    }
}

#[tokio::test]
async fn a_change_of_the_card_is_as_exact_as_the_carrier_tells() {
    let at = SimSwap::At(Timestamp::from_millis(1_604_609_529_000));
    for (body, expected) in [
        (swap(r#""2020-11-05T20:52:09Z""#, r#""PT24H""#, "true"), Some(at)),
        (swap("null", r#""PT24H""#, "true"), Some(SimSwap::Within(24 * HOUR))),
        (swap("null", r#""PT120H""#, "false"), Some(SimSwap::NotWithin(120 * HOUR))),
        (swap("null", "null", "null"), None),
        (swap("null", r#""PT24H""#, "null"), None),
        (swap("null", r#""a day""#, "true"), None),
        (r#"{"last_sim_swap": null, "error_code": null}"#.to_owned(), None),
    ] {
        let signals = said(&answer(&line("mobile"), &body)).await.unwrap();
        assert_eq!(signals.sim_swap, expected, "{body}");
    }
}

/// A carrier or country that is not covered says nothing; any other code is a fault, told with its number.
#[tokio::test]
async fn what_is_not_covered_is_not_known() {
    let package = |code: u64| {
        format!(r#"{{"last_sim_swap": null, "carrier_name": null, "error_code": {code}}}"#)
    };
    for code in [60_008, 60_607, 60_620] {
        let signals = said(&answer(&line("mobile"), &package(code))).await.unwrap();
        assert_eq!((signals.line_type, signals.sim_swap), (Some(LineType::Mobile), None), "{code}");
    }
    for code in [60_601, 60_606, 1] {
        let error = said(&answer(&line("mobile"), &package(code))).await.unwrap_err();
        assert_eq!(error.kind(), SignalsErrorKind::Unknown);
        assert!(error.to_string().contains(&code.to_string()), "{error}");
    }
    let repeated = said(&answer(&line("mobile"), &package(447_400_123_456))).await.unwrap_err();
    assert!(!repeated.to_string().contains("4474001"), "what may be the number: {repeated}");
}

#[tokio::test]
async fn a_line_can_be_asked_whether_it_is_reachable() {
    for (status, reachable) in [
        ("reachable", Some(true)),
        ("unreachable", Some(false)),
        ("inactive", Some(false)),
        ("active", None),
        ("unknown", None),
    ] {
        let server = LocalServer::plain();
        let body = format!(
            r#"{{"valid": true, "line_status": {{"status": "{status}", "error_code": null}}}}"#
        );
        server.always(Play::Answer(Answer::json(200, body)));
        let builder = Lookup::builder(Account::with_token(SID, TOKEN).unwrap()).line_status();
        let lookup = builder.client(client()).base_url(server.base_url()).build().unwrap();
        assert_eq!(lookup.look_up(&query(true)).await.unwrap().reachable, reachable, "{status}");
    }
}

/// Whatever goes wrong is an error that knows whether it cost something, and shows neither number nor
/// secret.
#[tokio::test]
async fn every_fault_is_no_answer_and_tells_no_secret() {
    let error = |status: u16, code: u64| {
        let body =
            format!(r#"{{"code": {code}, "message": "{NUMBER} is wrong", "status": {status}}}"#);
        Play::Answer(Answer::json(status, body))
    };
    use SignalsErrorKind::{NotAsked, Unknown};
    let redirect = Answer::new(307).with("location", "http://evil.example/");
    let whole = answer(&line("mobile"), "null");
    for (play, kind) in [
        (error(401, 20_003), NotAsked),
        (error(429, 20_429), NotAsked),
        (error(404, 77_777), Unknown),
        (error(500, 20_003), Unknown),
        (Play::Answer(Answer::html(200)), Unknown),
        (Play::Answer(Answer::html(503)), Unknown),
        (Play::Answer(Answer::json(200, "")), Unknown),
        (Play::Answer(Answer::json(200, "{}")), Unknown),
        (Play::Answer(Answer::json(200, "[1]")), Unknown),
        (Play::Answer(Answer::json(200, &whole[..whole.len() / 2])), Unknown),
        (Play::Answer(redirect), Unknown),
    ] {
        let server = LocalServer::plain();
        server.always(play);
        let lookup = lookup(&server);
        let error = lookup.look_up(&query(true)).await.unwrap_err();
        let shown = format!("{error} {error:?} {lookup:?}");
        assert_eq!(error.kind(), kind, "{shown}");
        assert_eq!(server.seen().len(), 1, "{shown}");
        for secret in [TOKEN, "QUMwMDAw", "7772000001", "evil"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(!error.to_string().contains("text"), "{shown}");
    }
    let server = LocalServer::plain();
    server.listen(false);
    let error = lookup(&server).look_up(&query(true)).await.unwrap_err();
    assert_eq!(error.kind(), NotAsked, "{error}");
}
