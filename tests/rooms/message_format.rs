//! The sentences that the documentation of `otpgate::message` promises, held against it from outside.

use std::num::NonZeroU8;

use otpgate::SystemEntropy;
use otpgate::message::{
    AppHash, Brand, Encoding, EncodingPolicy, Language, MessageFormat, MessageFormatBuilder,
    MessageFormatError, Messages, Misread, OriginHost, OutboundText, RenderError, RenderFields,
    Template, parse_origin_bound,
};
use otpgate::otp::{Amount, Binding, CodeFormat, Passcode, Payee, SubmittedCode};
use proptest::prelude::*;

const LONGEST_BRAND: &str = "A brand that has thirty letter";

fn brand(text: &str) -> Brand {
    Brand::new(text).unwrap()
}

fn language(tag: &str) -> Language {
    Language::new(tag).unwrap()
}

fn template(text: &str) -> Template {
    Template::compile(text).unwrap()
}

fn host(text: &str) -> OriginHost {
    OriginHost::new(text).unwrap()
}

fn code() -> Passcode {
    Passcode::draw(&CodeFormat::default(), &SystemEntropy).unwrap()
}

fn payment(number: &str, payee: &str) -> Binding {
    Binding::transaction(Amount::new(number, "EUR").unwrap(), Payee::new(payee).unwrap())
}

fn only(text: &str) -> MessageFormatBuilder {
    let messages = Messages::new(language("en"), template(text)).unwrap();
    MessageFormat::builder(brand("Example")).messages(messages)
}

fn segments(limit: u8) -> NonZeroU8 {
    NonZeroU8::new(limit).unwrap()
}

fn render(
    format: &MessageFormat,
    tag: &str,
    code: &Passcode,
    binding: &Binding,
) -> Result<OutboundText, RenderError> {
    format.render(&RenderFields { language: &language(tag), code, binding, minutes: 5 })
}

#[test]
fn every_built_in_text_fits_one_segment_with_the_longest_brand() {
    assert_eq!(LONGEST_BRAND.len(), 30);
    for codes in [CodeFormat::default(), CodeFormat::unambiguous(6).unwrap()] {
        let format = MessageFormat::builder(brand(LONGEST_BRAND)).codes(codes).transactions();
        let format = format.build().unwrap();
        for tag in ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id"] {
            let code = Passcode::draw(&codes, &SystemEntropy).unwrap();
            let longest = payment("888888888888.888", &"x".repeat(35));
            for binding in [Binding::none(), longest] {
                let text = render(&format, tag, &code, &binding).unwrap();
                assert_eq!(text.segments().encoding, Encoding::Gsm7);
                assert_eq!(text.segments().count, 1, "{tag}");
            }
        }
    }
}

#[test]
fn every_built_in_text_fits_one_segment_with_an_origin_line() {
    let plain = MessageFormat::builder(brand(LONGEST_BRAND)).origin(host("login.example.com"));
    plain.build().unwrap();
    let both = MessageFormat::builder(brand("Example")).origin(host("example.com")).transactions();
    both.build().unwrap();
}

#[test]
fn whoever_pastes_a_whole_text_has_entered_its_code() {
    let line = || OriginHost::new("login.example.com").unwrap();
    let hash = AppHash::new("FA+9qCX9VSu").unwrap();
    for codes in [CodeFormat::default(), CodeFormat::digits(8).unwrap()] {
        let builder = || MessageFormat::builder(brand("Example")).codes(codes);
        for format in [builder(), builder().origin(line()), builder().app_hash(hash.clone())] {
            let format = format.build().unwrap();
            for tag in ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id"] {
                let code = Passcode::draw(&codes, &SystemEntropy).unwrap();
                let text = render(&format, tag, &code, &Binding::none()).unwrap();
                let read = SubmittedCode::parse(text.expose_text(), &codes).unwrap();
                assert_eq!(read.expose_secret(), code.expose_secret(), "{}", text.expose_text());
            }
        }
    }
}

/// A plus sign that ends a name begins no telephone number.
#[test]
fn a_brand_may_end_with_a_plus_sign() {
    for name in ["Canal+", "Disney+", "C++", "A1+", "E*TRADE", "P!nk*"] {
        let built = MessageFormat::builder(brand(name)).transactions().build();
        assert_eq!(built.err(), None, "{name}");
    }
    for text in ["Canal+: 123456", "ЛитРес+ 123456", "ديزني+: 123456", "迪士尼+：123456"]
    {
        let read = SubmittedCode::parse(text, &CodeFormat::default());
        assert_eq!(read.unwrap().expose_secret(), "123456", "{text}");
    }
    for text in ["Call +123456", "tel:+123456", "(+12) 3456", "4+ 123456"] {
        assert!(SubmittedCode::parse(text, &CodeFormat::default()).is_err(), "{text}");
    }
}

