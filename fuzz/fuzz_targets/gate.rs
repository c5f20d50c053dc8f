//! Proofs, grants and callers' requests that nobody signed: none is taken, nothing is sent.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use otpgate::access::{CallerId, CallerRule, CallerRules};
use otpgate::store::MemoryStore;
use otpgate::testing::{ManualClock, ScriptedTransport, TransportHandle, block_on};
use otpgate::{
    Cleared, ClientContext, ClientIp, Entry, EntryGrant, Gate, KeyId, KeyRing, Money, Pepper,
    Purpose, Recipient, Region, Sent, Timestamp, Verified,
};

struct House {
    gate: Gate,
    sent: TransportHandle,
    number: Recipient,
    client: ClientContext,
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let (transport, sent) = ScriptedTransport::new();
        let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
        let caller = CallerId::new("billing").unwrap();
        let rule = CallerRule::new(caller, ["192.0.2.0/24".parse().unwrap()]);
        let gate = Gate::builder()
            .keys(KeyRing::new(KeyId(1), pepper))
            .store(MemoryStore::builder().capacity(1_000_000).build())
            .transport(transport)
            .brand("Example")
            .origin("example.com")
            .countries([Region::DE])
            .callers(CallerRules::new("otp.example.com").allow(rule))
            .daily_budget(Money::dollars(20))
            .clock(ManualClock::new(Timestamp::from_millis(1_795_348_800_000)))
            .clock_unchecked_danger()
            .single_gate()
            .build()
            .unwrap();
        let number = Recipient::parse("+4915112345678", None).unwrap();
        let ip = ClientIp::from_peer("192.0.2.7".parse().unwrap());
        House { gate, sent, number, client: ClientContext::new(ip, "session-1") }
    })
}

fuzz_target!(|input: (u8, &str)| {
    let (what, text) = input;
    let House { gate, sent, number, client } = house();
    let purpose = &Purpose::SIGN_UP;
    match what % 5 {
        0 => {
            let cleared = block_on(gate.clear(text, number, purpose, client)).unwrap();
            assert!(matches!(cleared, Cleared::Refused(_)), "{text:?}");
        }
        1 => {
            let from = ClientIp::from_peer([192, 0, 2, 7].into());
            let cleared = gate.authorise(text, number, purpose, &from).unwrap();
            assert!(matches!(cleared, Cleared::Refused(_)), "{text:?}");
        }
        2 => {
            let verified = block_on(gate.verify(&EntryGrant::from_client(text), "123456", client));
            assert!(matches!(verified.unwrap(), Verified::Rejected(_)), "{text:?}");
        }
        3 => {
            let entry = block_on(gate.entry(&EntryGrant::from_client(text), client));
            assert!(matches!(entry.unwrap(), Entry::Closed(_)), "{text:?}");
        }
        _ => {
            let again = block_on(gate.resend(&EntryGrant::from_client(text), client));
            assert!(matches!(again.unwrap(), Sent::Refused(_)), "{text:?}");
        }
    }
    assert_eq!(sent.handed_off(), 0);
});
