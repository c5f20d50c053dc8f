//! [`Sns`]: `Publish` of Amazon SNS to a phone number.

use async_trait::async_trait;
use form_urlencoded::Serializer;

use super::sign::Signer;
use super::{Account, SNS_ERRORS, SNS_NAME, dollars};
use crate::base::money::Money;
use crate::http::{BaseUrl, Credentials, HttpRequest, HttpResponse, Wiring, wiring};
use crate::message::Registration;
use crate::recipient::Region;
use crate::transport::sender::is_name;
use crate::transport::xml::Element;
use crate::transport::{
    AdapterError, Handoff, HandoffError, OutboundSms, ProviderApi, Senders, SmsTransport,
};

/// More than any request, so that the buffer does not move and leave a copy of the text.
const ROOM: usize = 8_192;

/// Who a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnsSender(Form);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Form {
    Account,
    Name(String),
    Number(String),
}

impl SnsSender {
    /// Whatever the account has for the recipient's country.
    #[must_use]
    pub fn of_account() -> Self {
        Self(Form::Account)
    }

    /// A sender ID: 1 to 11 letters, digits and hyphens, one letter at least. Some countries want it
    /// registered, others replace it.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Form::Name(name.into()))
    }

    /// An origination number of the account: in E.164, or a short code.
    #[must_use]
    pub fn from_number(number: impl Into<String>) -> Self {
        Self(Form::Number(number.into()))
    }

    /// Name and value of the message attribute.
    fn attribute(&self) -> Option<(&'static str, &str)> {
        match &self.0 {
            Form::Account => None,
            Form::Name(name) => Some(("AWS.SNS.SMS.SenderID", name)),
            Form::Number(number) => Some(("AWS.MM.SMS.OriginationNumber", number)),
        }
    }

    fn check(&self) -> Result<(), AdapterError> {
        let problem = match &self.0 {
            Form::Name(name) if !is_name(name, b"-") => {
                "the sender ID is 1 to 11 letters, digits and hyphens, one letter at least"
            }
            Form::Number(number)
                if !(3..=15).contains(&number.trim_start_matches('+').len())
                    || !number
                        .strip_prefix('+')
                        .unwrap_or(number)
                        .bytes()
                        .all(|byte| byte.is_ascii_digit()) =>
            {
                "the sender's number is digits, with + before it unless it is a short code"
            }
            _ => return Ok(()),
        };
        Err(AdapterError::new(SNS_NAME, problem))
    }
}

/// An [`SmsTransport`] through Amazon SNS. See the [module](super).
#[derive(Debug)]
pub struct Sns {
    api: ProviderApi,
    base: BaseUrl,
    signer: Signer,
    account: Credentials<Account>,
    senders: Senders<SnsSender>,
    max_price: Option<String>,
}

impl Sns {
    /// A transport for `account` in an AWS region such as `eu-central-1` that sends as `senders`: one
    /// sender for all countries, or [`Senders`] with some of their own.
    #[must_use]
    pub fn builder(
        account: impl Into<Credentials<Account>>,
        aws_region: impl Into<String>,
        senders: impl Into<Senders<SnsSender>>,
    ) -> SnsBuilder {
        SnsBuilder {
            account: account.into(),
            region: aws_region.into(),
            senders: senders.into(),
            wiring: Wiring::default(),
            max_price: None,
        }
    }