#[test]
fn a_text_that_nobody_can_paste_is_refused_at_the_build() {
    let pasted = |built: Result<MessageFormat, MessageFormatError>| {
        matches!(built, Err(MessageFormatError::Misread { reason: Misread::Pasted, .. }))
    };
    for text in ["{code} {minutes} min left", "{code} 24 h", "54 - {code}", "{minutes}-{code}"] {
        assert!(pasted(only(text).build()), "{text}");
    }
    // Only with one of the two lengths of `{minutes}`.
    assert!(pasted(only("{code}: 123 45 {minutes}").codes(CodeFormat::digits(7).unwrap()).build()));
    let studio = MessageFormat::builder(brand("Studio 54"));
    let text = Messages::new(language("en"), template("{brand} {code}")).unwrap();
    assert!(pasted(studio.messages(text).build()));
    assert!(only("{code}, {minutes} min left").build().is_ok());
    let payments = |text| {
        let messages = Messages::new(language("en"), template("{code}")).unwrap();
        let messages = messages.with_transaction(language("en"), template(text)).unwrap();
        MessageFormat::builder(brand("Example")).messages(messages).transactions().build()
    };
    assert!(pasted(payments("Pay {payee} {amount}: 12 {code}")));
    assert!(payments("Pay {amount} to {payee}: {code}").is_ok());
}

#[test]
fn the_text_of_a_payment_shows_amount_and_payee() {
    let format = MessageFormat::builder(brand("Example")).transactions().build().unwrap();
    let code = code();
    let text = render(&format, "en-GB", &code, &payment("1250.00", "Haus & Grund")).unwrap();
    let expected = format!(
        "{} is your Example code to pay EUR 1 250.00 to Haus & Grund. Never share it.",
        code.expose_secret()
    );
    assert_eq!(text.expose_text(), expected);
    // Bound to something that is not a payment: the plain text.
    let custom = Binding::custom("email-change", b"new@example.com").unwrap();
    assert!(!render(&format, "en", &code, &custom).unwrap().expose_text().contains("pay"));
}

#[test]
fn a_payment_is_never_sent_without_what_is_paid() {
    let plain = MessageFormat::builder(brand("Example")).build().unwrap();
    let refused = render(&plain, "en", &code(), &payment("1.00", "Bob")).unwrap_err();
    assert_eq!(refused, RenderError::NoTransactions);
    let lacking = only("{code}").transactions().build().unwrap_err();
    assert_eq!(lacking, MessageFormatError::NoTransactionTemplate { language: language("en") });
}

#[test]
fn the_two_last_lines_exclude_each_other() {
    let hash = AppHash::new("FA+9qCX9VSu").unwrap();
    let both = only("{code}").origin(host("example.com")).app_hash(hash.clone()).build();
    let error = both.unwrap_err();
    assert_eq!(error, MessageFormatError::OriginAndAppHash);
    assert!(error.to_string().contains("@host #code") && error.to_string().contains("app hash"));
    let alone = only("{code}").embedded(host("pay.example")).build().unwrap_err();
    assert_eq!(alone, MessageFormatError::EmbeddedAlone);

    let code = code();
    let app = only("{code} is it").app_hash(hash.clone()).build().unwrap();
    let text = render(&app, "en", &code, &Binding::none()).unwrap();
    assert_eq!(text.expose_text(), format!("{} is it\nFA+9qCX9VSu", code.expose_secret()));

    let long = format!("{{code}} {}", "x".repeat(122));
    let fits = long.trim_end_matches('x').to_owned() + &"x".repeat(121);
    assert!(only(&fits).app_hash(hash.clone()).build().is_ok());
    assert_eq!(
        only(&long).app_hash(hash).build().unwrap_err(),
        MessageFormatError::TooLongForApp { language: language("en"), bytes: 141 }
    );
}

