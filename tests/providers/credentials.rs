//! Credentials that change while adapters hold them: each text goes with those of its time, and none goes
//! without.

use otpgate::transport::HandoffErrorKind;

use crate::adapter::sms;
use crate::every::{Secret, authentication, every};
use support::http_server::{Answer, LocalServer};

#[tokio::test]
async fn credentials_rotate_between_two_texts() {
    let server = LocalServer::answering(Answer::new(500));
    let secret = Secret::new();
    for (name, adapter) in every(&server.base_url(), &secret) {
        let before = server.seen().len();
        for now in ["first", "second", "first"] {
            secret.set(now);
            // The server fails: all that counts is what it was asked.
            let error = adapter.hand_off(&sms()).await.unwrap_err();
            assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{name}: {error}");
        }
        adapter.ready().await.unwrap();
        secret.set("");
        let unready = adapter.ready().await.unwrap_err();
        for error in [adapter.hand_off(&sms()).await.unwrap_err(), unready] {
            assert_eq!(error.kind(), HandoffErrorKind::NotSent, "{name}: {error}");
            assert_eq!((error.needs_operator(), error.provider()), (true, Some(name)), "{error}");
        }
        let seen = server.seen();
        let said: Vec<_> = seen[before..].iter().map(authentication).collect();
        let [one, two, again] = &said[..] else { panic!("{name}: {} requests", said.len()) };
        assert_ne!(one, two, "{name} kept the first secret");
        assert_eq!(one, again, "{name}: more than the secret changes");
    }
}

/// What is asked of a network before a text goes out rotates as well.
#[cfg(all(feature = "twilio", feature = "vonage"))]
#[tokio::test]
async fn credentials_rotate_between_two_look_ups() {
    use crate::adapter::client;
    use otpgate::testing::ManualClock;
    use otpgate::transport::signals::{NumberSignals, SignalsErrorKind, SignalsQuery};
    use otpgate::transport::{twilio, vonage};
    const SID: &str = "AC00000000000000000000000000000000";
    const KEY: &str = include_str!("../data/rfc9500_rsa2048.pem");
    let server = LocalServer::answering(Answer::new(500));
    let secret = Secret::new();
    let account = secret.source(|secret| twilio::Account::with_token(SID, secret));
    let lookup = twilio::Lookup::builder(account).client(client()).base_url(server.base_url());
    let application = secret.source(|secret| {
        let second = if secret == "second" { "b" } else { "a" };
        vonage::Application::new(format!("{}-0000-0000-0000-0123456789ab", second.repeat(8)), KEY)
    });
    let insights = vonage::IdentityInsights::builder(application).client(client());
    let insights = insights.clock(ManualClock::default()).base_url(server.base_url());
    let all: [(&str, Box<dyn NumberSignals>); 2] = [
        ("lookup", Box::new(lookup.build().unwrap())),
        ("insights", Box::new(insights.build().unwrap())),
    ];
    let query = SignalsQuery::for_test("+447772000001", None);
    for (name, signals) in all {
        let before = server.seen().len();
        for now in ["first", "second", "first"] {
            secret.set(now);
            let error = signals.look_up(&query).await.unwrap_err();
            assert_eq!(error.kind(), SignalsErrorKind::Unknown, "{name}: {error}");
            signals.ready().await.unwrap();
        }
        secret.set("");
        let error = signals.ready().await.unwrap_err();
        assert_eq!(error.kind(), SignalsErrorKind::NotAsked, "{name}: {error}");
        let error = signals.look_up(&query).await.unwrap_err();
        assert_eq!(error.kind(), SignalsErrorKind::NotAsked, "{name}: {error}");
        let seen = server.seen();
        let said: Vec<_> = seen[before..].iter().map(authentication).collect();
        let [one, two, _] = &said[..] else { panic!("{name}: {} requests", said.len()) };
        assert_ne!(one, two, "{name} kept the first secret");
    }
}
