//! What serde reads: policies from JSON and TOML, and a host's own form with a code in it.

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use otpgate::policy::Policy;
use otpgate::{Money, Region};

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
