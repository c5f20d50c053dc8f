//! A23: codes without a genuine grant, to shut an address for everybody behind it.

use otpgate::otp::Binding;
use otpgate::policy::Quota;
use otpgate::testing::{Counting, Verb};
use otpgate::{ClientContext, ClientIp, EntryGrant, Purpose, RejectionCause, Sent, Verified};

use crate::step_up::Turing;
use crate::support::{ALICE, BOB, House, days, german, in_session, off_by, seconds, small};

/// Honest verifications in each test.
const HONEST: u64 = 40;

/// Spans that keep [`HONEST`] texts an address below every quota of sends.
const PAUSE: u64 = 125;

fn unknown(session: &str) -> ClientContext {
    ClientContext::new(ClientIp::unknown(), session)
}

fn attacked(session: &str) -> ClientContext {
    in_session(7, session)
}

/// What anybody can post without a text: a made-up grant, and a genuine one of somebody else.
struct Flood {
    from: fn(&str) -> ClientContext,
    grants: [EntryGrant; 3],
    calls: u64,
}

impl Flood {
    async fn begin(house: &House, from: fn(&str) -> ClientContext) -> Self {
        let stolen = house.send_to(BOB, &in_session(900, "somebody-else")).await.into_grant();
        let grants =
            [EntryGrant::from_client("made-up"), EntryGrant::from_client("A".repeat(300)), stolen];
        let mut flood = Self { from, grants, calls: 0 };
        for _ in 0..60 {
            flood.call(house).await;
        }
        flood
    }

    async fn call(&mut self, house: &House) {
        let grant = &self.grants[usize::try_from(self.calls % 3).unwrap()];
        let who = (self.from)(&format!("bot-{}", self.calls % 5));
        let verified = house.gate.verify(grant, "123456", &who).await.unwrap();
        assert!(matches!(verified, Verified::Rejected(_)));
        self.calls += 1;
    }

    /// One call a second.
    async fn goes_on(&mut self, house: &House, span: u64) {
        for _ in 0..span {
            house.clock.advance(seconds(1));
            self.call(house).await;
        }
    }
}

/// How many of 40 people behind the address get in with their first right code.
async fn let_in(house: &House, from: fn(&str) -> ClientContext) -> u64 {
    let mut flood = Flood::begin(house, from).await;
    let mut accepted = 0;
    for person in 0..HONEST {
        let who = from(&format!("person-{person}"));
        let grant = house.send_to(&german(person), &who).await.into_grant();
        let code = house.last_code();
        flood.goes_on(house, PAUSE).await;
        accepted += u64::from(house.accepts_from(&grant, &code, &who).await);
    }
    accepted
}

#[tokio::test]
async fn everybody_behind_the_attacked_address_is_let_in() {
    assert_eq!(let_in(&House::lab(small()), attacked).await, HONEST);
}

#[tokio::test]
async fn clients_of_unknown_address_do_not_stop_one_another() {
    assert_eq!(let_in(&House::lab(small()), unknown).await, HONEST);
}

#[tokio::test]
async fn a_device_proof_and_a_human_check_pass_the_attacked_address() {
    let house = House::lab_with(|builder| builder.human_check(Turing));
    let proof = house.prove(ALICE, &attacked("before")).await.device_proof().as_str().to_owned();
    house.clock.advance(days(5));
    let mut flood = Flood::begin(&house, attacked).await;
    for round in 0..5 {
        for who in [
            attacked(&format!("proven-{round}")).device_proof(proof.clone()),
            attacked(&format!("checked-{round}")).human_response("yes"),
        ] {
            flood.goes_on(&house, 660).await;
            let grant = house.send_to(ALICE, &who).await.into_grant();
            assert!(house.accepts_from(&grant, &house.last_code(), &who).await, "{round}");
        }
    }
}

/// Wrong codes, five for each text, until the session's share of its address is used up.
pub(crate) async fn use_up_the_share(house: &House, bot: &ClientContext) {
    let mut numbers = 0..;
    while house.log.rejected(RejectionCause::ClientLimit) == 0 {
        let number = german(numbers.next().unwrap());
        let Sent::Issued(issued) = house.insist(&number, &Purpose::SIGN_UP, bot).await else {
            panic!("no text for {number}")
        };
        for guess in 1..=5 {
            let wrong = off_by(&house.last_code(), guess);
            assert!(!house.accepts_from(issued.grant(), &wrong, bot).await);
        }
    }
}

/// Whoever proves more is not judged by what others guess in the same session.
#[tokio::test]
async fn a_device_proof_passes_a_session_whose_share_is_used_up() {
    let house = House::ruled(|policy| policy.quotas.session = vec![Quota::hourly(1_000)]);
    let proof = house.prove(ALICE, &attacked("before")).await.device_proof().as_str().to_owned();
    house.clock.advance(days(5));
    let bot = attacked("bot");
    use_up_the_share(&house, &bot).await;
    let owner = bot.device_proof(proof);
    let grant = house.send_to(ALICE, &owner).await.into_grant();
    assert!(!house.accepts_from(&grant, &house.wrong_code(), &owner).await);
    assert!(house.accepts_from(&grant, &house.last_code(), &owner).await);
}

