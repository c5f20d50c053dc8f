//! What a store or another gate hands back: read whole or not at all, and written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::Timestamp;
use otpgate::limit::Ledger;
use otpgate::pumping::Detector;

fuzz_target!(|bytes: &[u8]| {
    if let Some(ledger) = Ledger::from_bytes(bytes) {
        assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
    }
    let now = Timestamp::from_millis(1_795_348_800_000);
    let mut detector = Detector::new(1);
    detector.share();
    let _ = detector.absorb(now, bytes);
    let _ = detector.restore(bytes);
    let _ = detector.absorb(now, bytes);
});
