//! Every human check against a local server that answers as its vendor documents: the published suite,
//! every way in which an answer can go wrong, every documented code, and whom a yes may be for.
mod altcha;
mod docs;
mod vendors;

use std::sync::Mutex;

use async_trait::async_trait;
use otpgate::Timestamp;
use otpgate::http::{BaseUrl, ReqwestClient};
use otpgate::human::{
    CodeMeaning, CodeRow, HumanCheck, HumanCheckError, HumanCheckErrorKind, HumanFailure,
    HumanRequest, HumanResponse, HumanVerdict,
};
use otpgate::testing::human::{Behaviour, Question, Service, conformance};
use otpgate::testing::secrets::Needles;
use otpgate::testing::{Line, Outcome};

use crate::adapter::client;
use support::http_server::{Answer, LocalServer, Play, Seen};

/// 2027-01-15T08:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOST: &str = "shop.example";
const RESPONSE: &str = "invented-response-0001";
const STAMP: &str = "2027-01-15T07:59:30Z";

/// What a vendor says yes to.
#[derive(Clone, Copy)]
struct Yes {
    host: &'static str,
    action: &'static str,
    stamp: &'static str,
    score: &'static str,
}

const YES: Yes = Yes { host: HOST, action: "sign-up", stamp: STAMP, score: "0.9" };

/// One vendor, and how its answers look.
#[derive(Clone, Copy)]
struct Vendor {
    name: &'static str,
    make: fn(BaseUrl, ReqwestClient) -> Box<dyn HumanCheck>,
    yes: fn(Yes) -> String,
    /// The answer with one code of the table.
    no: fn(&str) -> Answer,
    codes: &'static [CodeRow],
    /// Codes for: made up, used before, wrong credentials.
    common: [&'static str; 3],
    has_action: bool,
    has_score: bool,
    secrets: &'static [&'static str],
    /// What the request must say.
    request: fn(&Seen),
}

async fn ask(check: &dyn HumanCheck) -> Result<HumanVerdict, HumanCheckError> {
    let response = HumanResponse::parse(RESPONSE).unwrap();
    check.check(HumanRequest::new(&response, "sign-up", NOW)).await
}

async fn call(vendor: Vendor, play: Play) -> (Result<HumanVerdict, HumanCheckError>, Vec<Seen>) {
    let server = LocalServer::plain();
    server.always(play);
    let check = (vendor.make)(server.base_url(), client());
    let answer = ask(&*check).await;
    (answer, server.seen())
}

fn says(body: impl Into<String>) -> Play {
    Play::Answer(Answer::json(200, body))
}

async fn verdict(vendor: Vendor, yes: Yes) -> HumanVerdict {
    call(vendor, says((vendor.yes)(yes))).await.0.unwrap()
}

struct Stage {
    vendor: Vendor,
    server: LocalServer,
    client: Mutex<Option<ReqwestClient>>,
}

#[async_trait]
impl Service for Stage {
    fn check(&self) -> Box<dyn HumanCheck> {
        (self.vendor.make)(self.server.base_url(), self.client.lock().unwrap().take().unwrap())
    }

    fn question(&self) -> Question {
        Question::new([RESPONSE, "invented-response-0002"], "sign-up", NOW, self.vendor.secrets)
    }