    fn body(&self, sms: &OutboundSms) -> String {
        let mut form = Serializer::new(String::with_capacity(ROOM));
        form.append_pair("Action", "Publish");
        form.append_pair("Version", "2010-03-31");
        form.append_pair("PhoneNumber", sms.expose_number());
        form.append_pair("Message", sms.expose_text());
        let own = || self.senders.of(sms.region()).attribute();
        let sender = sms.registered_sender().map(registered).or_else(own);
        let on_file = sms.registration().filter(|_| sms.region() == Some(Region::IN));
        let entity =
            on_file.and_then(Registration::entity_id).map(|id| ("AWS.MM.SMS.EntityId", id));
        let template =
            on_file.and_then(Registration::template_id).map(|id| ("AWS.MM.SMS.TemplateId", id));
        let price = self.max_price.as_deref().map(|price| ("AWS.SNS.SMS.MaxPrice", price));
        let kind = ("AWS.SNS.SMS.SMSType", "Transactional");
        let attributes = [Some(kind), sender, price, entity, template].into_iter().flatten();
        for (place, (name, value)) in (1..).zip(attributes) {
            let entry = format!("MessageAttributes.entry.{place}");
            // AWS documents the price as a number and everything else as a text.
            let is_price = name.ends_with("MaxPrice");
            let data_type = if is_price { "Number" } else { "String" };
            form.append_pair(&format!("{entry}.Name"), name);
            form.append_pair(&format!("{entry}.Value.DataType"), data_type);
            form.append_pair(&format!("{entry}.Value.StringValue"), value);
        }
        form.finish()
    }

    fn read(&self, response: &HttpResponse) -> Result<Handoff, HandoffError> {
        let root = Element::parse(response.body());
        if response.status() != 200 {
            let error = root.as_ref().and_then(|root| root.child("Error"));
            return Err(self.api.rejected(response, error.and_then(|error| error.text_of("Code"))));
        }
        let answer = root.filter(|root| root.name() == "PublishResponse");
        let result = answer.as_ref().and_then(|answer| answer.child("PublishResult"));
        self.api.accepted(result.and_then(|result| result.text_of("MessageId")))
    }
}

/// The attribute of a registered sender: a name or a number.
fn registered(sender: &str) -> (&'static str, &str) {
    let named = sender.bytes().any(|byte| byte.is_ascii_alphabetic());
    (if named { "AWS.SNS.SMS.SenderID" } else { "AWS.MM.SMS.OriginationNumber" }, sender)
}

#[async_trait]
impl SmsTransport for Sns {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let account = self.api.credentials(&self.account)?;
        let request = HttpRequest::post(self.base.join("/"))
            .with_body("application/x-www-form-urlencoded; charset=utf-8", self.body(sms));
        let response = self.api.send(self.signer.sign(&self.base, &account, request)?).await?;
        self.read(&response)
    }

    async fn ready(&self) -> Result<(), HandoffError> {
        self.api.credentials(&self.account).map(drop)
    }
}

/// Settings of an [`Sns`] transport.
pub struct SnsBuilder {
    account: Credentials<Account>,
    region: String,
    senders: Senders<SnsSender>,
    wiring: Wiring,
    max_price: Option<Money>,
}

impl SnsBuilder {
    wiring!(client);
    wiring!(
        base_url:
        "Another address of the service: a VPC endpoint, a FIPS endpoint, or a test server on \
         this machine."
    );
    wiring!(clock);

    /// AWS does not send a text that would cost more: 0.00001 to 99.99999 dollars. SNS accepts it all
    /// the same, and says so in its log only.
    #[must_use]
    pub fn max_price(mut self, price: Money) -> Self {
        self.max_price = Some(price);
        self
    }

    /// The transport.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the region, a sender or the price is not of the form that AWS documents, or
    /// the HTTP client could not be made.
    pub fn build(self) -> Result<Sns, AdapterError> {
        for sender in self.senders.iter() {
            sender.check()?;
        }
        let clock = self.wiring.clock();
        let signer = Signer::new(SNS_NAME, "sns", self.region, clock)?;
        Ok(Sns {
            api: ProviderApi::with_default_client(SNS_NAME, self.wiring.client, SNS_ERRORS)?,
            base: self.wiring.base.map_or_else(|| signer.address(), Ok)?,
            signer,
            account: self.account,
            senders: self.senders,
            max_price: self.max_price.map(|price| dollars(SNS_NAME, price)).transpose()?,
        })
    }
}

crate::base::masked::debug_only!(SnsBuilder: region, senders);
