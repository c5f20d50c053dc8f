//! What a capability value or a secret must not be able to do: the traits it must not have, and
//! calls that must not compile.

#![allow(clippy::unwrap_used)]

use std::fmt::Display;
use std::marker::PhantomData;
use std::mem::needs_drop;

use otpgate::message::OutboundText;
use otpgate::otp::{Passcode, SubmittedCode};
use otpgate::token::CheckedToken;
use otpgate::{Clearance, ClientContext, EntryGrant, KeyRing, Pepper, Recipient, Verification};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `Is::<T>::CLONE` and so on: the constant of the type where `T` has the trait, that of [`Not`]
/// where it has not.
struct Is<T>(PhantomData<T>);

trait Not {
    const CLONE: bool = false;
    const DISPLAY: bool = false;
    const SERIALIZE: bool = false;
    const DESERIALIZE: bool = false;
}

impl<T> Not for Is<T> {}

impl<T: Clone> Is<T> {
    const CLONE: bool = true;
}

impl<T: Display> Is<T> {
    const DISPLAY: bool = true;
}

impl<T: Serialize> Is<T> {
    const SERIALIZE: bool = true;
}

impl<T: DeserializeOwned> Is<T> {
    const DESERIALIZE: bool = true;
}

/// Asserts that none of the types has the trait, and that the question can be answered with yes.
macro_rules! none {
    ($what:ident: $($type:ty),*; but $other:ty) => {
        $(assert!(!Is::<$type>::$what, "{} {}", stringify!($type), stringify!($what));)*
        assert!(Is::<$other>::$what, "the test cannot see it");
    };
}

#[test]
fn what_counts_once_cannot_be_copied() {
    none!(CLONE: Clearance, CheckedToken, Verification, Passcode, OutboundText, Pepper; but Recipient);
}

#[test]
fn secrets_and_numbers_are_never_shown_by_accident() {
    none!(DISPLAY: Passcode, SubmittedCode, OutboundText, EntryGrant, Pepper, KeyRing, Recipient,
        Clearance, Verification, ClientContext; but String);
}

/// With the feature `serde` on: policies are read from files, nothing that a client sends is.
#[test]
fn secrets_and_capabilities_are_neither_read_nor_written_by_serde() {
    none!(DESERIALIZE: Passcode, SubmittedCode, OutboundText, EntryGrant, Pepper, KeyRing,
        Clearance, CheckedToken, Verification; but otpgate::Policy);
    none!(SERIALIZE: Passcode, SubmittedCode, OutboundText, EntryGrant, Pepper, KeyRing,
        Clearance, CheckedToken, Verification; but otpgate::Policy);
}

/// A code wipes itself: there is something to do when it goes.
#[test]
fn codes_and_texts_have_something_to_wipe() {
    // Both keep their characters in place, so that only their own `Drop` can be meant.
    assert!(needs_drop::<Passcode>() && needs_drop::<SubmittedCode>());
    assert!(needs_drop::<OutboundText>() && needs_drop::<Pepper>());
    assert!(!needs_drop::<[u8; 32]>());
}

/// Each of these does not compile, and says why.
#[test]
fn what_the_types_forbid_does_not_compile() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
