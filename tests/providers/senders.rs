//! Sender rules, over all adapters: a country's own sender goes before that of all countries, and a
//! registered one before both. The adapters' own tests say in which field.

use otpgate::http::BaseUrl;
use otpgate::transport::{OutboundSms, Senders};
use otpgate::{Region, SmsTransport};

use crate::adapter::{client, registered, sms};
use crate::http_server::{Answer, LocalServer, Play};

/// A sender for all countries, one for Germany and one for India, of which `registered` has another.
const NAMES: [&str; 3] = ["Everywhere", "Germany", "Indians"];
const ON_FILE: &str = "EXMPLE";

fn senders<S>(make: impl Fn(&'static str) -> S) -> Senders<S> {
    let [everywhere, german, indian] = NAMES.map(make);
    Senders::new(everywhere).in_region(Region::DE, german).in_region(Region::IN, indian)
}

/// Every adapter of the crate with these senders, by its name.
fn adapters(base: &BaseUrl) -> Vec<(&'static str, Box<dyn SmsTransport>)> {
    let mut all: Vec<(&'static str, Box<dyn SmsTransport>)> = Vec::new();
    #[cfg(feature = "aws")]
    {
        use otpgate::transport::aws::{self, Account, EndUserMessaging, Sender, Sns, SnsSender};
        let account = || Account::new("AKIDEXAMPLE", "secret").unwrap();
        let messaging =
            EndUserMessaging::builder(account(), "us-east-1", senders(Sender::identity));
        let messaging = messaging.client(client()).base_url(base.clone()).build().unwrap();
        let sns = Sns::builder(account(), "us-east-1", senders(SnsSender::named));
        let sns = sns.client(client()).base_url(base.clone()).build().unwrap();
        all.push((aws::NAME, Box::new(messaging)));
        all.push((aws::SNS_NAME, Box::new(sns)));
    }
    #[cfg(feature = "bird")]
    {
        use otpgate::transport::bird::{self, ApiKey, Bird, Sender};
        let key = ApiKey::new("bk_eu1_invented").unwrap();
        let bird = Bird::builder(key, senders(Sender::from_name)).client(client());
        all.push((bird::NAME, Box::new(bird.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "esendex")]
    {
        use otpgate::transport::esendex::{self, Account, Esendex, Sender};
        let account = Account::new("EX0000000", "u@example.com", "p").unwrap();
        let esendex = Esendex::builder(account, senders(Sender::named)).client(client());
        all.push((esendex::NAME, Box::new(esendex.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "infobip")]
    {
        use otpgate::transport::infobip::{self, ApiKey, Infobip, Sender};
        let key = ApiKey::new("key").unwrap();
        let infobip = Infobip::builder(key, base.clone(), senders(Sender::from_name));
        all.push((infobip::NAME, Box::new(infobip.client(client()).build().unwrap())));
    }
    #[cfg(feature = "telnyx")]
    {
        use otpgate::transport::telnyx::{self, ApiKey, Sender, Telnyx};
        let profile = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
        let named = senders(|name| Sender::from_name(name, profile));
        let telnyx = Telnyx::builder(ApiKey::new("key").unwrap(), named).client(client());
        all.push((telnyx::NAME, Box::new(telnyx.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "template")]
    {
        use otpgate::http::{CredentialError, SecretText};
        use otpgate::transport::template::{HttpTemplate, HttpTransport};
        let template: HttpTemplate = toml::from_str(
            r#"name = "example"
            [request]
            method = "POST"
            url = "https://api.example.com/v1"
            json = { to = "{number}", from = "{sender}", text = "{text}" }
            [answer]
            success = [200]
            id = "/id""#,
        )
        .unwrap();
        let secrets = |_: &str| Ok::<_, CredentialError>(SecretText::new("secret"));
        let template = HttpTransport::builder(template, secrets).client(client());
        let template = template.base_url(base.clone()).senders(senders(|name| name.to_owned()));
        all.push(("example", Box::new(template.build().unwrap())));
    }
    #[cfg(feature = "twilio")]
    {
        use otpgate::transport::twilio::{self, Account, Sender, Twilio};
        let account = Account::with_token(format!("AC{:032}", 0), "token").unwrap();
        let twilio = Twilio::builder(account, senders(Sender::from_name)).client(client());
        all.push((twilio::NAME, Box::new(twilio.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "vonage")]
    {
        use otpgate::transport::vonage::{self, Account, MessagesApi, Sender, SmsApi};
        let account = || Account::new("abcd1234", "secret").unwrap();
        let sms = SmsApi::builder(account(), senders(Sender::from_name)).client(client());
        let messages = MessagesApi::builder(account(), senders(Sender::from_name)).client(client());
        all.push((vonage::NAME, Box::new(sms.base_url(base.clone()).build().unwrap())));
        let messages = messages.base_url(base.clone()).build().unwrap();
        all.push((vonage::MESSAGES_NAME, Box::new(messages)));
    }
    all
}

#[tokio::test]
async fn every_adapter_sends_as_the_country_and_its_registry_say() {
    let server = LocalServer::plain();
    server.always(Play::Answer(Answer::new(500)));
    let texts = [
        (sms(), NAMES[0]),
        (OutboundSms::for_test("+4915123456789", "text", [2; 16]), NAMES[1]),
        (OutboundSms::for_test("+919876543210", "text", [3; 16]), NAMES[2]),
        (registered(), ON_FILE),
    ];
    let adapters = adapters(&server.base_url());
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
    #[cfg(all(feature = "aws", feature = "bird", feature = "esendex", feature = "infobip"))]
    #[cfg(all(feature = "telnyx", feature = "template", feature = "twilio", feature = "vonage"))]
    assert_eq!(adapters.len(), 10, "an adapter without a row here");
}
