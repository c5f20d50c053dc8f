//! A policy from a configuration file: an error with words, or a policy that can be checked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otpgate::Policy;

fuzz_target!(|text: &str| {
    match toml::from_str::<Policy>(text) {
        Ok(policy) => drop(policy.check()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
