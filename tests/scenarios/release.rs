//! What a developer's machine may do and a release may not. `.ci/run` runs these in a release too.

use otpgate::message::{MessageFormat, OriginHost};
use otpgate::pumping::PriceTable;
use otpgate::store::MemoryStore;
use otpgate::testing::ScriptedTransport;
use otpgate::{Channel, FallbackChannel, Gate, KeyRing, Money, Region};

use crate::support::keys;

/// In the texts of every channel.
#[test]
fn a_development_host_is_for_debug_builds() {
    let here = || OriginHost::development_danger("localhost:8080").unwrap();
    let format = || MessageFormat::builder("Example");
    let built = |message: MessageFormat, of_calls: MessageFormat| {
        let (calls, _) = ScriptedTransport::new();
        let voice = FallbackChannel::new(Channel::Voice, calls, of_calls, PriceTable::builtin());
        let (transport, _) = ScriptedTransport::new();
        let gate = Gate::builder().keys(keys()).store(MemoryStore::default()).transport(transport);
        let gate = gate.message(message).countries([Region::DE]).daily_budget(Money::dollars(100));
        gate.fallback(voice).build()
    };
    let plain = || format().build().unwrap();
    assert!(built(plain(), plain()).is_ok());
    let developed = || format().origin(here()).build().unwrap();
    for gate in [built(developed(), plain()), built(plain(), developed())] {
        assert_eq!(gate.is_ok(), cfg!(debug_assertions), "{:?}", gate.err());
    }
}

/// Everybody knows it.
#[test]
fn the_documentations_key_is_for_debug_builds() {
    let shown = KeyRing::from_text("m5Jb0cSgM8S9nJ4sYqVwCk3L2tXhE7uZxR1fGdPoQiA").unwrap();
    for (keys, known) in [(shown, true), (keys(), false)] {
        let gate = crate::config::parts().keys(keys).build();
        assert_eq!(gate.is_ok(), cfg!(debug_assertions) || !known, "{:?}", gate.err());
    }
}
