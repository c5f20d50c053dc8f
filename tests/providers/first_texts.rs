//! A host's first text that fails: what the examples print then, word for word, and what the operator of
//! a gate hears.

use crate::adapter::{Adapter, client};
use crate::first_text::{FirstText, setting, show_failure};
use support::http_server::{LocalServer, Play};

/// Three people's numbers, and what no error may tell of them.
const NUMBERS: [&str; 3] = ["+4915112345671", "+4915112345672", "+4915112345673"];
const DIGITS: &str = "1511234567";

/// Wrong credentials, an unknown sender, a host that cannot be reached: the text that an example's `main`
/// prints, through a whole gate.
pub async fn says_what_to_do(adapter: Adapter) {
    let server = LocalServer::plain();
    // A kept connection may die unnoticed when the port closes, and then the text is in doubt.
    server.keep_alive(false);
    let host = FirstText::through((adapter.make)(server.base_url(), client())).unwrap();
    let secrets: Vec<&str> = adapter.secrets.iter().copied().chain([DIGITS]).collect();

    server.always(Play::Answer((adapter.refused_account)()));
    let failed = host.send(NUMBERS[0]).await;
    let shown = failed.as_ref().unwrap_err().to_string();
    let rows = adapter.errors.iter().filter(|row| row.alert && shown.contains(row.meaning));
    let remedies: Vec<&str> = rows.map(|row| row.remedy).collect();
    let [remedy, ..] = remedies[..] else { panic!("no cause: {shown}") };
    assert!(
        ["key", "token", "password", "credentials"].iter().any(|word| remedy.contains(word)),
        "no word of the credentials: {remedy}"
    );
    show_failure(failed, adapter.name, remedy, &secrets).unwrap();

    // The row of the sender alone; where the provider has none, that of a request it does not accept.
    let about = |text: &str| text.contains("sender");
    let rows: Vec<_> = adapter.errors.iter().filter(|row| about(row.remedy)).collect();
    let alone = rows.iter().find(|row| row.alert && about(row.meaning));
    let row = alone.or(rows.first()).unwrap();
    server.always(Play::Answer((adapter.error)(row)));
    let failed = host.send(NUMBERS[1]).await;
    assert!(failed.as_ref().unwrap_err().to_string().contains(row.meaning), "{}", row.code);
    show_failure(failed, adapter.name, row.remedy, &secrets).unwrap();

    server.listen(false);
    let failed = host.send(NUMBERS[2]).await;
    let remedy = "check that this host reaches 127.0.0.1";
    show_failure(failed, adapter.name, remedy, &secrets).unwrap();
}

#[test]
fn a_setting_that_is_missing_is_named() {
    let error = setting("OTPGATE_NEVER_SET").unwrap_err().to_string();
    assert_eq!(error, "set OTPGATE_NEVER_SET, or run with --local");
}

