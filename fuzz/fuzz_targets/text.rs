//! Short texts of other systems: base32 secrets, brands. A secret survives its own text, a brand never
//! breaks a line or starts a sigil.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::message::Brand;
use otpgate::otp::totp::AuthenticatorSecret;

fuzz_target!(|text: &str| {
    if let Ok(secret) = AuthenticatorSecret::from_short_base32_danger(text) {
        let written = secret.to_base32();
        let again = AuthenticatorSecret::from_short_base32_danger(written.expose_secret()).unwrap();
        assert_eq!(again.expose_secret(), secret.expose_secret());
        assert_eq!(AuthenticatorSecret::from_base32(text).is_ok(), secret.is_compliant());
    }
    if let Ok(brand) = Brand::new(text) {
        assert_eq!(brand.as_str(), text);
        assert!(!text.contains(['@', '#', '%', '<', '\n', '\r', '\u{202e}']), "{text:?}");
        assert!(!(text.contains(['!', '*']) && text.contains("www.")), "{text:?}");
    }
});
