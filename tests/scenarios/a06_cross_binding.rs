//! A6: the code of one user, purpose, transaction or tenant is worth nothing to another.

use otpgate::otp::{Amount, Binding, Payee};
use otpgate::{Cleared, Purpose, Realm, RejectionCause, Sent, Verified};

use crate::support::{ALICE, BOB, House, client, recipient, seconds, small};

fn payment(amount: &str, payee: &str) -> Binding {
    Binding::transaction(Amount::new(amount, "EUR").unwrap(), Payee::new(payee).unwrap())
}

#[tokio::test]
async fn codes_and_grants_of_two_users_do_not_mix() {
    let house = House::lab(small());
    let (mine, theirs) = (client(1), client(2));
    let my_grant = house.send_to(ALICE, &mine).await.into_grant();
    let my_code = house.last_code();
    let their_grant = house.send_to(BOB, &theirs).await.into_grant();
    let their_code = house.last_code();
    // The right code in the wrong hands, in each combination.
    assert!(!house.accepts_from(&their_grant, &my_code, &theirs).await);
    assert!(!house.accepts_from(&my_grant, &their_code, &mine).await);
    assert!(!house.accepts_from(&my_grant, &my_code, &theirs).await);
    assert!(!house.accepts_from(&their_grant, &their_code, &mine).await);
    assert_eq!(house.log.accepted(), 0);
    // And the number that is proven is the one in the grant.
    let verified = house.gate.verify(&my_grant, &my_code, &mine).await.unwrap();
    let Verified::Accepted(proof) = verified else { panic!("the right code was rejected") };
    assert_eq!(proof.recipient().expose_e164().as_str(), ALICE);
}

#[tokio::test]
async fn two_verifications_of_one_number_do_not_mix() {
    let house = House::lab(small());
    let sign_up = house.send(ALICE).await.into_grant();
    let sign_up_code = house.last_code();
    let sent = house.try_send_for(ALICE, &Purpose::LOG_IN, &house.client).await;
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    let (log_in, log_in_code) = (issued.into_grant(), house.last_code());
    if sign_up_code != log_in_code {
        assert!(!house.accepts(&log_in, &sign_up_code).await);
        assert!(!house.accepts(&sign_up, &log_in_code).await);
    }
    let verified = house.gate.verify(&log_in, &log_in_code, &house.client).await.unwrap();
    let Verified::Accepted(proof) = verified else { panic!("the right code was rejected") };
    assert_eq!(proof.purpose(), &Purpose::LOG_IN);
}

#[tokio::test]
async fn a_token_for_one_purpose_clears_no_other() {
    let house = House::lab(small());
    let ticket = house.gate.preflight(&Purpose::LOG_IN, &house.client).unwrap();
    let proof = ticket.answer(ALICE).unwrap();
    let cleared =
        house.gate.clear(&proof, &recipient(ALICE), &Purpose::PAYMENT, &house.client).await;
    assert!(matches!(cleared.unwrap(), Cleared::Refused(_)));
}

#[tokio::test]
async fn a_changed_amount_or_payee_is_rejected_and_the_shown_one_accepted() {
    let house = House::lab(small());
    let rent = payment("1250.00", "Haus & Grund");
    let clearance = house.clearance_of(ALICE, &Purpose::PAYMENT, &house.client).await;
    let sent = house.gate.issue(clearance.bind(rent.clone())).await.unwrap();
    let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
    let (grant, code) = (issued.into_grant(), house.last_code());
    let text = house.outbox.delivered()[0].expose_text().to_owned();
    assert!(text.contains("Haus & Grund") && text.contains("250.00"), "the payer sees: {text}");
    for other in [
        payment("9250.00", "Haus & Grund"),
        payment("1250.00", "Haus & Hof"),
        payment("1250.01", "Haus & Grund"),
        Binding::none(),
        Binding::custom("rent", b"1250.00").unwrap(),
    ] {
        let verified = house.gate.verify_bound(&grant, &code, &other, &house.client).await;
        assert!(matches!(verified.unwrap(), Verified::Rejected(_)), "{other:?}");
        assert_eq!(house.log.last_cause(), Some(RejectionCause::BadGrant));
        house.clock.advance(seconds(40));
        let again = house.gate.resend_bound(&grant, &other, &house.client).await.unwrap();
        assert!(matches!(again, Sent::Refused(_)), "a resend for another payment");
    }
    assert_eq!(house.texts(), 1);
    let verified = house.gate.verify_bound(&grant, &code, &rent, &house.client).await.unwrap();
    let Verified::Accepted(proof) = verified else { panic!("the right code was rejected") };
    assert_eq!(proof.binding(), &rent);
}

#[tokio::test]
async fn tenants_do_not_mix() {
    let house = House::lab(small());
    let other = house.gate.in_realm(&Realm::new("other").unwrap());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(matches!(
        other.verify(&grant, &code, &house.client).await.unwrap(),
        Verified::Rejected(_)
    ));
    assert!(matches!(other.resend(&grant, &house.client).await.unwrap(), Sent::Refused(_)));
    assert!(matches!(other.entry(&grant, &house.client).await.unwrap(), otpgate::Entry::Closed(_)));
    // A clearance of one tenant sends no text for another, nor does its ticket clear there.
    let clearance = house.clearance_of(BOB, &Purpose::SIGN_UP, &house.client).await;
    assert!(matches!(other.issue(clearance).await.unwrap(), Sent::Refused(_)));
    let ticket = house.gate.preflight(&Purpose::SIGN_UP, &house.client).unwrap();
    let proof = ticket.answer(BOB).unwrap();
    let cleared = other.clear(&proof, &recipient(BOB), &Purpose::SIGN_UP, &house.client).await;
    assert!(matches!(cleared.unwrap(), Cleared::Refused(_)));
    assert_eq!(house.texts(), 1);
    assert!(house.accepts(&grant, &code).await);
}