/// What Chrome finds in a text (`content/browser/sms/sms_parser.cc`): the first match of
/// `(?:^|\s)@([a-zA-Z0-9.-]+) #([^#\s]+)(?: @([a-zA-Z0-9.-]+))?`.
fn as_chrome(text: &str) -> Option<(&str, &str, Option<&str>)> {
    fn run(text: &str, fits: impl Fn(char) -> bool) -> Option<(&str, &str)> {
        let end = text.find(|c| !fits(c)).unwrap_or(text.len());
        (end > 0).then(|| text.split_at(end))
    }
    let of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    text.match_indices('@').find_map(|(at, _)| {
        let (before, line) = text.split_at(at);
        if before.chars().next_back().is_some_and(|c| !c.is_ascii_whitespace()) {
            return None;
        }
        let (host, rest) = run(&line[1..], of_host)?;
        let (code, rest) = run(rest.strip_prefix(" #")?, |c| c != '#' && !c.is_ascii_whitespace())?;
        let frame = rest.strip_prefix(" @").and_then(|rest| run(rest, of_host));
        Some((host, code, frame.map(|(frame, _)| frame)))
    })
}

#[test]
fn frames_are_named_behind_the_code() {
    let page = || only("{code}").origin(host("example.com"));
    let code = code();
    let framed = Some(("example.com", code.expose_secret(), Some("pay.example")));
    for (format, chrome) in [
        (page().embedded(host("pay.example")), framed),
        // Chrome offers it to the page around the frame.
        (
            page().embedded_as_apple(host("pay.example")),
            framed.map(|(host, code, _)| (host, code, None)),
        ),
    ] {
        let text = render(&format.build().unwrap(), "en", &code, &Binding::none()).unwrap();
        let found = parse_origin_bound(text.expose_text()).unwrap();
        assert_eq!(Some((found.host, found.code, found.embedded)), framed);
        assert_eq!(as_chrome(text.expose_text()), chrome, "{text:?}");
    }
}

#[test]
fn nothing_turns_into_ucs_2_in_silence() {
    for (text, culprit) in [
        ("{code}: don’t share it", "'’' (U+2019)"),
        ("🔒 {code}", "'🔒' (U+1F512)"),
        ("{code}: código", "'ó' (U+00F3)"),
    ] {
        let MessageFormatError::NotGsm { characters, .. } = only(text).build().unwrap_err() else {
            panic!("{text}");
        };
        assert_eq!(characters, culprit);
        let allowed = only(text).encoding(EncodingPolicy::AllowUcs2).build().unwrap();
        let text = render(&allowed, "en", &code(), &Binding::none()).unwrap();
        assert_eq!(text.segments().encoding, Encoding::Ucs2);
    }
    let polish = MessageFormat::builder(brand("Żabka")).build().unwrap_err();
    assert!(polish.to_string().contains("'Ż' (U+017B)"), "{polish}");
}

#[test]
fn a_payee_outside_gsm_7_is_named_or_paid_for() {
    let gsm = MessageFormat::builder(brand("Example")).transactions().build().unwrap();
    let binding = payment("12.50", "Łukasz Żak");
    assert_eq!(
        render(&gsm, "pl", &code(), &binding).unwrap_err(),
        RenderError::NotGsm { characters: "'Ł' (U+0141), 'Ż' (U+017B)".into() }
    );
    let ucs2 = |limit| {
        let format = MessageFormat::builder(brand("Example")).transactions();
        format.encoding(EncodingPolicy::AllowUcs2).max_segments(segments(limit)).build()
    };
    // The longest payee is measured at start, not when somebody pays.
    assert!(matches!(ucs2(1), Err(MessageFormatError::Segments { count: 2, limit: 1, .. })));
    assert_eq!(render(&ucs2(2).unwrap(), "pl", &code(), &binding).unwrap().segments().count, 2);
}

#[test]
fn the_longest_text_must_fit_the_limit_at_start() {
    let text = format!("{{code}} {}", "x".repeat(154));
    assert_eq!(
        only(&text).build().unwrap_err(),
        MessageFormatError::Segments { language: language("en"), count: 2, limit: 1 }
    );
    assert!(only(&text).max_segments(segments(2)).build().is_ok());
    assert!(only(text.strip_suffix('x').unwrap()).build().is_ok());
}

#[test]
fn a_code_of_another_format_and_a_senseless_life_are_refused() {
    let format = only("{code}, {minutes} min").build().unwrap();
    let eight = Passcode::draw(&CodeFormat::digits(8).unwrap(), &SystemEntropy).unwrap();
    let none = Binding::none();
    assert_eq!(render(&format, "en", &eight, &none).unwrap_err(), RenderError::CodeFormat);
    let language = language("en");
    let code = code();
    for minutes in 0..=u8::MAX {
        let fields = RenderFields { language: &language, code: &code, binding: &none, minutes };
        assert_eq!(format.render(&fields).is_ok(), (1..=99).contains(&minutes));
    }
}

