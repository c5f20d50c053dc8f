//! [`EndUserMessaging`]: `SendTextMessage` of AWS End User Messaging (`sms-voice`, version 2).

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::sign::Signer;
use super::{Account, ERRORS, NAME, dollars};
use crate::base::money::Money;
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};
use crate::recipient::Region;
use crate::transport::json::{Object, at, pick, text, text_at, tree};
use crate::transport::{
    AdapterError, Handoff, HandoffError, OutboundSms, ProviderApi, Senders, SmsTransport,
};

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender(Option<String>);

impl Sender {
    /// Whatever the account has for the recipient's country.
    #[must_use]
    pub fn of_account() -> Self {
        Self(None)
    }

    /// An origination identity: a number, a sender ID, a pool, or the ARN of one. Resources that
    /// another account shares need the ARN.
    #[must_use]
    pub fn identity(identity: impl Into<String>) -> Self {
        Self(Some(identity.into()))
    }
}

/// An [`SmsTransport`] through AWS End User Messaging. See the [module](super).
#[derive(Debug)]
pub struct EndUserMessaging {
    api: ProviderApi,
    base: BaseUrl,
    signer: Signer,
    account: Credentials<Account>,
    senders: Senders<Sender>,
    options: Options,
}

#[derive(Clone, Default, Debug)]
struct Options {
    configuration_set: Option<String>,
    protect_configuration: Option<String>,
    max_price: Option<String>,
    time_to_live: Option<u64>,
}

impl EndUserMessaging {
    /// A transport for `account` in an AWS region such as `eu-central-1` that sends as `senders`: one
    /// sender for all countries, or [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        aws_region: impl Into<String>,
        senders: impl Into<Senders<Sender>>,
    ) -> EndUserMessagingBuilder {
        EndUserMessagingBuilder {
            account: account.into(),
            region: aws_region.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            max_price: None,
            time_to_live: None,
            options: Options::default(),
        }
    }

    /// Asks AWS whether it would take a text to `number`, in E.164, from the sender for all countries:
    /// whether credentials, permissions, sender and country are right. Nothing is sent and nothing
    /// charged (`DryRun`). AWS answers five checks a second.
    ///
    /// # Errors
    ///
    /// The [`HandoffError`] that the text would have had.
    ///
    /// ```no_run
    /// # async fn example(aws: otpgate::transport::aws::EndUserMessaging) {
    /// // AWS's own number for simulated deliveries in the US.
    /// if let Err(error) = aws.check("+14254147755").await {
    ///     eprintln!("{error}"); // aws: error UnrecognizedClientException, …; check the access key
    /// }
    /// # }
    /// ```
    pub async fn check(&self, number: &str) -> Result<(), HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let sender = self.senders.of(None).0.as_deref();
        let body = self.body(number, "Test", sender).flag("DryRun");
        let response = self.send(&account, body).await?;
        match serde_json::from_slice(response.body()) {
            _ if response.status() != 200 => Err(self.rejected(&response)),
            Ok(Value::Object(_)) => Ok(()),
            _ => Err(self.api.unreadable()),
        }
    }

    fn body(&self, number: &str, text: &str, sender: Option<&str>) -> Object {
        Object::new()
            .text("DestinationPhoneNumber", number)
            .text_if("OriginationIdentity", sender)
            .text("MessageBody", text)
            .text("MessageType", "TRANSACTIONAL")
            .text_if("ConfigurationSetName", self.options.configuration_set.as_deref())
            .text_if("ProtectConfigurationId", self.options.protect_configuration.as_deref())
            .text_if("MaxPrice", self.options.max_price.as_deref())
            .number_if("TimeToLive", self.options.time_to_live)
    }

    async fn send(&self, account: &Account, body: Object) -> Result<HttpResponse, HandoffError> {
        let request = HttpRequest::post(self.base.join("/"))
            .with_header("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage")
            .with_body("application/x-amz-json-1.0", body.finish());
        self.api.send(self.signer.sign(&self.base, account, request)?).await
    }

    fn rejected(&self, response: &HttpResponse) -> HandoffError {
        let body = tree(response.body());
        let named = text_at(&body, "/__type").or_else(|| response.header("x-amzn-errortype"));
        self.api.rejected(response, named.map(|named| code(named, &body)).as_deref())
    }
}

/// The row's code: the exception, its reason if the table has it, and the field if it has that.
fn code(named: &str, body: &Value) -> String {
    // `com.amazonaws.…#ConflictException` in the body, `ConflictException:http://…` in the header.
    let exception = named.rsplit('#').next().unwrap_or_default();
    let exception = exception.split(':').next().unwrap_or_default();
    let known = |code: &String| ERRORS.iter().any(|row| row.code == code);
    let reason = text_at(body, "/Reason").map(|reason| format!("{exception}/{reason}"));
    let fields = at(body, "/Fields").as_array().into_iter().flatten();
    let with_field = |reason: &String| {
        let mut names = fields.filter_map(|field| text_at(field, "/Name"));
        names.find_map(|name| Some(format!("{reason}/{name}")).filter(known))
    };
    let precise = reason.as_ref().and_then(with_field);
    precise.or(reason.filter(known)).unwrap_or_else(|| exception.to_owned())
}

