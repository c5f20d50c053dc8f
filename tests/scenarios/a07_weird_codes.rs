//! A7: what people and scripts type into a code field.

use std::time::Duration;

use cpu_time::ThreadTime;
use otpgate::message::Language;
use otpgate::otp::{Amount, Binding, Payee, ResendCode};
use otpgate::testing::Reply;
use otpgate::{Entry, Purpose, RefusalReason, RejectionCause, Sent, Verified};

use crate::support::{ALICE, House, off_by, roaming, seconds, small};

async fn left(house: &House, grant: &otpgate::EntryGrant) -> u32 {
    match house.gate.entry(grant, &house.client).await.unwrap() {
        Entry::Open(view) => view.attempts_left(),
        Entry::Closed(_) => 0,
    }
}

/// Ten attempts at a verification, without a pause between them.
fn patient() -> House {
    House::ruled(|policy| {
        (policy.code.attempts, policy.attempts.open.pause_after) = (10, 20);
    })
}

#[tokio::test]
async fn each_is_rejected_and_charged_once() {
    let long = "1".repeat(1_000_000);
    let weird: Vec<&str> = vec![
        "",
        " ",
        "\0",
        "\0\0\0\0\0\0",
        "+123456",
        "+12345",
        "-12345",
        "1e5",
        "12345",
        "1234567",
        "12 345",
        "123.456",
        "123\n456",
        "123\u{202e}456",
        "123456 or 654321",
        "+49 151 234",
        "0x1234",
        "null",
        "[]",
        "[1,2,3]",
        "true",
        "NaN",
        "'' OR ''",
        "123456²",
        "123456_",
        "%31%32%33",
        &long,
        "12345\n6",
        "O12345",
        "l23456",
    ];
    for batch in weird.chunks(8) {
        let house = patient();
        let grant = house.send(ALICE).await.into_grant();
        for (index, typed) in batch.iter().enumerate() {
            let shown: String = typed.chars().take(20).collect();
            assert!(!house.accepts(&grant, typed).await, "{shown:?}");
            assert_eq!(left(&house, &grant).await, 9 - index as u32, "{shown:?}");
            assert_eq!(house.log.last_cause(), Some(RejectionCause::Malformed), "{shown:?}");
        }
        assert!(house.accepts(&grant, &house.last_code()).await);
    }
}

#[tokio::test]
async fn a_megabyte_is_one_wrong_code() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let long = "1".repeat(1_000_000);
    for _ in 0..100 {
        assert!(!house.accepts(&grant, &long).await);
    }
    assert_eq!(house.log.rejected(RejectionCause::Malformed), 5);
    assert!(!house.accepts(&grant, &house.last_code()).await, "locked by the five");
}

/// Refused by its length: it takes the time of a wrong code, measured as the thread's own.
#[tokio::test]
async fn a_megabyte_takes_no_longer_than_six_digits() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let mut quickest = [Duration::MAX; 2];
    for index in 0..30 {
        let typed = ["1".repeat(1_000_000), off_by(&house.last_code(), index + 1)];
        for (quickest, typed) in quickest.iter_mut().zip(&typed) {
            let started = ThreadTime::now();
            assert!(!house.accepts_from(&grant, typed, &roaming(index as u32)).await);
            *quickest = (*quickest).min(started.elapsed());
        }
    }
    let [megabyte, six] = quickest;
    assert!(megabyte < six * 5, "{megabyte:?} for a megabyte, {six:?} for six digits");
}

/// Every way in which the right code reaches the field of a form.
fn spellings(code: &str) -> Vec<String> {
    let (head, tail) = code.split_at(3);
    let in_script = |zero: u32| -> String {
        code.bytes().map(|b| char::from_u32(zero + u32::from(b - b'0')).unwrap()).collect()
    };
    vec![
        format!(" {code}\r\n"),
        format!("{head} {tail}"),
        format!("{head}-{tail}"),
        format!("{head}\u{a0}{tail}"),
        format!("\u{200e}{code}\u{200e}"),
        format!("Your code is {head} {tail}."),
        format!("“{code}”"),
        format!("G-{code}"),
        format!("{code} is your Example code.\n\n@example.com #{code}"),
        in_script(0x660),
        in_script(0x966),
        in_script(0xff10),
        in_script(0x1d7ce),
    ]
}

/// What is pasted around the right code is dropped: accepted, and nothing is left of the charge.
#[tokio::test]
async fn what_is_pasted_around_a_right_code_is_never_a_failure() {
    for index in 0..spellings("000000").len() {
        let house = House::lab(small());
        let grant = house.send(ALICE).await.into_grant();
        let typed = &spellings(&house.last_code())[index];
        assert!(house.accepts(&grant, typed).await, "{typed:?}");
        assert_eq!(house.log.rejected(RejectionCause::Malformed), 0, "{typed:?}");
    }
}

/// Of every text that comes with the crate, whoever pastes all of it has entered its code, whatever is paid
/// and whoever is paid: an amount, and a payee whom somebody else has named, may look like codes.
#[tokio::test]
async fn the_whole_text_of_a_payment_is_its_code() {
    for language in ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id"] {
        for (amount, currency, payee) in [
            ("123456", "JPY", "Haus & Grund"),
            ("150000", "IDR", "acct 12 34 56"),
            ("1250.00", "EUR", "12 34 56"),
            ("123456", "HUF", "123-456 78"),
            ("12345678", "VND", "7"),
        ] {
            let house = House::lab(small());
            let paid = Amount::new(amount, currency).unwrap();
            let paid = Binding::transaction(paid, Payee::new(payee).unwrap());
            let who = &house.client;
            let clearance = house.clearance_of(ALICE, &Purpose::PAYMENT, who).await;
            let clearance = clearance.language(Language::new(language).unwrap()).bind(paid.clone());
            let sent = house.gate.issue(clearance).await.unwrap();
            let Sent::Issued(issued) = sent else { panic!("{sent:?}") };
            let text = house.outbox.sent().pop().unwrap().expose_text().to_owned();
            let grant = issued.into_grant();
            let verified = house.gate.verify_bound(&grant, &text, &paid, who).await.unwrap();
            assert!(matches!(verified, Verified::Accepted(_)), "{language}: {text:?}");
            assert_eq!(house.log.rejected(RejectionCause::Malformed), 0);
        }
    }
}