/// A person may still mistype: the session's share is its own.
#[tokio::test]
async fn wrong_codes_in_one_session_stop_that_session_only() {
    let house = House::ruled(|policy| policy.quotas.session = vec![Quota::hourly(1_000)]);
    let (bot, person) = (attacked("bot"), attacked("person"));
    use_up_the_share(&house, &bot).await;
    assert_eq!(house.log.compared(), 60, "the share of one session");
    let grant = house.send_to(ALICE, &person).await.into_grant();
    assert!(!house.accepts_from(&grant, &house.wrong_code(), &person).await);
    assert!(house.accepts_from(&grant, &house.last_code(), &person).await);
}

/// The bound that the threat model states: five guesses a text, and no more texts than the
/// address's bucket of unverified messages has room for, 300 at once and one a minute.
#[tokio::test]
async fn a_day_of_guesses_from_one_address_is_five_for_each_text_it_may_have() {
    let house = House::lab(small());
    let (mut texts, mut minutes) = (0_u64, 0_u64);
    while minutes < 24 * 60 {
        let who = attacked(&format!("minted-{texts}-{minutes}"));
        match house.insist(&german(texts), &Purpose::SIGN_UP, &who).await {
            Sent::Issued(issued) => {
                texts += 1;
                for guess in 1..=8 {
                    let wrong = off_by(&house.last_code(), guess);
                    assert!(!house.accepts_from(issued.grant(), &wrong, &who).await);
                }
            }
            _ => {
                house.clock.advance(seconds(60));
                minutes += 1;
            }
        }
    }
    let guesses = u64::try_from(house.log.compared()).unwrap();
    assert_eq!(guesses, 5 * texts);
    assert!((1_700..=300 + 24 * 60).contains(&texts), "{texts} texts");
    assert!(guesses <= 8_700, "{guesses} guesses");
}

/// Garbage, a wrong code and a right one cost the store the same calls.
#[tokio::test]
async fn garbage_and_a_live_grant_make_the_same_store_calls() {
    let (store, calls) = Counting::new(small());
    let house = House::lab(store);
    let me = attacked("person");
    let grant = house.send_to(ALICE, &me).await.into_grant();
    let (wrong, right) = (house.wrong_code(), house.last_code());
    let made_up = EntryGrant::from_client("made-up");
    let binding = Binding::custom("order", b"4711").unwrap();
    let none = Binding::none();
    for (what, grant, code, binding, who) in [
        ("made up", &made_up, "123456", &none, attacked("bot")),
        ("another session's", &grant, right.as_str(), &none, attacked("bot")),
        ("another transaction's", &grant, right.as_str(), &binding, me.clone()),
        ("live, wrong", &grant, wrong.as_str(), &none, me.clone()),
        ("live, malformed", &grant, "", &none, me.clone()),
        ("live, right", &grant, right.as_str(), &none, me.clone()),
        ("used", &grant, right.as_str(), &none, me.clone()),
    ] {
        calls.reset();
        let _ = house.gate.verify_bound(grant, code, binding, &who).await.unwrap();
        assert_eq!((calls.of(Verb::Redeem), calls.total()), (1, 1), "{what}");
    }
    assert_eq!(house.log.accepted(), 1);
}

#[cfg(feature = "totp")]
mod authenticator {
    use super::{Flood, HONEST, House, attacked, seconds, small, unknown};
    use crate::authenticator::{app_code, enters, wrong_code};

    #[tokio::test]
    async fn garbage_stops_no_authenticator() {
        for from in [attacked, unknown] {
            let house = House::lab(small());
            let mut flood = Flood::begin(&house, from).await;
            for person in 0..HONEST {
                flood.goes_on(&house, 30).await;
                let who = from(&format!("person-{person}"));
                let code = app_code(&house);
                assert!(enters(&house, &format!("user-{person}"), &code, &who).await, "{person}");
            }
        }
    }

    /// Nor do wrong codes for accounts of the attacker's own.
    #[tokio::test]
    async fn wrong_codes_for_one_account_stop_no_other_at_the_address() {
        for from in [attacked, unknown] {
            let house = House::lab(small());
            for bot in 0..60 {
                let account = format!("bot-{}", bot % 12);
                let wrong = wrong_code(&house, bot);
                assert!(!enters(&house, &account, &wrong, &from("bot")).await);
            }
            for person in 0..HONEST {
                for bot in 0..30 {
                    house.clock.advance(seconds(1));
                    let wrong = wrong_code(&house, bot);
                    assert!(!enters(&house, &format!("bot-{bot}"), &wrong, &from("bot")).await);
                }
                let who = from(&format!("person-{person}"));
                let code = app_code(&house);
                assert!(enters(&house, &format!("user-{person}"), &code, &who).await, "{person}");
            }
        }
    }
}