/// What stays so until somebody acts is told, whether the text was not sent, refused or is in doubt;
/// what is about one number or one moment is not.
#[cfg(feature = "twilio")]
#[tokio::test]
async fn what_only_an_operator_can_mend_is_told() {
    use otpgate::transport::twilio::{Account, Sender, Twilio};
    use otpgate::{Cleared, EventKind, OutagePart, Purpose, Sent};

    use support::http_server::Answer;
    use support::{House, client as person, small};

    let says = |status, code| {
        Play::Answer(Answer::json(status, format!(r#"{{"code":{code},"status":{status}}}"#)))
    };
    let away = Answer::new(307).with("location", "https://elsewhere.example/");
    for (play, told) in [
        (says(401, 20003), Some("error 20003")),
        (says(400, 21605), Some("error 21605")),
        (Play::Answer(away), Some("a redirect (HTTP 307)")),
        (says(429, 20429), None),
        (says(400, 21211), None),
        (Play::Answer(Answer::new(500)), None),
    ] {
        let server = LocalServer::plain();
        server.always(play);
        let account = Account::with_token(format!("AC{:032}", 0), "token").unwrap();
        let twilio = Twilio::builder(account, Sender::from_number("+15550101")).client(client());
        let twilio = twilio.base_url(server.base_url()).build().unwrap();
        let house = House::lab_with(|builder| builder.store(small()).transport(twilio));
        let cleared = house.clear(NUMBERS[0], &Purpose::SIGN_UP, &person(7)).await;
        let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        let sent = house.gate.issue(clearance).await;
        let events = house.log.events();
        let heard: Vec<&str> = events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Outage { part: OutagePart::Provider, what } => Some(&**what),
                _ => None,
            })
            .collect();
        match told {
            None => assert!(heard.is_empty(), "{heard:?}"),
            Some(cause) => {
                assert_eq!(heard.len(), 1, "{cause}: {heard:?}");
                assert!(heard[0].starts_with("twilio: ") && heard[0].contains(cause), "{heard:?}");
                assert!(!heard[0].contains(DIGITS), "{heard:?}");
            }
        }
        if let Ok(Sent::Refused(refusal)) = sent {
            assert_eq!(refusal.cause().and_then(|error| error.provider()), Some("twilio"));
        }
    }
}

/// A key that was revoked is told although the next provider takes every text: else nobody would learn
/// of it before that one fails too.
#[cfg(feature = "twilio")]
#[tokio::test]
async fn a_provider_that_was_passed_over_is_told_of() {
    use otpgate::transport::twilio::{Account, Sender, Twilio};
    use otpgate::transport::{FailOver, HandoffErrorKind};
    use otpgate::{Cleared, EventKind, OutagePart, Purpose, Sent};

    use support::http_server::Answer;
    use support::{House, client as person, small};

    for (status, code, told) in [(401, 20003, 2), (400, 21408, 1), (429, 20429, 0)] {
        let server = LocalServer::plain();
        let body = format!(r#"{{"code":{code},"status":{status}}}"#);
        server.always(Play::Answer(Answer::json(status, body)));
        let account = Account::with_token(format!("AC{:032}", 0), "token").unwrap();
        let twilio = Twilio::builder(account, Sender::from_number("+15550101")).client(client());
        let twilio = twilio.base_url(server.base_url()).build().unwrap();
        let (second, outbox) = otpgate::testing::ScriptedTransport::new();
        // A fail-over in a fail-over forgets nobody either.
        let transport = FailOver::new(FailOver::new(twilio).then(second));
        let house = House::lab_with(|builder| builder.store(small()).transport(transport));
        let cleared = house.clear(NUMBERS[0], &Purpose::SIGN_UP, &person(7)).await;
        let Cleared::Passed(clearance) = cleared else { panic!("{cleared:?}") };
        if code == 20003 {
            // Nor where the next one refuses the number.
            outbox.reply(otpgate::testing::Reply::Refused);
            let cleared = house.clear(NUMBERS[1], &Purpose::SIGN_UP, &person(8)).await;
            let Cleared::Passed(other) = cleared else { panic!("{cleared:?}") };
            assert!(matches!(house.gate.issue(other).await, Ok(Sent::Refused(_))));
        }
        let Ok(Sent::Issued(issued)) = house.gate.issue(clearance).await else { panic!("{code}") };
        assert_eq!(outbox.delivered().len(), 1, "{code}");
        let passed_over = issued.handoff().unwrap().passed_over();
        let kinds: Vec<_> = passed_over.iter().map(|error| error.kind()).collect();
        assert_eq!(kinds, [HandoffErrorKind::NotSent], "{code}");
        let events = house.log.events();
        let outage = |kind: &EventKind| match kind {
            EventKind::Outage { part: OutagePart::Provider, what } => Some(what.clone()),
            _ => None,
        };
        let heard: Vec<_> = events.iter().filter_map(|event| outage(&event.kind)).collect();
        assert_eq!(heard.len(), told, "{code}: {heard:?}");
        assert!(heard.iter().all(|what| what.starts_with("twilio: ")), "{heard:?}");
        assert!(heard.iter().all(|what| !what.contains(DIGITS)), "{heard:?}");
    }
}
