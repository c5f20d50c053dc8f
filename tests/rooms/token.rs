//! What the docs of the front-end token promise, against an attacker who may change anything.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use otpgate::token::{
    HumanTime, Scope, SendTicket, TicketLevel, TicketTerms, TicketTtl, TokenError, TokenProof,
    WorkBits, answer, reduce,
};
use otpgate::{KeyId, KeyRing, Pepper, Recipient, SystemEntropy, Timestamp};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const NUMBER: &str = "+4915112345678";
const SERVED: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SCOPE: Scope<'_> = Scope {
    realm: "shop",
    purpose: "sign-up",
    origin: "https://shop.example",
    session: "5f2b",
    client: b"203.0.113.7/32",
};

fn keys(seed: u8) -> KeyRing {
    let pepper = Pepper::from_bytes(std::array::from_fn(|i| seed.wrapping_add(i as u8))).unwrap();
    KeyRing::new(KeyId(1), pepper)
}

fn issue(scope: &Scope<'_>, terms: TicketTerms) -> SendTicket {
    SendTicket::issue(scope, terms, &keys(1), &SystemEntropy, SERVED).unwrap()
}

fn proof(terms: TicketTerms) -> String {
    answer(issue(&SCOPE, terms).as_str(), NUMBER).unwrap()
}

fn posted() -> Timestamp {
    SERVED + Duration::from_secs(10)
}

fn check(proof: &str, scope: &Scope<'_>, typed: &str, now: Timestamp) -> Result<(), TokenError> {
    TokenProof::parse(proof)?.check(scope, typed, &keys(1), now).map(drop)
}

