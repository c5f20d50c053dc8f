//! Every adapter of the crate, with senders by country and a secret that can be changed.

use std::sync::{Arc, Mutex};

use otpgate::http::{BaseUrl, CredentialError, Credentials};
use otpgate::transport::{AdapterError, Senders};
use otpgate::{Region, SmsTransport};

use crate::adapter::client;
use support::http_server::Seen;

/// A sender for all countries, one for Germany and one for India.
pub const NAMES: [&str; 3] = ["Everywhere", "Germany", "Indians"];

/// Who the adapters send as.
#[derive(Clone, Copy)]
pub enum As {
    /// [`NAMES`].
    Names,
    /// One number for all countries: in E.164, and as a host may have written it.
    Number { e164: &'static str, given: &'static str },
}

impl As {
    fn senders<S>(
        self,
        name: impl Fn(&'static str) -> S,
        number: impl Fn(&'static str, &'static str) -> S,
    ) -> Senders<S> {
        match self {
            Self::Names => {
                let [everywhere, german, indian] = NAMES.map(name);
                Senders::new(everywhere).in_region(Region::DE, german).in_region(Region::IN, indian)
            }
            Self::Number { e164, given } => Senders::new(number(e164, given)),
        }
    }
}

/// The secret that all adapters read, now `first`; none while it is empty.
#[derive(Clone)]
pub struct Secret(Arc<Mutex<&'static str>>);

impl Secret {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new("first")))
    }

    pub fn set(&self, secret: &'static str) {
        *self.0.lock().unwrap() = secret;
    }

    fn now(&self) -> Result<&'static str, CredentialError> {
        match *self.0.lock().unwrap() {
            "" => Err(CredentialError::new("the vault is closed")),
            secret => Ok(secret),
        }
    }

    pub fn source<C>(
        &self,
        make: impl Fn(&'static str) -> Result<C, AdapterError> + Send + Sync + 'static,
    ) -> Credentials<C> {
        let source = self.clone();
        Credentials::from_fn(move || make(source.now()?).map_err(CredentialError::new))
    }
}

/// How a request says who sends it. The clocks of all adapters stand still.
pub fn authentication(seen: &Seen) -> String {
    let header = seen.header("authorization").map(str::to_owned);
    header.or_else(|| seen.form("sig")).unwrap()
}

/// Every adapter of the crate, by its name, and each of its ways to authenticate.
pub fn every(base: &BaseUrl, secret: &Secret) -> Vec<(&'static str, Box<dyn SmsTransport>)> {
    every_as(base, secret, As::Names)
}