/// A wrong code in its surroundings is one wrong code: the limit counts what was read.
#[tokio::test]
async fn a_wrong_code_is_charged_once_in_every_spelling() {
    let house = patient();
    let grant = house.send(ALICE).await.into_grant();
    let wrong = off_by(&house.last_code(), 1);
    for (index, typed) in spellings(&wrong).iter().take(9).enumerate() {
        assert!(!house.accepts(&grant, typed).await, "{typed:?}");
        assert_eq!(left(&house, &grant).await, 9 - index as u32, "{typed:?}");
        assert_eq!(house.log.last_cause(), Some(RejectionCause::Mismatch), "{typed:?}");
    }
    assert!(house.accepts(&grant, &house.last_code()).await);
}

/// Two codes in one entry would be two guesses for one charge: neither is tried.
#[tokio::test]
async fn a_right_code_beside_another_is_not_picked_out() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let (right, wrong) = (house.last_code(), off_by(&house.last_code(), 1));
    for typed in [format!("{right} or {wrong}"), format!("{wrong}\n{right}")] {
        assert!(!house.accepts(&grant, &typed).await, "{typed:?}");
        assert_eq!(house.log.last_cause(), Some(RejectionCause::Malformed), "{typed:?}");
    }
    assert!(house.accepts(&grant, &format!("{right} {right}x {right}.").replace(' ', "\n")).await);
}

/// One normalisation, and every limit counts its result: a used code is used in every spelling.
#[tokio::test]
async fn no_spelling_revives_a_used_code() {
    let house = House::lab(small());
    let grant = house.send(ALICE).await.into_grant();
    let code = house.last_code();
    assert!(house.accepts(&grant, &format!(" {code}\r\n")).await);
    for variant in spellings(&code).into_iter().chain([code.clone(), format!("{code}\0")]) {
        assert!(!house.accepts(&grant, &variant).await, "{variant:?}");
    }
    assert_eq!(house.log.accepted(), 1);
}

/// While another text is on its way the code in flight is good, unless the policy replaces it.
#[tokio::test]
async fn a_code_typed_while_another_is_being_sent() {
    for (resend, good) in [(ResendCode::KeepPrevious, true), (ResendCode::Replace, false)] {
        let house = House::ruled(|policy| policy.code.resend = resend);
        let grant = house.send(ALICE).await.into_grant();
        let first = house.last_code();
        house.clock.advance(seconds(30));
        house.outbox.reply(Reply::Hang);
        let gate = house.gate.clone();
        let (held, who) = (grant.clone(), house.client.clone());
        let sending = tokio::spawn(async move { gate.resend(&held, &who).await });
        while house.outbox.handed_off() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(house.accepts(&grant, &first).await, good, "{resend:?}");
        sending.abort();
    }
}

#[tokio::test]
async fn a_grant_can_be_anything_and_is_never_good() {
    let house = House::lab(small());
    let issued = house.send(ALICE).await;
    let text = issued.grant().as_str().to_owned();
    let code = house.last_code();
    let mut weird = vec![
        String::new(),
        " ".into(),
        "\0".into(),
        "null".into(),
        "A".repeat(1_000_000),
        format!("{text}="),
        format!(" {text}"),
        format!("{text}A"),
        text[..text.len() - 1].to_owned(),
        text.to_lowercase(),
        text.repeat(2),
    ];
    // Every character changed, one at a time.
    for place in 0..text.len() {
        let mut changed: Vec<u8> = text.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        weird.push(String::from_utf8(changed).unwrap());
    }
    // The interval is over: a resend is refused for the grant or not at all.
    house.clock.advance(seconds(31));
    for (index, grant) in (0..).zip(weird.into_iter().filter(|grant| *grant != text)) {
        let grant = otpgate::EntryGrant::from_client(grant);
        // From a network each and in the session of the grant, so that nothing hides the answer.
        let who = roaming(index);
        assert!(!house.accepts_from(&grant, &code, &who).await);
        assert_eq!(house.log.last_cause(), Some(RejectionCause::BadGrant), "{index}");
        let Sent::Refused(refusal) = house.gate.resend(&grant, &who).await.unwrap() else {
            panic!("{index}: another text")
        };
        assert!(matches!(refusal.reason(), RefusalReason::VerificationOver), "{refusal:?}");
        assert!(matches!(house.gate.entry(&grant, &who).await.unwrap(), Entry::Closed(_)));
    }
    assert_eq!(house.texts(), 1);
    // None of it was charged to the innocent verification, whose grant such a client may use.
    let who = roaming(9_999);
    let view = house.gate.entry(issued.grant(), &who).await.unwrap();
    assert!(matches!(view, Entry::Open(view) if view.attempts_left() == 5));
    assert!(matches!(house.gate.resend(issued.grant(), &who).await.unwrap(), Sent::Issued(_)));
    assert!(house.accepts_from(issued.grant(), &code, &who).await);
}