/// Entity and template of India's DLT, the only ones that AWS takes with a text.
fn country_parameters(sms: &OutboundSms) -> Option<Object> {
    let registration = sms.registration().filter(|_| sms.region() == Some(Region::IN))?;
    let (entity, template) = (registration.entity_id(), registration.template_id()?);
    Some(Object::new().text_if("IN_ENTITY_ID", entity).text("IN_TEMPLATE_ID", template))
}

#[async_trait]
impl SmsTransport for EndUserMessaging {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let own = || self.senders.of(sms.region()).0.as_deref();
        let sender = sms.registered_sender().or_else(own);
        let mut body = self.body(sms.expose_number(), sms.expose_text(), sender);
        if let Some(registered) = country_parameters(sms) {
            body = body.object("DestinationCountryParameters", registered);
        }
        if self.options.configuration_set.is_some() {
            // Events carry it: whose text it was, before the identifier is known.
            let key = Object::new().text("otpgate", sms.callback_key().as_str());
            body = body.object("Context", key);
        }
        let response = self.send(&account, body).await?;
        if response.status() != 200 {
            return Err(self.rejected(&response));
        }
        let [id] = pick(response.body(), ["/MessageId"]);
        self.api.accepted(text(&id))
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.account).map(drop)
    }
}

/// Settings of an [`EndUserMessaging`] transport.
pub struct EndUserMessagingBuilder {
    account: Credentials<Account>,
    region: String,
    senders: Senders<Sender>,
    wiring: Wiring,
    max_price: Option<Money>,
    time_to_live: Option<Duration>,
    options: Options,
}

impl EndUserMessagingBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another address of the service: a VPC endpoint, a FIPS endpoint, or a test server on \
         this machine."
    );
    wiring!(clock);

    /// The configuration set, by name or ARN. Its event destinations say what became of each text.
    #[must_use]
    pub fn configuration_set(mut self, name: impl Into<String>) -> Self {
        self.options.configuration_set = Some(name.into());
        self
    }

    /// The protect configuration, by identifier or ARN, in place of the account's own: countries and
    /// numbers that AWS itself keeps texts from.
    #[must_use]
    pub fn protect_configuration(mut self, id: impl Into<String>) -> Self {
        self.options.protect_configuration = Some(id.into());
        self
    }

    /// AWS refuses a text that would cost more: 0.00001 to 99.99999 dollars.
    #[must_use]
    pub fn max_price(mut self, price: Money) -> Self {
        self.max_price = Some(price);
        self
    }

    /// How long AWS may hold the text back before it fails it: 5 seconds to 72 hours, which is AWS's
    /// default. A code that has expired is not worth its price.
    #[must_use]
    pub fn time_to_live(mut self, span: Duration) -> Self {
        self.time_to_live = Some(span);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the region, a sender or a setting is not of the form that AWS documents, or
    /// the HTTP client could not be made.
    pub fn build(self) -> Result<EndUserMessaging, AdapterError> {
        let identity = |sender: &Sender| sender.0.as_deref().is_none_or(|id| is_name(id, b"_:/+-"));
        if !self.senders.iter().all(identity) {
            let problem = "the sender is a number, a sender ID, a pool or an ARN";
            return Err(AdapterError::new(NAME, problem));
        }
        let sets = [&self.options.configuration_set, &self.options.protect_configuration];
        if !sets.into_iter().flatten().all(|name| is_name(name, b"_:/-")) {
            let problem = "a configuration is its name, its identifier or its ARN";
            return Err(AdapterError::new(NAME, problem));
        }
        if self.time_to_live.is_some_and(|span| !(5..=259_200).contains(&span.as_secs())) {
            return Err(AdapterError::new(NAME, "the time to live is 5 seconds to 72 hours"));
        }
        let clock = self.wiring.clock();
        let signer = Signer::new(NAME, "sms-voice", self.region, clock)?;
        Ok(EndUserMessaging {
            api: ProviderApi::with_default_client(NAME, self.wiring.client, ERRORS)?,
            base: self.wiring.base.map_or_else(|| signer.address(), Ok)?,
            signer,
            account: self.account,
            senders: self.senders,
            options: Options {
                max_price: self.max_price.map(|price| dollars(NAME, price)).transpose()?,
                time_to_live: self.time_to_live.map(|span| span.as_secs()),
                ..self.options
            },
        })
    }
}

/// Letters, digits and `others`, as AWS's model has it.
fn is_name(text: &str, others: &[u8]) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

crate::base::masked::debug_only!(EndUserMessagingBuilder: region, senders);