    async fn behave(&self, behaviour: Behaviour) -> bool {
        let Vendor { yes, no, common: [script, spent, account], has_action, .. } = self.vendor;
        self.server.listen(behaviour != Behaviour::Unreachable);
        let longer = "evil-shop.example";
        self.server.always(match behaviour {
            Behaviour::Pass | Behaviour::Unreachable => says(yes(YES)),
            Behaviour::Script => Play::Answer(no(script)),
            Behaviour::Spent => Play::Answer(no(spent)),
            Behaviour::OtherHost => says(yes(Yes { host: "evil.example", ..YES })),
            Behaviour::LongerHost => says(yes(Yes { host: longer, ..YES })),
            Behaviour::OtherAction if has_action => says(yes(Yes { action: "payment", ..YES })),
            Behaviour::Old => says(yes(Yes { stamp: "2027-01-15T06:30:00Z", ..YES })),
            Behaviour::RefuseAccount => Play::Answer(no(account)),
            Behaviour::Throttle => Play::Answer(Answer::new(429).with("retry-after", "5")),
            Behaviour::Fail => Play::Answer(Answer::html(500)),
            Behaviour::Cut => Play::Close,
            Behaviour::Silent => Play::Silent,
            Behaviour::Garble => Play::Answer(Answer::html(200)),
            Behaviour::Empty => Play::Answer(Answer::new(200)),
            Behaviour::SayNothing => says("{}"),
            Behaviour::Truthy => {
                let [success, valid] = [r#""success": true"#, r#""valid": true"#];
                says(
                    yes(YES)
                        .replace(success, r#""success": 1"#)
                        .replace(valid, r#""valid": "true""#),
                )
            }
            Behaviour::Redirect => {
                let away = format!("{}/elsewhere", self.server.base_url().as_str());
                let redirect = Answer::json(307, yes(YES)).with("location", away);
                Play::Answer(redirect)
            }
            _ => return false,
        });
        true
    }

    async fn asked(&self) -> Vec<Vec<u8>> {
        self.server.seen().into_iter().map(|seen| seen.raw).collect()
    }
}

async fn conforms(vendor: Vendor) {
    let make = || async move {
        let server = LocalServer::plain();
        server.keep_alive(false);
        Stage { vendor, server, client: Mutex::new(Some(client())) }
    };
    let report = conformance(make).await;
    report.assert();
    let skipped = |line: &&Line| matches!(line.outcome, Outcome::Skipped(_));
    let skips = report.lines().iter().filter(skipped).count();
    assert_eq!(skips, usize::from(!vendor.has_action), "{report}");
}

/// Nothing but a complete, explicit yes passes, and nothing broken is held against the visitor.
async fn survives_every_fault(vendor: Vendor) {
    let yes = (vendor.yes)(YES);
    let elsewhere = LocalServer::plain();
    elsewhere.always(says(yes.clone()));
    let away = format!("{}/elsewhere", elsewhere.base_url().as_str());
    let redirect = |status| Play::Answer(Answer::new(status).with("location", away.clone()));
    let with_code = match yes.contains("\"error-codes\": []") {
        true => yes.replace("[]", "[\"of-next-year\"]"),
        false => yes.replacen('{', r#"{"error-codes": ["of-next-year"], "#, 1),
    };
    let mut faults = vec![
        ("an empty answer", Play::Answer(Answer::new(200))),
        ("HTML", Play::Answer(Answer::html(200))),
        ("broken JSON", says("{\"success\":true")),
        ("an array", says("[true]")),
        ("a word", says("true")),
        ("null", says(r#"{"success": null, "tokenProperties": {"valid": null}}"#)),
        ("a word for yes", says(yes.replace("true", "\"true\""))),
        ("a yes with HTTP 201", Play::Answer(Answer::json(201, yes.clone()))),
        ("a yes with HTTP 400", Play::Answer(Answer::json(400, yes.clone()))),
        ("a yes with HTTP 500", Play::Answer(Answer::json(500, yes.clone()))),
        ("a truncated yes", Play::Truncate(Answer::json(200, yes.clone()))),
        ("a yes that stalls", Play::Stall(Answer::json(200, yes.clone()))),
        ("a yes too large", says(yes.clone() + &" ".repeat(100_000))),
        ("a reset", Play::Reset),
        ("a close", Play::Close),
        ("502", Play::Answer(Answer::html(502))),
        ("301", redirect(301)),
        ("302", redirect(302)),
        ("303", redirect(303)),
        ("307", redirect(307)),
        ("308", redirect(308)),
        ("no time", says(yes.replace(STAMP, ""))),
        ("a time of another form", says(yes.replace(STAMP, "Fri, 15 Jan 2027 07:59:30 GMT"))),
        ("a time that is a number", says(yes.replace(&format!("\"{STAMP}\""), "1799999970"))),
    ];
    if yes.contains("\"success\"") && !yes.contains("\"data\"") {
        faults.push(("a yes with a code", says(with_code)));
    }
    if vendor.has_score {
        faults.push(("no score", says(yes.replace("\"score\"", "\"sc\""))));
        for odd in ["\"0.9\"", "1.5", "-0.1", "null", "[0.9]"] {
            faults.push(("an odd score", says(yes.replace(YES.score, odd))));
        }
    }
    for (fault, play) in faults {
        let (answer, seen) = call(vendor, play).await;
        let error = answer.expect_err(fault);
        assert_ne!(error.kind(), HumanCheckErrorKind::NotConfigured, "{fault}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with(vendor.name), "{fault}: {source}");
        assert_eq!(seen.len(), 1, "{fault}: questions");
    }
    assert_eq!(elsewhere.connections(), 0, "the secret went to another host");
    // A slow yes is a yes.
    let (answer, _) = call(vendor, Play::Dribble(Answer::json(200, yes))).await;
    assert!(matches!(answer, Ok(HumanVerdict::Passed(_))), "{answer:?}");
}

/// Each row of the table, as the vendor words it, and a code of next year.
async fn knows_every_code(vendor: Vendor) {
    for row in vendor.codes {
        let (answer, seen) = call(vendor, Play::Answer((vendor.no)(row.code))).await;
        match row.means {
            CodeMeaning::Failed(failure) => {
                let failed = matches!(answer, Ok(HumanVerdict::Failed(seen)) if seen == failure);
                assert!(failed, "{}: {answer:?}", row.code);
            }
            CodeMeaning::Error(kind) => {
                let error = answer.expect_err(row.code);
                assert_eq!(error.kind(), kind, "{}", row.code);
                let source = std::error::Error::source(&error).unwrap().to_string();
                for part in [vendor.name, row.code, row.says, row.remedy] {
                    assert!(!part.is_empty() && source.contains(part), "{source}");
                }
            }
        }
        assert_eq!(seen.len(), 1, "{}: questions", row.code);
        // A server that fails has judged nobody.
        let failed = Answer { status: 500, ..(vendor.no)(row.code) };
        let (answer, _) = call(vendor, Play::Answer(failed)).await;
        assert!(answer.is_err(), "{} with HTTP 500", row.code);
    }
    let mut codes: Vec<_> = vendor.codes.iter().map(|row| row.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), vendor.codes.len(), "a code stands twice");
    // What a code of next year means, nobody knows; that it is no yes is certain.
    let (answer, _) = call(vendor, Play::Answer((vendor.no)("of-next-year"))).await;
    assert!(!matches!(answer, Ok(HumanVerdict::Passed(_))), "{answer:?}");
}

/// Whom a yes is for.
async fn is_not_fooled(vendor: Vendor) {
    let failed = |failure| HumanVerdict::Failed(failure);
    let upper = Yes { host: "SHOP.example", ..YES };
    assert!(matches!(verdict(vendor, YES).await, HumanVerdict::Passed(_)));
    assert!(matches!(verdict(vendor, upper).await, HumanVerdict::Passed(_)), "case is no name");
    for host in [
        "",
        "evil.example",
        "evil-shop.example",
        "www.shop.example",
        "shop.example.evil.example",
        "shop.example.",
        "shop.example:8443",
        " shop.example",
        "example",
        "sh\u{f6}p.example",
    ] {
        let verdict = verdict(vendor, Yes { host, ..YES }).await;
        assert_eq!(verdict, failed(HumanFailure::WrongSite), "{host:?}");
    }
    for (stamp, passes) in [
        ("2027-01-15T08:00:00Z", true),
        ("2027-01-15T07:54:00.000Z", true), // five minutes, and one for clocks that differ
        ("2027-01-15T07:53:59Z", false),
        ("2027-01-15T08:01:00+00:00", true),
        ("2027-01-15T08:01:01Z", false), // from the future
        ("1999-01-15T08:00:00Z", false),
    ] {
        let verdict = verdict(vendor, Yes { stamp, ..YES }).await;
        assert_eq!(matches!(verdict, HumanVerdict::Passed(_)), passes, "{stamp}");
        if !passes {
            assert_eq!(verdict, failed(HumanFailure::Spent), "{stamp}");
        }
    }
    if vendor.has_action {
        for action in ["", "payment", "sign-up ", "SIGN-UP", "sign-up-2", "sign", "sign/up"] {
            let verdict = verdict(vendor, Yes { action, ..YES }).await;
            assert_eq!(verdict, failed(HumanFailure::WrongSite), "{action:?}");
        }
    }
    if vendor.has_score {
        for (score, passes) in [("0.0", false), ("0.3", false), ("0.49", false), ("0.5", true)] {
            let verdict = verdict(vendor, Yes { score, ..YES }).await;
            assert_eq!(matches!(verdict, HumanVerdict::Passed(_)), passes, "{score}");
        }
    }
}

/// The question is the documented one, and the client's address goes along only if the host says so.
async fn asks_as_documented(vendor: Vendor) {
    let (answer, seen) = call(vendor, says((vendor.yes)(YES))).await;
    assert!(matches!(answer, Ok(HumanVerdict::Passed(_))), "{answer:?}");
    let [seen] = &seen[..] else { panic!("one question") };
    assert_eq!(seen.method, "POST");
    (vendor.request)(seen);
}

/// Neither response nor secret in anything that a log could show, also if the vendor repeats them.
async fn keeps_secrets(vendor: Vendor) {
    let mut needles = Needles::new();
    needles.key("the response", RESPONSE.as_bytes());
    for secret in vendor.secrets {
        needles.key("a secret", secret.as_bytes());
    }
    let echo = format!("{RESPONSE} {}", vendor.secrets.join(" "));
    let mut answers: Vec<Answer> = vendor.codes.iter().map(|row| (vendor.no)(row.code)).collect();
    answers.extend([
        (vendor.no)(&echo),
        (vendor.no)(RESPONSE),
        Answer::new(403).body(echo.clone()),
    ]);
    answers.extend(
        [200, 400, 500].map(|status| Answer::json(status, format!("{{\"a\":\"{echo}\"}}"))),
    );
    for answer in answers {
        let server = LocalServer::answering(answer);
        let check = (vendor.make)(server.base_url(), client());
        let said = ask(&*check).await;
        if let Err(error) = &said {
            assert_eq!(needles.scan_error(error), [], "{error}");
        }
        assert_eq!(needles.scan(format!("{check:?} {check:#?} {said:?}")), []);
    }
}

/// The tests of one vendor.
macro_rules! vendor_tests {
    ($vendor:expr) => {
        #[tokio::test]
        async fn conforms() {
            $crate::human::conforms($vendor).await;
        }

        #[tokio::test]
        async fn survives_every_fault_with_one_question() {
            $crate::human::survives_every_fault($vendor).await;
        }

        #[tokio::test]
        async fn every_documented_code_is_known() {
            $crate::human::knows_every_code($vendor).await;
        }

        #[tokio::test]
        async fn a_yes_for_others_does_not_pass() {
            $crate::human::is_not_fooled($vendor).await;
        }

        #[tokio::test]
        async fn the_question_is_the_documented_one() {
            $crate::human::asks_as_documented($vendor).await;
        }

        #[tokio::test]
        async fn no_error_and_no_debug_shows_a_secret() {
            $crate::human::keeps_secrets($vendor).await;
        }
    };
}
use vendor_tests;