/// As [`every`], with these senders, each as the adapter's own builder wants it.
pub fn every_as(
    base: &BaseUrl,
    secret: &Secret,
    who: As,
) -> Vec<(&'static str, Box<dyn SmsTransport>)> {
    let mut all: Vec<(&'static str, Box<dyn SmsTransport>)> = Vec::new();
    #[cfg(feature = "aws")]
    {
        use otpgate::testing::ManualClock;
        use otpgate::transport::aws::{self, Account, EndUserMessaging, Sender, Sns, SnsSender};
        let account = || secret.source(|secret| Account::new("AKIDEXAMPLE", secret));
        let messaging = EndUserMessaging::builder(
            account(),
            "us-east-1",
            who.senders(Sender::identity, |e164, _| Sender::identity(e164)),
        );
        let messaging = messaging.client(client()).clock(ManualClock::default());
        let sns = Sns::builder(
            account(),
            "us-east-1",
            who.senders(SnsSender::named, |e164, _| SnsSender::from_number(e164)),
        );
        let sns = sns.client(client()).clock(ManualClock::default());
        all.push((aws::NAME, Box::new(messaging.base_url(base.clone()).build().unwrap())));
        all.push((aws::SNS_NAME, Box::new(sns.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "bird")]
    {
        use otpgate::transport::bird::{self, ApiKey, Bird, Sender};
        let key = secret.source(|secret| ApiKey::new(format!("bk_eu1_{secret}")));
        let bird =
            Bird::builder(key, who.senders(Sender::from_name, |e164, _| Sender::from_number(e164)))
                .client(client());
        all.push((bird::NAME, Box::new(bird.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "esendex")]
    {
        use otpgate::transport::esendex::{self, Account, Esendex, Sender};
        let account = secret.source(|secret| Account::new("EX0000000", "u@example.com", secret));
        let esendex = Esendex::builder(
            account,
            who.senders(Sender::named, |e164, _| Sender::named(&e164[1..])),
        )
        .client(client());
        all.push((esendex::NAME, Box::new(esendex.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "infobip")]
    {
        use otpgate::transport::infobip::{self, ApiKey, Infobip, Sender};
        let key = secret.source(ApiKey::new);
        let infobip = Infobip::builder(
            key,
            base.clone(),
            who.senders(Sender::from_name, |_, given| Sender::from_number(given)),
        );
        all.push((infobip::NAME, Box::new(infobip.client(client()).build().unwrap())));
    }
    #[cfg(feature = "plivo")]
    {
        use otpgate::transport::plivo::{self, Account, Plivo, Sender};
        let account = secret.source(|secret| Account::new("MA000000000000000000", secret));
        let plivo = Plivo::builder(
            account,
            who.senders(Sender::from_name, |e164, _| Sender::from_number(e164)),
        )
        .client(client());
        all.push((plivo::NAME, Box::new(plivo.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "telnyx")]
    {
        use otpgate::transport::telnyx::{self, ApiKey, Sender, Telnyx};
        let profile = "4000eba1-a0c0-4563-9925-b25e842a7cb6";
        let named = who
            .senders(|name| Sender::from_name(name, profile), |e164, _| Sender::from_number(e164));
        let telnyx = Telnyx::builder(secret.source(ApiKey::new), named).client(client());
        all.push((telnyx::NAME, Box::new(telnyx.base_url(base.clone()).build().unwrap())));
    }
    #[cfg(feature = "template")]
    {
        use otpgate::http::SecretText;
        use otpgate::transport::template::{HttpTemplate, HttpTransport};
        let template: HttpTemplate = toml::from_str(
            r#"name = "example"
            [request]
            method = "POST"
            url = "https://api.example.com/v1"
            bearer = "{secret.key}"
            json = { to = "{number}", from = "{sender}", text = "{text}" }
            [answer]
            success = [200]
            id = "/id""#,
        )
        .unwrap();
        let source = secret.clone();
        let secrets = move |_: &str| source.now().map(SecretText::new);
        let template = HttpTransport::builder(template, secrets).client(client());
        let template = template
            .base_url(base.clone())
            .senders(who.senders(|name| name.to_owned(), |_, given| given.to_owned()));
        all.push(("example", Box::new(template.build().unwrap())));
    }
    #[cfg(feature = "twilio")]
    {
        use otpgate::transport::twilio::{self, Account, Sender, Twilio};
        let sid = || format!("AC{:032}", 0);
        let token = secret.source(move |secret| Account::with_token(sid(), secret));
        let key = format!("SK{:032}", 0);
        let key = secret.source(move |secret| Account::with_api_key(sid(), &*key, secret));
        for account in [token, key] {
            let twilio = Twilio::builder(
                account,
                who.senders(Sender::from_name, |e164, _| Sender::from_number(e164)),
            )
            .client(client());
            all.push((twilio::NAME, Box::new(twilio.base_url(base.clone()).build().unwrap())));
        }
    }
    #[cfg(feature = "vonage")]
    {
        use otpgate::testing::ManualClock;
        use otpgate::transport::vonage::{self, Account, Application, MessagesApi, Sender, SmsApi};
        use otpgate::transport::vonage::{SignatureMethod, SigningAccount};
        let account = || secret.source(|secret| Account::new("abcd1234", secret));
        let signing = secret
            .source(|secret| SigningAccount::new("abcd1234", secret, SignatureMethod::HmacSha256));
        // Two applications with one key: a second one takes a second to make.
        let application = secret.source(|secret| {
            let last = if secret == "first" { '1' } else { '2' };
            let id = format!("aaaaaaaa-bbbb-cccc-dddd-00000000000{last}");
            Application::new(id, include_str!("../data/rfc9500_rsa2048.pem"))
        });
        let names = || who.senders(Sender::from_name, |e164, _| Sender::from_number(e164));
        for sms in [SmsApi::builder(account(), names()), SmsApi::builder_signed(signing, names())] {
            let sms = sms.client(client()).clock(ManualClock::default());
            all.push((vonage::NAME, Box::new(sms.base_url(base.clone()).build().unwrap())));
        }
        for messages in [
            MessagesApi::builder(account(), names()),
            MessagesApi::builder_for_application(application, names()),
        ] {
            let messages = messages.client(client()).clock(ManualClock::default());
            let messages = messages.base_url(base.clone()).build().unwrap();
            all.push((vonage::MESSAGES_NAME, Box::new(messages)));
        }
    }
    #[cfg(all(feature = "aws", feature = "bird", feature = "esendex", feature = "infobip"))]
    #[cfg(all(feature = "plivo", feature = "telnyx", feature = "template"))]
    #[cfg(all(feature = "twilio", feature = "vonage"))]
    assert_eq!(all.len(), 14, "an adapter without a row here");
    all
}
