//! What serde reads: policies from JSON and TOML, and a host's own form with a code in it.

use std::time::Duration;

use otpgate::access::{Actor, Draft, Effect, Reason, Target};
use otpgate::message::{Language, Registration, Registrations};
use otpgate::policy::Policy;
use otpgate::{Channel, Clock, Money, Region, StepUpMeans};

#[path = "../support/shop.rs"]
#[allow(unreachable_pub, reason = "examples of the documentation include it")]
mod shop;

#[test]
fn the_default_policy_survives_its_text_form() {
    let text = serde_json::to_string(&Policy::default()).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), Policy::default());
}

#[test]
fn a_file_names_only_what_it_changes() {
    let policy: Policy = toml::from_str(
        "[code]\nlife = \"2m\"\nattempts = 3\nformat = \"8 digits\"\n[budget]\nmessage = 0.25\n\
         [budget.countries]\nDE = 100\n[[quotas.country]]\nmax = 500\nper = \"1h\"\n\
         [mode.purposes]\nlog-in = \"observe\"\n",
    )
    .unwrap();
    assert_eq!(policy.code.life, Duration::from_secs(120));
    assert_eq!(policy.budget.message, Money::cents(25));
    assert_eq!(policy.budget.countries.get(&Region::DE), Some(&Money::dollars(100)));
    assert_eq!(policy.quotas.country.len(), 1);
    assert_eq!(policy.interval, Policy::default().interval);
    assert!(policy.check().is_ok());
}