fn accept(proof: &str) -> Result<(), TokenError> {
    check(proof, &SCOPE, NUMBER, posted())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `text` with one bit of one character's value flipped.
fn flip(text: &str, place: usize, bit: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let value = ALPHABET.iter().position(|c| *c == bytes[place]).unwrap();
    bytes[place] = ALPHABET[value ^ (1 << bit)];
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_single_bit_matters() {
    let proof = proof(TicketTerms { work: WorkBits::new(4).unwrap(), ..Default::default() });
    assert_eq!(accept(&proof), Ok(()));
    for place in 0..proof.len() {
        for bit in 0..6 {
            let flipped = flip(&proof, place, bit);
            assert!(accept(&flipped).is_err(), "character {place}, bit {bit}");
        }
    }
}

#[test]
fn a_flipped_bit_of_the_ticket_is_seen_by_the_mac_or_names_no_key() {
    let proof = proof(TicketTerms::default());
    for place in 0..132 {
        let error = accept(&flip(&proof, place, 0)).unwrap_err();
        let expected = match place {
            0..=1 => matches!(error, TokenError::Malformed | TokenError::UnknownKey),
            2..=6 => matches!(error, TokenError::UnknownKey | TokenError::Forged),
            _ => error == TokenError::Forged,
        };
        assert!(expected, "character {place}: {error:?}");
    }
}

#[test]
fn two_tokens_cannot_be_spliced() {
    let easy = proof(TicketTerms::default());
    let work = WorkBits::new(10).unwrap();
    let hard = proof(TicketTerms { level: TicketLevel::HumanCheck, work, ..Default::default() });
    for cut in 1..easy.len() {
        for (head, tail) in [(&easy, &hard), (&hard, &easy)] {
            let spliced = format!("{}{}", &head[..cut], &tail[cut..]);
            let whole = spliced == easy || spliced == hard; // they begin alike
            assert_eq!(accept(&spliced).is_ok(), whole, "{cut}");
        }
    }
}

#[test]
fn a_token_is_neither_cut_nor_grown() {
    let proof = proof(TicketTerms::default());
    for end in 0..proof.len() {
        assert_eq!(accept(&proof[..end]), Err(TokenError::Malformed));
        assert_eq!(accept(&proof[end + 1..]), Err(TokenError::Malformed));
    }
    for tail in ["A", "AA", "AAAA", "=", "\n", " "] {
        assert_eq!(accept(&format!("{proof}{tail}")), Err(TokenError::Malformed));
        assert_eq!(accept(&format!("{tail}{proof}")), Err(TokenError::Malformed));
    }
}

#[test]
fn a_token_is_good_in_one_scope_only() {
    let proof = proof(TicketTerms::default());
    let at = |scope: Scope<'_>| check(&proof, &scope, NUMBER, posted());
    assert_eq!(at(Scope { realm: "bank", ..SCOPE }), Err(TokenError::WrongPurpose));
    assert_eq!(at(Scope { purpose: "payment", ..SCOPE }), Err(TokenError::WrongPurpose));
    assert_eq!(
        at(Scope { origin: "https://evil.example", ..SCOPE }),
        Err(TokenError::WrongBinding)
    );
    assert_eq!(at(Scope { session: "5f2c", ..SCOPE }), Err(TokenError::WrongBinding));
    assert_eq!(at(Scope { client: b"203.0.113.8/32", ..SCOPE }), Err(TokenError::WrongBinding));
    let moved = Scope { origin: "https://shop.example5", session: "f2b", ..SCOPE };
    assert_eq!(at(moved), Err(TokenError::WrongBinding));
}

#[test]
fn a_token_lives_between_its_human_time_and_its_end_to_the_millisecond() {
    let ms = Duration::from_millis;
    let human_time = HumanTime::new(ms(1_500)).unwrap();
    let ttl = TicketTtl::new(Duration::from_secs(60)).unwrap();
    let proof = proof(TicketTerms { human_time, ttl, ..Default::default() });
    let at = |now| check(&proof, &SCOPE, NUMBER, now);
    assert_eq!(at(SERVED), Err(TokenError::TooSoon { wait: ms(1_500) }));
    assert_eq!(at(SERVED + ms(1_499)), Err(TokenError::TooSoon { wait: ms(1) }));
    assert_eq!(at(SERVED + ms(1_500)), Ok(()));
    assert_eq!(at(SERVED + ms(59_999)), Ok(()));
    assert_eq!(at(SERVED + ms(60_000)), Err(TokenError::Expired));
    assert_eq!(at(Timestamp::MAX), Err(TokenError::Expired));
}

#[test]
fn a_token_from_more_than_thirty_seconds_ahead_is_refused() {
    let proof = proof(TicketTerms::harder_work(WorkBits::NONE));
    let ms = Duration::from_millis;
    let early = check(&proof, &SCOPE, NUMBER, SERVED.before(ms(30_001)));
    assert_eq!(early, Err(TokenError::IssuedInFuture));
    let skewed = check(&proof, &SCOPE, NUMBER, SERVED.before(ms(30_000)));
    assert_eq!(skewed, Err(TokenError::TooSoon { wait: ms(30_000) }));
}

#[test]
fn keys_rotate_without_an_outage_and_end_when_they_should() {
    let proof = TokenProof::parse(&proof(TicketTerms::default())).unwrap();
    let pepper = |seed: u8| Pepper::from_bytes(std::array::from_fn(|i| seed + i as u8)).unwrap();
    let check = |ring: &KeyRing| proof.check(&SCOPE, NUMBER, ring, posted()).map(drop);
    let rotated = KeyRing::new(KeyId(2), pepper(2));
    assert_eq!(check(&rotated), Err(TokenError::UnknownKey));
    let kept = KeyRing::new(KeyId(2), pepper(2)).retire(KeyId(1), pepper(1), Timestamp::MAX);
    assert_eq!(check(&kept), Ok(()));
    let ended = KeyRing::new(KeyId(2), pepper(2)).retire(KeyId(1), pepper(1), posted());
    assert_eq!(check(&ended), Err(TokenError::UnknownKey));
    assert_eq!(check(&KeyRing::new(KeyId(1), pepper(9))), Err(TokenError::Forged));
}

/// A proof by the page `docs/token-format.md`, for any counter, worked or not.
fn by_the_page(ticket: &str, reduced: &str, counter: u32) -> String {
    let ticket = Base64UrlUnpadded::decode_vec(ticket).unwrap();
    let length = [u8::try_from(reduced.len()).unwrap()];
    let seed =
        Sha256::digest([b"otpgate/proof/v1", &ticket[..], &length, reduced.as_bytes()].concat());
    let digest = Sha256::digest([&seed[..], &counter.to_be_bytes()].concat());
    Base64UrlUnpadded::encode_string(&[&ticket[..], &counter.to_be_bytes(), &digest[..]].concat())
}

#[test]
fn the_page_is_enough_to_write_a_client_and_work_is_not_skipped() {
    let work = WorkBits::new(6).unwrap();
    let ticket = issue(&SCOPE, TicketTerms { work, ..Default::default() });
    let first = (0..).map(|counter| by_the_page(ticket.as_str(), NUMBER, counter));
    let (mut refused, mut first) = (0, first.peekable());
    while first
        .peek()
        .is_some_and(|proof| accept(proof) == Err(TokenError::WorkMissing { bits: 6 }))
    {
        refused += 1;
        first.next();
    }
    assert_eq!(first.next(), Some(ticket.answer(NUMBER).unwrap()), "after {refused}");
    assert_eq!(accept(&by_the_page(ticket.as_str(), NUMBER, refused)), Ok(()));
}

#[test]
fn nothing_shows_in_debug() {
    let ticket = issue(&SCOPE, TicketTerms::default());
    let proof = ticket.answer(NUMBER).unwrap();
    let parsed = TokenProof::parse(&proof).unwrap();
    let token = parsed.check(&SCOPE, NUMBER, &keys(1), posted()).unwrap();
    let shown = format!("{ticket:?} {parsed:?} {token:?} {SCOPE:?}");
    assert!(!shown.contains(&ticket.as_str()[..16]) && !shown.contains("5f2b"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,400}") {
        prop_assert_eq!(accept(&text), Err(TokenError::Malformed));
        prop_assert!(answer(&text, NUMBER).is_err());
    }

    #[test]
    fn any_text_of_the_right_form_is_refused(text in "[A-Za-z0-9_-]{180}") {
        prop_assert!(accept(&text).is_err());
    }

    #[test]
    fn any_other_number_is_refused(number in "\\+?[0-9]{1,20}") {
        prop_assume!(number != NUMBER);
        let proof = proof(TicketTerms::default());
        prop_assert_eq!(
            check(&proof, &SCOPE, &number, posted()),
            Err(TokenError::NumberMismatch)
        );
    }

    #[test]
    fn whatever_separators_were_typed_the_proof_fits(
        gaps in prop::collection::vec("[ ./()\u{a0}-]{0,2}", 14),
    ) {
        let typed: String = NUMBER.chars().zip(&gaps).flat_map(|(c, gap)| [c.to_string(), gap.clone()]).collect();
        let ticket = issue(&SCOPE, TicketTerms::default());
        let proof = ticket.answer(&typed).unwrap();
        prop_assert_eq!(accept(&proof), Ok(()));
    }

    #[test]
    fn page_and_recipient_reduce_alike(text in "\\PC{0,2}[+\u{ff0b}]?([\\p{Nd}]|[0-9 ./()\u{a0}\u{200b}\u{30fc}~-]){6,24}[\n\\PC]{0,2}") {
        if let Ok(recipient) = Recipient::parse(&text, Some(otpgate::Region::DE)) {
            prop_assert_eq!(reduce(&text), recipient.typed());
        }
    }

    #[test]
    fn scopes_that_differ_anywhere_do_not_share_tokens(
        realm in "[a-z]{0,3}", purpose in "[a-z]{0,3}", origin in "[a-z]{0,3}",
        session in "[a-z]{0,3}", client in "[a-z]{0,3}", other in prop::array::uniform5("[a-z]{0,3}"),
    ) {
        let one = Scope { realm: &realm, purpose: &purpose, origin: &origin, session: &session, client: client.as_bytes() };
        let two = Scope { realm: &other[0], purpose: &other[1], origin: &other[2], session: &other[3], client: other[4].as_bytes() };
        let proof = answer(issue(&one, TicketTerms::default()).as_str(), NUMBER).unwrap();
        prop_assert_eq!(check(&proof, &two, NUMBER, posted()).is_ok(), one == two);
    }
}
