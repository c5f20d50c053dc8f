//! The test vectors of `docs/token-format.md`, computed afresh and compared with the page.

use super::proof::TokenProof;
use super::scope::Scope;
use super::terms::{HumanTime, TicketLevel, TicketTerms, TicketTtl, WorkBits};
use super::ticket::SendTicket;
use super::work::{Seed, reduce};
use crate::base::id::to_text;
use crate::base::keyring::{KeyId, KeyRing, Pepper};
use crate::base::time::Timestamp;

const PAGE: &str = include_str!("../../docs/token-format.md");

const SCOPE: Scope<'_> = Scope {
    realm: "shop",
    purpose: "sign-up",
    origin: "https://shop.example",
    session: "5f2b",
    client: b"203.0.113.7/32",
};

const ISSUED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn keys() -> KeyRing {
    let pepper = Pepper::from_bytes(std::array::from_fn(|i| i as u8)).unwrap();
    KeyRing::new(KeyId(7), pepper)
}

fn ticket(work: u8, level: TicketLevel) -> SendTicket {
    let terms = TicketTerms {
        ttl: TicketTtl::from_secs(300).unwrap(),
        human_time: HumanTime::default(),
        work: WorkBits::new(work).unwrap(),
        level,
    };
    let nonce = std::array::from_fn(|i| 0xa0_u8.wrapping_add(i as u8));
    SendTicket::seal(&SCOPE, terms, keys().signing(), nonce, ISSUED)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn section(ticket: &SendTicket, typed: &str) -> String {
    let proof = ticket.answer(typed).unwrap();
    let parsed = TokenProof::parse(&proof).unwrap();
    let seed = Seed::new(&parsed.ticket, &reduce(typed)).unwrap();
    assert_eq!(parsed.to_text(), proof);
    assert_eq!(to_text(&parsed.ticket), ticket.as_str());
    format!(
        "ticket  {}\ntyped   {typed}\nreduced {}\nseed    {}\ncounter {}\ndigest  {}\nproof   {proof}\n",
        ticket.as_str(),
        reduce(typed),
        hex(seed.as_bytes()),
        parsed.counter,
        hex(&parsed.digest),
    )
}

#[test]
fn the_page_states_what_the_code_does() {
    let vectors = [
        section(&ticket(0, TicketLevel::Ordinary), "+49 (151) 123-456 78"),
        section(&ticket(12, TicketLevel::HarderWork), "٠١٥١ 12345678"),
    ];
    for vector in vectors {
        assert!(PAGE.contains(&vector), "docs/token-format.md lacks this vector:\n{vector}");
    }
}

#[test]
fn the_vectors_pass_the_check() {
    for (work, level) in [(0, TicketLevel::Ordinary), (12, TicketLevel::HarderWork)] {
        let ticket = ticket(work, level);
        let proof = ticket.answer("+4915112345678").unwrap();
        let proof = TokenProof::parse(&proof).unwrap();
        let token = proof.check(&SCOPE, "+49 151 12345678", &keys(), ticket.not_before()).unwrap();
        assert_eq!((token.work().bits(), token.level()), (work, level));
        assert_eq!(hex(token.nonce()), "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
        assert_eq!((token.issued(), token.expires()), (ISSUED, ticket.expires()));
    }
}