#[test]
fn fixed_text_that_looks_like_a_code_is_found_at_start() {
    let letters = CodeFormat::unambiguous(6).unwrap();
    let error = only("{code}: the BCDFGH code").codes(letters).build().unwrap_err();
    assert_eq!(
        error,
        MessageFormatError::Misread { language: language("en"), reason: Misread::Code }
    );
}

#[test]
fn a_finished_text_does_not_print_itself() {
    let code = code();
    let text = render(&only("{code}").build().unwrap(), "en", &code, &Binding::none()).unwrap();
    let shown = format!("{text:?}");
    assert!(!shown.contains(code.expose_secret()) && shown.contains("1 segments"), "{shown}");
}

/// Texts that try to pass for something else.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[ -~]{0,36}",
        "[A-Za-z .,]{0,36}",
        "[A-Z0-9 .@#%{}/\n\r-]{0,36}",
        Just("Bob\n@evil.example #123456".to_owned()),
        Just("{code}".to_owned()),
        Just("Bob. Never share it".to_owned()),
        Just("EUR 1.00 to Eve".to_owned()),
        Just("X\u{202e}654321".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_rendered_text_reads_back_as_exactly_host_and_code(
        label in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", name in "[A-Za-z &.]{1,30}", digits in 6..=10_u8,
    ) {
        let Ok(brand) = Brand::new(&name) else { return Ok(()) };
        let codes = CodeFormat::digits(digits).unwrap();
        let host = host(&format!("{label}.example"));
        let format = MessageFormat::builder(brand).codes(codes).origin(host.clone());
        let Ok(format) = format.max_segments(segments(2)).build() else {
            // The host holds what would be taken for a code.
            let digits_in_host = label.bytes().filter(u8::is_ascii_digit).count();
            prop_assert!(digits_in_host >= digits.into(), "{}", label);
            return Ok(());
        };
        let code = Passcode::draw(&codes, &SystemEntropy).unwrap();
        for tag in ["en", "pt-BR", "tr", "xx"] {
            let text = render(&format, tag, &code, &Binding::none()).unwrap();
            let found = parse_origin_bound(text.expose_text()).unwrap();
            prop_assert_eq!(found.host, host.as_str());
            prop_assert_eq!(found.code, code.expose_secret());
            prop_assert_eq!(found.embedded, None);
            prop_assert_eq!(text.expose_text().matches(code.expose_secret()).count(), 2);
        }
    }

    #[test]
    fn names_are_refused_or_harmless(brand in hostile(), payee in hostile(), whole in 0..10_000_000_u32) {
        let (Ok(brand), Ok(payee)) = (Brand::new(&brand), Payee::new(&payee)) else { return Ok(()) };
        let format = MessageFormat::builder(brand)
            .origin(host("example.com"))
            .transactions()
            .encoding(EncodingPolicy::AllowUcs2)
            .max_segments(segments(4))
            .build()
            .unwrap();
        let code = code();
        let amount = Amount::new(&whole.to_string(), "EUR").unwrap();
        let shown = amount.to_string();
        let binding = Binding::transaction(amount, payee.clone());
        let text = render(&format, "en", &code, &binding).unwrap();
        let (body, last) = text.expose_text().rsplit_once('\n').unwrap();
        prop_assert_eq!(last, format!("@example.com #{}", code.expose_secret()));
        prop_assert!(!body.contains(['\n', '\r', '@', '#']));
        prop_assert!(body.contains(&shown) && body.contains(payee.as_str()));
        let numbers: Vec<&str> = body
            .split(|c: char| !c.is_numeric())
            .filter(|run| run.chars().count() >= 6)
            .collect();
        prop_assert_eq!(numbers, [code.expose_secret()]);
    }

    #[test]
    fn any_template_that_builds_renders_every_code(
        words in "[a-z ,:]{0,20}", more in "[a-zé€ .!-]{0,20}", number in 0..=999_u32,
    ) {
        let text = format!("{words} {number} {{code}} {more} {{brand}}");
        let Ok(template) = Template::compile(&text) else { return Ok(()) };
        let messages = Messages::new(language("en"), template).unwrap();
        let format = MessageFormat::builder(brand("Example")).messages(messages).build();
        if let Ok(format) = format {
            let code = code();
            let text = render(&format, "en", &code, &Binding::none()).unwrap();
            prop_assert!(text.expose_text().contains(code.expose_secret()));
            prop_assert_eq!(text.segments().count, 1);
        }
    }
}
