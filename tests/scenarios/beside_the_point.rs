//! Rules that would hold for no code, and words that would show no payment: a gate is not built with them.

use otpgate::message::MessageFormat;
use otpgate::policy::{FallbackStep, Mode};
use otpgate::pumping::PriceTable;
use otpgate::testing::ScriptedTransport;
use otpgate::{Channel, FallbackChannel, GateBuilder, Policy, Purpose};

use crate::config::parts;

fn named(build: GateBuilder) -> String {
    build.build().unwrap_err().to_string()
}

/// Who calls payments `payments` gives the rules of payments to nobody, and notices nothing.
#[test]
fn rules_for_what_only_looks_like_a_standard_purpose_are_refused() {
    let purpose = |name: &'static str| Purpose::new(name).unwrap();
    let looks = |build: GateBuilder, field: &str, name: &str, standard: &str| {
        let said = format!("`{field}` is `{name}`, which only looks like `{standard}`");
        let error = named(build);
        assert!(error.starts_with(&said), "{error}");
    };
    for (name, standard) in
        [("payments", "payment"), ("login", "log-in"), ("signup", "sign-up"), ("re-set", "reset")]
    {
        let own = parts().purpose(purpose(name), Policy::default());
        looks(own, "purpose", name, standard);
        let mut watched = Policy::default();
        watched.mode.purposes.insert(purpose(name), Mode::Observe);
        looks(parts().policy(watched.clone()), "mode.purposes", name, standard);
        looks(parts().purpose(Purpose::PAYMENT, watched), "mode.purposes", name, standard);
        let mut hidden = Policy::default();
        hidden.mode.decoys.insert(purpose(name));
        looks(parts().policy(hidden), "mode.decoys", name, standard);
    }
    let mut own = Policy::default();
    own.mode.purposes.insert(purpose("sign-in"), Mode::Observe);
    own.mode.decoys.insert(Purpose::LOG_IN);
    let own = parts().policy(own).purpose(purpose("change-address"), Policy::default());
    assert!(own.purpose(Purpose::PAYMENT, Policy::default()).build().is_ok());
}

/// The code is the same by every channel, and so must be what the customer is shown.
#[test]
fn a_bound_code_goes_by_no_channel_that_does_not_show_the_payment() {
    let words = |shows: bool| {
        let words = MessageFormat::builder("Example");
        if shows { words.transactions() } else { words }.build().unwrap()
    };
    let voice = |shows| {
        let prices = PriceTable::builtin();
        FallbackChannel::new(Channel::Voice, ScriptedTransport::new().0, words(shows), prices)
    };
    let mut policy = Policy::default();
    policy.code.bound = true;
    let gate = |policy: &Policy, shows| {
        parts()
            .message(words(true))
            .purpose(Purpose::PAYMENT, policy.clone())
            .fallback(voice(shows))
    };
    assert!(gate(&policy, false).build().is_ok(), "no step leads there");
    policy.fallback.steps = vec![FallbackStep::new(Channel::Sms, Channel::Voice)];
    let error = named(gate(&policy, false));
    assert!(error.starts_with("`code.bound` is true with codes by voice"), "{error}");
    assert!(gate(&policy, true).build().is_ok());
    policy.code.bound = false;
    assert!(gate(&policy, false).build().is_ok());
}
