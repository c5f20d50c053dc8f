//! Registered texts: what a carrier would drop is neither built, nor charged, nor handed off.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use otpgate::message::{
    Language, MessageFormat, MessageFormatBuilder, MessageFormatError, Messages, Registration,
    Registrations, Template,
};
use otpgate::otp::{Amount, Binding, Payee};
use otpgate::transport::{Handoff, HandoffError, OutboundSms};
use otpgate::{GateErrorKind, Money, Purpose, Region, Sent, SmsTransport};

use crate::support::{ALICE, House, client};

const INDIAN: &str = "+919876543210";
const REGISTERED: &str =
    "{#numeric#} is your Example code, good for {#numeric#} min.\n@example.com #{#numeric#}";

fn language(tag: &str) -> Language {
    Language::new(tag).unwrap()
}

fn dlt(template: &str, text: &str) -> Registration {
    Registration::dlt("1201159409941345107", template, text).unwrap().sender("EXMPLE")
}

/// English and German, with a last line for browsers.
fn format() -> MessageFormatBuilder {
    let compiled = |text: &str| Template::compile(text).unwrap();
    let messages = Messages::new(
        language("en"),
        compiled("{code} is your {brand} code, good for {minutes} min."),
    )
    .unwrap()
    .with(language("de"), compiled("{code} ist Ihr {brand}-Code, {minutes} Min."))
    .unwrap()
    .with_transaction(language("en"), compiled("{code}: pay {amount} to {payee}."))
    .unwrap();
    MessageFormat::builder("Example").messages(messages).origin("example.com")
}

fn in_india(tag: &str, registration: Registration) -> Registrations {
    Registrations::new().with(Region::IN, language(tag), registration).unwrap()
}

/// Keeps what a provider would be told about each text.
#[derive(Clone, Debug, Default)]
struct Carrier(Arc<Mutex<Vec<Told>>>);

/// Text, template, entity and sender.
type Told = (String, Option<String>, Option<String>, Option<String>);

#[async_trait]
impl SmsTransport for Carrier {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let of = |field: fn(&Registration) -> Option<&str>| {
            sms.registration().and_then(field).map(str::to_owned)
        };
        let told = (
            sms.expose_text().to_owned(),
            of(Registration::template_id),
            of(Registration::entity_id),
            of(Registration::sender_id),
        );
        self.0.lock().unwrap().push(told);
        Ok(Handoff::accepted("message-1"))
    }
}

#[tokio::test]
async fn the_identifiers_travel_with_the_text_of_their_country_and_no_other() {
    let carrier = Carrier::default();
    let message = format().registrations(in_india("en", dlt("1107", REGISTERED))).build().unwrap();
    let told = carrier.clone();
    let house = House::lab_with(|builder| builder.message(message).transport(told));
    for (index, number) in [INDIAN, ALICE].into_iter().enumerate() {
        let sent = house.try_send(number, &client(index as u32 + 1)).await;
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    }
    // A German in India reads English: the other text is registered nowhere.
    let clearance = house.clearance_of("+919876543211", &Purpose::SIGN_UP, &client(3)).await;
    let sent = house.gate.issue(clearance.language(language("de-AT"))).await.unwrap();
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    let told = carrier.0.lock().unwrap().clone();
    assert_eq!(told.len(), 3);
    let entity = Some("1201159409941345107".to_owned());
    for (text, template, own, sender) in [&told[0], &told[2]] {
        assert!(text.contains(" is your Example code, good for 5 min.\n@example.com #"), "{text}");
        assert_eq!((template.as_deref(), own), (Some("1107"), &entity));
        assert_eq!(sender.as_deref(), Some("EXMPLE"));
    }
    assert_eq!((&told[1].1, &told[1].2, &told[1].3), (&None, &None, &None));
}

#[test]
fn a_template_that_differs_from_its_registration_is_not_built() {
    let built = |registrations| format().registrations(registrations).build();
    let position = |registered: &str| match built(in_india("en", dlt("1107", registered))) {
        Err(MessageFormatError::NotAsRegistered { region: Region::IN, position, .. }) => position,
        other => panic!("{registered}: {other:?}"),
    };
    assert!(built(in_india("en", dlt("1107", REGISTERED))).is_ok());
    for (registered, expected) in [
        (REGISTERED.replace(" is ", "  is "), 8),
        (REGISTERED.replace("Example", "example"), 16),
        (REGISTERED.replace("{#numeric#} min", "5 min"), 39),
        (REGISTERED.replace("\n@example.com #{#numeric#}", ""), 45),
        (REGISTERED.replace("#{#numeric#}", "#{#numeric#} "), 66),
        (REGISTERED.replace(" min.", " minutes."), 44),
    ] {
        assert_eq!(position(&registered), expected, "{registered}");
    }
    // Every other reader would fall back to a text that is not registered.
    let german = "{#numeric#} ist Ihr Example-Code, {#numeric#} Min.\n@example.com #{#numeric#}";
    assert!(matches!(
        built(in_india("de", dlt("1108", german))),
        Err(MessageFormatError::NotRegistered { region: Region::IN, payment: false, .. })
    ));
    let both = in_india("en", dlt("1107", REGISTERED));
    let both = both.with(Region::IN, language("de"), dlt("1108", german)).unwrap();
    assert!(built(both.clone()).is_ok());
    // Payments need a text of their own, as soon as there are any.
    assert!(matches!(
        format().registrations(both).transactions().build(),
        Err(MessageFormatError::NotRegistered { payment: true, .. })
    ));
    let unused = in_india("hi", dlt("1109", "{#numeric#} है"));
    assert!(matches!(built(unused), Err(MessageFormatError::UnusedRegistration { .. })));
}

#[tokio::test]
async fn a_text_that_differs_at_send_costs_nothing_and_its_error_names_the_place() {
    let paid =
        "{#numeric#}: pay {#var#} to {#alphanumeric#}{#alphanumeric#}.\n@example.com #{#numeric#}";
    let registrations = in_india("en", dlt("1107", REGISTERED))
        .with_transaction(Region::IN, language("en"), dlt("1108", paid))
        .unwrap();
    let message = format().registrations(registrations).transactions().build().unwrap();
    let house = House::lab_with(|builder| builder.message(message));
    let pay = async |payee: &str, index| {
        let amount = Amount::new("12.50", "EUR").unwrap();
        let binding = Binding::transaction(amount, Payee::new(payee).unwrap());
        let purpose = Purpose::PAYMENT;
        let clearance = house.clearance_of(INDIAN, &purpose, &client(index)).await;
        house.gate.issue(clearance.bind(binding)).await
    };
    let error = pay("Haus & Grund", 1).await.unwrap_err();
    assert_eq!(error.kind(), GateErrorKind::Message);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    // `000000: pay EUR 12.50 to Haus ` is 29 characters and a blank.
    assert!(cause.contains("registered template 1108 at character 30"), "{cause}");
    assert!(!cause.contains("Haus") && !cause.contains("12.50"), "{cause}");
    assert_eq!(house.outbox.handed_off(), 0);
    let now = house.gate.snapshot().await.unwrap();
    assert_eq!((now.sent, now.spent), (0, Money::ZERO));
    // Not even the interval was charged.
    assert!(matches!(pay("HausundGrund", 2).await.unwrap(), Sent::Issued(_)));
    assert_eq!(house.texts(), 1);
}