#[test]
fn mistakes_are_named() {
    for (text, named) in [
        ("[code]\nlive = \"2m\"", "unknown field `live`"),
        ("[code]\nlife = \"2 weeks\"", "a duration"),
        ("[code]\nlife = -1", "a duration"),
        ("[code]\nformat = \"4 digits\"", "4"),
        ("[budget]\nmessage = \"lots\"", "US dollars"),
        ("[budget.countries]\nUK = 1", "UK"),
        ("[token]\nwork = 40", "40"),
        ("[token]\nlife = \"1h\"", "10 minutes"),
    ] {
        let error = toml::from_str::<Policy>(text).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn channels_and_test_numbers_are_part_of_the_file() {
    let policy: Policy = toml::from_str(
        "[test]\nnumbers = 3\n[[fallback.steps]]\nfrom = \"sms\"\nto = \"voice\"\nundelivered = true\n\
         [[fallback.steps]]\nfrom = \"voice\"\nto = \"whatsapp\"\nafter = \"never\"\nundelivered = true\nmost = 2\n",
    )
    .unwrap();
    assert!(policy.check().is_ok());
    let [call, chat] = policy.fallback.steps.as_slice() else { panic!("two steps") };
    assert_eq!(
        (call.to, call.after, call.sends),
        (Channel::Voice, Some(Duration::from_secs(60)), 1)
    );
    assert_eq!((chat.from, chat.after, chat.most), (Channel::Voice, None, 2));
    assert_eq!(policy.test.numbers, 3);
    let back = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&back).unwrap(), policy, "{back}");
    for (text, named) in [
        ("[[fallback.steps]]\nfrom = \"sms\"\nto = \"fax\"", "fax"),
        ("[[fallback.steps]]\nfrom = \"sms\"\nto = \"voice\"\nafter = \"soon\"", "never"),
        ("[test]\nnumber = 1", "unknown field `number`"),
    ] {
        let error = toml::from_str::<Policy>(text).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    let email = "[[fallback.steps]]\nfrom = \"sms\"\nto = \"email\"";
    let refused = toml::from_str::<Policy>(email).unwrap().check().unwrap_err().to_string();
    assert!(refused.contains("fallback.email_danger"), "{refused}");
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Registered {
    registrations: Registrations,
}

#[test]
fn registrations_are_a_list_of_tables() {
    let text = "[[registrations]]\ncountry = \"IN\"\nlanguage = \"en\"\nentity = \"1201\"\n\
                template = \"1107\"\ntext = \"{#numeric#} is your code.\"\nsender = \"EXMPLE\"\n\
                [[registrations]]\ncountry = \"US\"\ncampaign = \"CABC123\"\n";
    let read: Registered = toml::from_str(text).unwrap();
    let dlt = Registration::dlt("1201", "1107", "{#numeric#} is your code.").unwrap();
    let expected = Registrations::new()
        .with(Region::IN, Language::new("en").unwrap(), dlt.sender("EXMPLE"))
        .unwrap()
        .in_region(Region::US, Registration::campaign("CABC123"))
        .unwrap();
    assert_eq!(read.registrations, expected);
    let written = serde_json::to_string(&read).unwrap();
    let back: Registered = serde_json::from_str(&written).unwrap();
    assert_eq!(back.registrations, expected, "{written}");
    for (row, named) in [
        ("country = \"IN\"\nlanguage = \"en\"\ntemplate = \"1107\"", "go together"),
        ("country = \"IN\"\nlanguage = \"x\"\ncampaign = \"C\"", "not a tag"),
        ("country = \"IN\"\ntemplate = \"1\"\ntext = \"{#var#}\"", "names no language"),
        ("country = \"IN\"\ncampaign = \"C\"\nheader = \"H\"", "unknown field `header`"),
        ("country = \"SG\"\nsender = \"My Shop\"", "a registered sender"),
    ] {
        let file = format!("[[registrations]]\n{row}\n");
        let error = toml::from_str::<Registered>(&file).err().unwrap().to_string();
        assert!(error.contains(named), "{row}: {error}");
    }
}

/// What a form that is read by serde makes of a code that is no text: nothing that reaches the gate.
#[test]
fn a_code_that_is_no_text_is_no_form() {
    #[derive(serde::Deserialize)]
    struct Form {
        code: String,
    }
    for json in ["null", "[]", "[1,2,3]", "[\"123456\"]", "123456", "1e5", "{}", "true"] {
        let read = serde_json::from_str::<Form>(&format!("{{\"code\":{json}}}"));
        assert!(read.is_err(), "{json}");
    }
    assert!(serde_json::from_str::<Form>("{}").is_err());
    let form: Form = serde_json::from_str("{\"code\":\"123456\"}").unwrap();
    assert_eq!(form.code, "123456");
}

#[test]
fn a_number_without_a_quota_is_said_at_the_check() {
    let check = |text| toml::from_str::<Policy>(text).unwrap().check();
    let error = check("[quotas]\nnumber = []").unwrap_err().to_string();
    assert!(error.contains("`quotas.number` is an empty list"), "{error}");
    assert!(error.contains("out of reach"), "{error}");
    assert!(check("[quotas]\nsession = []").is_ok());
    assert!(check("[[quotas.number]]\nmax = 1000000\nper = \"1d\"").is_ok());
}

#[test]
fn a_step_up_reads_as_a_page_wants_it() {
    for (means, text) in [
        (StepUpMeans::Work { bits: 17 }, r#"{"kind":"work","bits":17}"#),
        (StepUpMeans::Human, r#"{"kind":"human"}"#),
    ] {
        assert_eq!(serde_json::to_string(&means).unwrap(), text);
        assert_eq!(serde_json::from_str::<StepUpMeans>(text).unwrap(), means);
    }
}

#[test]
fn a_snapshot_and_its_controls_read_as_an_operator_wants_them_and_show_no_number() {
    shop::open(async |shop| {
        let why = || Reason::new("provider maintenance").unwrap();
        let ada = || Actor::new("ada").unwrap();
        shop.grant().await;
        let until = shop.clock.now() + Duration::from_secs(3_600);
        let controls = shop.gate.controls();
        let number = shop.gate.controls().number(&shop.recipient);
        for (target, effect) in [
            (Target::Prefix("+49151".parse()?), Effect::Allow),
            (Target::Network("203.0.113.0/24".parse()?), Effect::Block),
            (number, Effect::Block),
        ] {
            controls.enter_draft(Draft::new(target, effect, why(), ada())?.until(until)).await?;
        }
        let snapshot = serde_json::to_value(shop.gate.snapshot().await?)?;
        assert_eq!(snapshot["requests"], 1);
        assert_eq!(snapshot["daily_budget"], "50.000000");
        assert_eq!(
            (&snapshot["realm"], &snapshot["global"]),
            (&"default".into(), &serde_json::Value::Null)
        );
        assert_eq!(snapshot["countries"][0]["region"], "DE");
        assert_eq!(snapshot["countries"][0]["conversion_percent"], 0);
        let control = &snapshot["controls"][0];
        assert_eq!((&control["target"], &control["value"]), (&"prefix".into(), &"+49151".into()));
        assert_eq!((&control["effect"], &control["actor"]), (&"allow".into(), &"ada".into()));
        assert_eq!(control["until_ms"], until.as_millis());
        assert_eq!(snapshot["controls"][1]["value"], "203.0.113.0/24");
        assert_eq!(snapshot["controls"][2]["target"], "number");
        assert_eq!(snapshot["controls"][2]["value"].as_str().map(str::len), Some(22));
        let text = snapshot.to_string();
        assert!(!text.contains("15112345678") && !text.contains(&shop.code()), "{text}");
        Ok(())
    });
}
