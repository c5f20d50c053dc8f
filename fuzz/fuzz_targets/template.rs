//! Templates, brands and hosts of an operator: no panic, and a text that reads back or none. What a
//! format was built for it fills in, whatever the code; a payment's text says what is paid, and to
//! whom.
//!
//! A line each: the template, the brand, the host, the host of a frame, the payee, the amount, its
//! currency, the minutes, and how: `u` allows UCS-2 in four segments, `l` draws codes of letters,
//! `a` ends the text with an app's hash in place of the host, `n` with nothing.
#![no_main]

use std::num::NonZeroU8;

use libfuzzer_sys::fuzz_target;
use otpgate::message::{
    AppHash, Encoding, EncodingPolicy, Field, Language, MessageFormat, Messages, RegisteredText,
    RenderError, RenderFields, Segments, Template, parse_origin_bound,
};
use otpgate::otp::{Amount, Binding, CodeFormat, Passcode, Payee};
use otpgate::testing::SeededEntropy;

const HASH: &str = "FA+9qCX9VSu";

fuzz_target!(|text: &str| {
    if let Some(bound) = parse_origin_bound(text) {
        assert!(text.contains(bound.code));
    }
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let [source, brand, host, embedded] = [(); 4].map(|()| line());
    let [payee, number, currency, minutes, how] = [(); 5].map(|()| line());
    let Ok(template) = Template::compile(source) else { return };

    let english = Language::new("en").unwrap();
    let pays = template.has(Field::Amount) || template.has(Field::Payee);
    let messages = match pays {
        true => Messages::default().with_transaction(english.clone(), template.clone()),
        false => Messages::new(english.clone(), template.clone()),
    };
    let Ok(messages) = messages else { return };
    let codes = match how.contains('l') {
        true => CodeFormat::unambiguous(8).unwrap(),
        false => CodeFormat::default(),
    };
    let (limit, encoding) = match how.contains('u') {
        true => (4, EncodingPolicy::AllowUcs2),
        false => (1, EncodingPolicy::Gsm7Only),
    };
    let format = MessageFormat::builder(brand).messages(messages).codes(codes).encoding(encoding);
    let format = format.max_segments(NonZeroU8::new(limit).unwrap());
    let format = if pays { format.transactions() } else { format };
    let app = how.contains('a');
    let bare = !app && how.contains('n');
    let format = match (app, bare) {
        (true, _) => format.app_hash(AppHash::new(HASH).unwrap()),
        (false, true) => format,
        (false, false) if embedded.is_empty() => format.origin(host),
        (false, false) if how.contains('p') => format.origin(host).embedded_as_apple(embedded),
        (false, false) => format.origin(host).embedded(embedded),
    };
    let format = match format.build() {
        Ok(format) => format,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };

    let minutes = minutes.parse().unwrap_or(5);
    let code = Passcode::draw(&codes, &SeededEntropy::new(text.len() as u64)).unwrap();
    let paid = Amount::new(number, currency).ok().zip(Payee::new(payee).ok());
    let (amount, binding) = match paid {
        Some((amount, payee)) if pays => (amount.to_string(), Binding::transaction(amount, payee)),
        _ if pays => return,
        _ => (String::new(), Binding::none()),
    };
    let fields = RenderFields { language: &english, code: &code, binding: &binding, minutes };
    let text = match format.render(&fields) {
        Ok(text) => text,
        Err(RenderError::Minutes { .. }) => return assert!(!(1..=99).contains(&minutes)),
        // The one field that was not tried when the format was built.
        Err(RenderError::NotGsm { .. } | RenderError::Segments { .. }) if pays => return,
        Err(error) => panic!("{error}: {source:?}"),
    };

    let (code, said) = (code.expose_secret(), text.expose_text());
    let (body, last) = match bare {
        true => (said, ""),
        false => said.rsplit_once('\n').unwrap(),
    };
    match parse_origin_bound(said) {
        None => assert!(app || bare, "{said:?}"),
        Some(bound) => {
            assert_eq!((bound.host, bound.code), (&*host.to_ascii_lowercase(), code));
            let framed = Some(embedded.to_ascii_lowercase()).filter(|host| !host.is_empty());
            assert_eq!(bound.embedded, framed.as_deref());
        }
    }
    assert!(!app || (last == HASH && said.len() <= AppHash::LONGEST_MESSAGE), "{said:?}");
    assert!(!body.contains(['\n', '\r']), "{said:?}");
    assert_eq!(body.matches(code).count(), 1, "{said:?}");
    for (field, value) in [(Field::Brand, brand), (Field::Amount, &*amount), (Field::Payee, payee)]
    {
        assert!(!template.has(field) || body.contains(value), "{value:?} in {said:?}");
    }
    assert_eq!(Segments::of(said), text.segments());
    assert!(text.segments().count <= usize::from(limit));
    assert!(encoding == EncodingPolicy::AllowUcs2 || text.segments().encoding == Encoding::Gsm7);
    assert!(!format!("{text:?}").contains(code));
    // With the code as its slot it is what a registry could hold.
    if !said.contains("{#") {
        let kind = if how.contains('l') { "{#alphanumeric#}" } else { "{#numeric#}" };
        let registered = RegisteredText::parse(&said.replace(code, kind)).unwrap();
        assert_eq!(registered.first_difference(said), None);
    }
});
