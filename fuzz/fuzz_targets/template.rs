//! Templates, brands and hosts of an operator: no panic, and a text that reads back or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::message::{Brand, OriginHost, Template, parse_origin_bound};

fuzz_target!(|input: (&str, &str, &str)| {
    let (template, brand, host) = input;
    let _ = Template::compile(template);
    let _ = Brand::new(brand);
    let _ = OriginHost::new(host);
    if let Some(bound) = parse_origin_bound(template) {
        assert!(template.contains(bound.code));
    }
});
