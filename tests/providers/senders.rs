//! Sender rules, over all adapters: a country's own sender goes before that of all countries, and a
//! registered one before both. The adapters' own tests say in which field.

use otpgate::message::Registration;
use otpgate::transport::OutboundSms;

use crate::adapter::{registered, sms};
use crate::every::{As, NAMES, Secret, every, every_as};
use support::http_server::{Answer, LocalServer};

/// The sender that `registered` has on file.
const ON_FILE: &str = "EXMPLE";

#[tokio::test]
async fn every_adapter_sends_as_the_country_and_its_registry_say() {
    let server = LocalServer::answering(Answer::new(500));
    let texts = [
        (sms(), NAMES[0]),
        (OutboundSms::for_test("+4915123456789", "text", [2; 16]), NAMES[1]),
        (OutboundSms::for_test("+919876543210", "text", [3; 16]), NAMES[2]),
        (registered(), ON_FILE),
    ];
    let adapters = every(&server.base_url(), &Secret::new());
    for (name, adapter) in &adapters {
        for (text, sender) in &texts {
            let before = server.seen().len();
            // The server fails: all that counts is what it was asked.
            assert!(adapter.hand_off(text).await.is_err(), "{name}");
            let seen = server.seen();
            assert_eq!(seen.len(), before + 1, "{name}");
            let asked = seen[before].text();
            for one in NAMES.into_iter().chain([ON_FILE]) {
                assert_eq!(asked.contains(one), one == *sender, "{name} as {sender}: {one}");
            }
        }
    }
}

/// However a registered number is written, the provider reads what the adapter's own sender would say.
#[tokio::test]
async fn every_adapter_spells_a_registered_number_as_its_own() {
    const E164: &str = "+447700900123";
    let server = LocalServer::answering(Answer::new(500));
    for given in ["447700900123", E164] {
        let who = As::Number { e164: E164, given };
        for (name, adapter) in every_as(&server.base_url(), &Secret::new(), who) {
            let before = server.seen().len();
            let on_file = sms().with_registration(Registration::sender_only(given));
            for text in [&sms(), &on_file] {
                assert!(adapter.hand_off(text).await.is_err(), "{name}");
            }
            let seen = server.seen();
            let [own, registered] = &seen[before..] else { panic!("{name}: {}", seen.len()) };
            assert!(own.text().contains(&E164[1..]), "{name}: {}", own.text());
            assert_eq!(registered.text(), own.text(), "{name}: {given}");
        }
    }
}
