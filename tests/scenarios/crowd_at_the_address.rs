//! Tried: shutting out people behind an address by what bots there do with genuine grants of their
//! own, with other people's, and with other people's session identifiers.

use otpgate::otp::Binding;
use otpgate::{ClientContext, ClientIp, EntryGrant, Purpose, RejectionCause, Sent};

use crate::support::{House, german, in_session, off_by, seconds};

const PEOPLE: u64 = 20;

fn at_one(session: &str) -> ClientContext {
    in_session(7, session)
}

fn at_none(session: &str) -> ClientContext {
    ClientContext::new(ClientIp::unknown(), session)
}

/// A bot asks for a text and enters what it can; below the bucket's hard limit.
async fn bot(house: &House, from: fn(&str) -> ClientContext, n: u64) {
    let who = from(&format!("bot-{n}"));
    let sent = house.insist(&german(n), &Purpose::LOG_IN, &who).await;
    let Sent::Issued(issued) = sent else { return };
    for guess in 1..=7 {
        let wrong = off_by(&house.last_code(), guess);
        assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
    }
    let _ = house.gate.resend(issued.grant(), &who).await;
}

/// How many of twenty people get in, each after a bot of its own and with garbage in its name.
async fn let_in(from: fn(&str) -> ClientContext, bots: u64) -> u64 {
    let house = House::ruled(|policy| policy.quotas.client_unknown.clear());
    let binding = Binding::custom("order", b"4711").unwrap();
    let mut accepted = 0;
    for person in 0..PEOPLE {
        for n in 0..bots {
            bot(&house, from, 100 + person * bots + n).await;
        }
        let me = from(&format!("person-{person}"));
        let sent = house.insist(&german(50_000 + person), &Purpose::SIGN_UP, &me).await;
        let Sent::Issued(issued) = sent else { continue };
        let code = house.last_code();
        house.clock.advance(seconds(20));
        // Whoever knows the session and not the grant, or the grant and not the session.
        for n in 0..100 {
            let made_up = EntryGrant::from_client(format!("made-up-{n}"));
            assert!(!house.accepts_from(&made_up, &code, &me).await);
            let other = from(&format!("bot-{n}"));
            assert!(!house.accepts_from(issued.grant(), &code, &other).await);
            let bound = house.gate.verify_bound(issued.grant(), &code, &binding, &other).await;
            assert!(matches!(bound.unwrap(), otpgate::Verified::Rejected(_)));
        }
        assert!(!house.accepts_from(issued.grant(), &off_by(&code, 3), &me).await);
        accepted += u64::from(house.accepts_from(issued.grant(), &code, &me).await);
    }
    assert!(house.log.rejected(RejectionCause::ClientLimit) > 100, "garbage had its meter");
    accepted
}

#[tokio::test]
async fn everybody_behind_the_address_gets_in() {
    assert_eq!(let_in(at_one, 10).await, PEOPLE);
}

#[tokio::test]
async fn everybody_without_an_address_gets_in() {
    assert_eq!(let_in(at_none, 10).await, PEOPLE);
}
