//! What a network knows of a number: asked where the policy says so, paid for once, and what follows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use otpgate::policy::{AskNetwork, Mode, Quota, WithoutAnswer};
use otpgate::pumping::{BlockLevel, NodeId};
use otpgate::testing::{Calls, Counting, Latency, SeededEntropy, Verb};
use otpgate::transport::signals::{
    Carrier, NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap,
};
use otpgate::{
    Entry, EventKind, Gate, LimitName, LineType, Money, Policy, Purpose, RefusalReason, Sent,
};

use crate::support::{
    ALICE, BOB, House, client, days, german, grown, hours, memory, minutes, quick, race, seconds,
    small,
};

/// What the network answers.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Says {
    Swapped,
    Clean,
    Voip,
    NotAsked,
    Broken,
    Panics,
    Hangs,
}

/// Whether a look-up asked for the line, and how far back for the SIM card.
type Asked = (bool, Option<Duration>);

/// A network that answers as told, and remembers what it was asked: whether for the line, and how far
/// back for the SIM card.
#[derive(Clone, Debug)]
struct Network {
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Network {
    fn new(says: Says) -> Self {
        Self { says: Arc::new(Mutex::new(says)), asked: Arc::default() }
    }

    fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl NumberSignals for Network {
    async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
        assert!(query.expose_number().starts_with("+49"));
        assert!(!format!("{query:?}").contains("49151"), "{query:?}");
        self.asked.lock().unwrap().push((query.line(), query.sim_swap()));
        let says = *self.says.lock().unwrap();
        let carrier = Carrier::new("Example Mobile").network("26201");
        let mobile = Signals::default().line_type(LineType::Mobile).carrier(carrier);
        match says {
            Says::Swapped => Ok(mobile.sim_swap(SimSwap::Within(hours(24)))),
            Says::Clean => Ok(mobile.sim_swap(SimSwap::NotWithin(hours(240)))),
            Says::Voip => Ok(Signals::default().line_type(LineType::Voip)),
            Says::NotAsked => Err(SignalsError::not_asked("connection refused")),
            Says::Broken => Err(SignalsError::unknown("an answer that nobody can read")),
            Says::Panics => panic!("the network panicked"),
            Says::Hangs => std::future::pending().await,
        }
    }
}

/// The text costs 10 cents, the look-up 3.
const TEXT: u64 = 100_000;
const LOOK_UP: u64 = 30_000;

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = quick(Policy::default());
    policy.signals.ask = AskNetwork::Always;
    policy.signals.price = Money::microdollars(LOOK_UP);
    change(&mut policy);
    policy
}

fn house(network: &Network, change: impl FnOnce(&mut Policy)) -> (House, Calls) {
    let (store, calls) = Counting::new(small());
    let policy = policy(change);
    let prices =
        otpgate::pumping::PriceTable::builtin().with(*b"DE", otpgate::Money::microdollars(TEXT));
    let house = House::lab_with(|builder| {
        let builder = builder.store(store).policy(policy).prices(prices);
        builder.signals(network.clone()).signals_deadline(Duration::from_millis(20))
    });
    (house, calls)
}

async fn spent(gate: &Gate) -> u64 {
    gate.snapshot().await.unwrap().spent.as_microdollars()
}

fn told(house: &House, wanted: &RefusalReason) -> usize {
    house.log.count(|kind| matches!(kind, EventKind::Refused { reason } if reason == wanted))
}

#[tokio::test]
async fn a_changed_card_gets_no_code_and_the_page_learns_nothing() {
    let network = Network::new(Says::Swapped);
    let (house, _) = house(&network, |policy| policy.mode.quiet = false);
    let refusal = house.refused(ALICE, &client(1)).await;
    assert_eq!(*refusal.reason(), RefusalReason::SimSwapped);
    // As a limit shows.
    let limited = house.refused(ALICE, &client(2)).await;
    assert_eq!(*limited.reason(), RefusalReason::Limit(LimitName::NumberInterval));
    assert_eq!(refusal.public().kind(), limited.public().kind());
    assert_eq!(refusal.public().to_string(), limited.public().to_string());
    assert_eq!((house.outbox.handed_off(), told(&house, refusal.reason())), (0, 1));
    // The look-up is paid for, the text is not.
    assert_eq!(spent(&house.gate).await, LOOK_UP);
    // When the change is older than the rule the number gets its code again.
    house.clock.advance(hours(72));
    network.says(Says::Clean);
    assert!(matches!(house.try_send(ALICE, &client(3)).await, Sent::Issued(_)));
}

/// Whoever asks anew for each text has the strictest rule, and not none.
#[tokio::test]
async fn an_answer_that_is_kept_for_no_time_judges_the_text_it_was_asked_for() {
    for (life, line) in [(Duration::ZERO, days(1)), (seconds(1), Duration::ZERO)] {
        let network = Network::new(Says::Swapped);
        let (house, _) = house(&network, |policy| {
            policy.mode.quiet = false;
            (policy.signals.sim_swap_life, policy.signals.line_life) = (life, line);
        });
        let refusal = house.refused(ALICE, &client(1)).await;
        assert_eq!(*refusal.reason(), RefusalReason::SimSwapped, "{life:?}");
        house.clock.advance(seconds(60));
        network.says(Says::Clean);
        house.send_to(ALICE, &client(1)).await;
        assert_eq!(network.asked(), 2, "{life:?}: each text asks");
        let heard = house.log.count(|kind| {
            matches!(kind, EventKind::Signals { signals, asked: true }
                if signals.sim_swap.is_some() && signals.carrier.is_some())
        });
        assert_eq!(heard, 2, "{life:?}: and what it heard is told");
    }
}

/// The default: nobody who types a number learns that its card was changed.
#[tokio::test]
async fn quietly_it_looks_like_a_text() {
    let network = Network::new(Says::Swapped);
    let (house, calls) = house(&network, |_| {});
    house.send_to(BOB, &client(9)).await; // fetches the controls
    let mut seen = Vec::new();
    for says in [Says::Swapped, Says::Clean] {
        network.says(says);
        let number = if says == Says::Swapped { ALICE } else { &german(7) };
        calls.reset();
        let issued = house.send_to(number, &client(1)).await;
        let admitted = calls.of(Verb::Tally);
        let (confirmed, again) = (issued.confirmed(), issued.resend_after());
        let grant = issued.into_grant();
        let Entry::Open(view) = house.gate.entry(&grant, &client(1)).await.unwrap() else {
            panic!("closed")
        };
        let left = (view.attempts_left(), view.expires_in());
        assert!(!house.accepts_from(&grant, "12345", &client(1)).await);
        seen.push((admitted, confirmed, again, grant.as_str().len(), left));
        if says == Says::Swapped {
            assert!(!house.accepts_from(&grant, "123456", &client(1)).await);
            house.clock.advance(seconds(31));
            let sent = house.gate.resend(&grant, &client(1)).await.unwrap();
            assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
        }
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(house.outbox.handed_off(), 1, "the clean number's; Bob's card was changed too");
    let quiet = |kind: &EventKind| {
        matches!(kind, EventKind::QuietlyRefused { reason: RefusalReason::SimSwapped })
    };
    assert_eq!(house.log.count(quiet), 2);
}

/// Nor by guesses: they count as at a code that went out, also where an earlier one did, and the code that
/// was drawn for the text opens nothing.
#[tokio::test]
async fn guesses_at_a_code_that_did_not_go_out_count_like_any() {
    let mut walks = Vec::new();
    let mut drawn = String::new();
    for (first, then) in
        [(Says::Clean, Says::Clean), (Says::Swapped, Says::Swapped), (Says::Clean, Says::Swapped)]
    {
        let network = Network::new(first);
        let (store, _) = Counting::new(small());
        let house = House::lab_with(|builder| {
            let builder = builder.store(store).policy(policy(|_| {})).signals(network.clone());
            builder.entropy(SeededEntropy::new(7))
        });
        let grant = house.send_to(ALICE, &client(1)).await.into_grant();
        let mut walk = Vec::new();
        if first == Says::Clean && drawn.is_empty() {
            drawn = house.last_code();
        } else if first == Says::Swapped {
            assert!(!house.accepts_from(&grant, &drawn, &client(1)).await, "the drawn code");
        }
        if first == Says::Clean {
            assert!(!house.accepts_from(&grant, "12345", &client(1)).await);
        }
        let mut look = async || match house.gate.entry(&grant, &client(1)).await.unwrap() {
            Entry::Open(view) => walk.push(Some((view.attempts_left(), view.expires_in()))),
            Entry::Closed(_) => walk.push(None),
        };
        look().await;
        // The first code is over by now, and so is what was kept of the network's answer.
        house.clock.advance(minutes(11));
        network.says(then);
        assert!(!house.accepts_from(&grant, "12345", &client(1)).await);
        look().await;
        let sent = house.gate.resend(&grant, &client(1)).await.unwrap();
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
        for _ in 0..6 {
            assert!(!house.accepts_from(&grant, "12345", &client(1)).await);
            look().await;
        }
        walks.push(walk);
    }
    assert_eq!(walks[1], walks[0], "the card was changed before the first text");
    assert_eq!(walks[2], walks[0], "the card was changed before the second");
    assert_eq!(walks[0].last(), Some(&None), "all attempts are used up");
}

/// Limits, detector, budget, lists and destinations speak first.
#[tokio::test]
async fn nothing_is_asked_for_a_text_that_does_not_go_out_anyway() {
    let network = Network::new(Says::Clean);
    let (house, _) = house(&network, |policy| {
        policy.quotas.session = vec![Quota::hourly(1)];
    });
    house.send_to(ALICE, &client(1)).await;
    assert_eq!(network.asked(), 1);
    for (number, who) in [(ALICE, 2), (BOB, 1)] {
        let refused = house.try_send(number, &client(who)).await;
        assert!(matches!(refused, Sent::Refused(_)), "{refused:?}");
    }
    assert_eq!(network.asked(), 1, "interval and session");

    let tight = House::lab_with(|builder| {
        let mut policy = policy(|_| {});
        policy.budget.message = Money::microdollars(TEXT);
        let prices = otpgate::pumping::PriceTable::builtin()
            .with(*b"DE", otpgate::Money::microdollars(TEXT));
        let budget = Money::microdollars(2 * TEXT + LOOK_UP);
        let builder = builder.store(small()).policy(policy).prices(prices).daily_budget(budget);
        builder.signals(network.clone())
    });
    // Room for one text with its look-up, and for another text without one.
    assert!(matches!(tight.insist(ALICE, &Purpose::SIGN_UP, &client(1)).await, Sent::Issued(_)));
    let sent = tight.insist(BOB, &Purpose::SIGN_UP, &client(2)).await;
    let Sent::Refused(refusal) = sent else { panic!("{sent:?}") };
    assert_eq!(*refusal.reason(), RefusalReason::Budget(LimitName::Realm));
    assert_eq!((network.asked(), tight.texts()), (2, 1));
}

/// Forty at once, some of whose texts the provider refuses: money spent is never above the budget, and
/// what is accounted is what was spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups_never_take_a_budget_over() {
    let network = Network::new(Says::Clean);
    let house = Arc::new(House::lab_with(|builder| {
        let mut policy = policy(|_| {});
        policy.budget.message = Money::microdollars(TEXT);
        let prices = otpgate::pumping::PriceTable::builtin()
            .with(*b"DE", otpgate::Money::microdollars(TEXT));
        let budget = Money::microdollars(1_000_000);
        let store = Latency::new(memory(), 3, 0x9a1);
        let builder = builder.store(store).policy(policy).prices(prices).daily_budget(budget);
        builder.signals(network.clone())
    }));
    for _ in 0..5 {
        house.outbox.reply(otpgate::testing::Reply::Refused);
    }
    let sends = (0..40_u32).map(|index| {
        let house = Arc::clone(&house);
        async move { house.insist(&german(index.into()), &Purpose::SIGN_UP, &client(index)).await }
    });
    drop(race(sends.collect()).await);
    let paid = house.texts() as u64 * TEXT + network.asked() as u64 * LOOK_UP;
    assert!(paid <= 1_000_000, "{} texts and {} look-ups", house.texts(), network.asked());
    assert_eq!(spent(&house.gate).await, paid);
    assert!(house.texts() >= 2 && network.asked() >= house.texts() + 5);
}

/// One look-up for a verification and its renewals; after each part's own life only that part.
#[tokio::test]
async fn answers_are_kept_for_as_long_as_the_policy_says() {
    let network = Network::new(Says::Clean);
    let (house, _) = house(&network, |policy| {
        policy.quotas.number = vec![Quota::daily(100)];
        policy.interval.ladder.longest = seconds(30);
    });
    let rule = Some(hours(72));
    for (wait, asked) in [
        (seconds(0), vec![(true, rule)]),
        (minutes(3), vec![]),
        (minutes(6), vec![]),
        (minutes(2), vec![(false, rule)]),
        (days(31), vec![(true, rule)]),
    ] {
        house.clock.advance(wait);
        network.asked.lock().unwrap().clear();
        house.send_to(ALICE, &client(1)).await;
        assert_eq!(*network.asked.lock().unwrap(), asked, "after {wait:?}");
    }
    // Kept or not, the observer hears what is known.
    let known = house.log.count(|kind| match kind {
        EventKind::Signals { signals, .. } => {
            signals.carrier.as_ref().is_some_and(|carrier| carrier.network.is_some())
                && signals.line_type == Some(LineType::Mobile)
        }
        _ => false,
    });
    assert_eq!(known, 5);
    // Another gate on the store asks no more than this one.
    assert_eq!(spent(&house.gate).await, TEXT + LOOK_UP, "of the last day");
}

/// Purposes share the answers, and each judges by its own rule how old one may be, whoever asked
/// for it.
#[tokio::test]
async fn an_answer_is_as_old_for_a_payment_whoever_asked_for_it() {
    let network = Network::new(Says::Clean);
    let log_in = policy(|policy| policy.signals.sim_swap_life = hours(24));
    let payment = policy(|policy| {
        policy.signals.without_answer = WithoutAnswer::Refuse;
        policy.mode.quiet = false;
    });
    let house = House::lab_with(|builder| {
        let builder = builder.store(small()).policy(log_in).purpose(Purpose::PAYMENT, payment);
        builder.signals(network.clone())
    });
    house.send_to(ALICE, &client(1)).await;
    house.clock.advance(hours(10));
    network.says(Says::Swapped);
    house.clock.advance(hours(13) + minutes(50));
    let sent = house.try_send_for(ALICE, &Purpose::PAYMENT, &client(2)).await;
    assert!(matches!(sent, Sent::Refused(_)), "{sent:?}");
    assert_eq!((network.asked(), house.texts()), (2, 1), "the payment's answer is its own");
    // What a payment asked for serves a log-in for a day, and outlives other payments' answers.
    network.says(Says::Clean);
    let sent = house.try_send_for(BOB, &Purpose::PAYMENT, &client(3)).await;
    assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
    house.clock.advance(hours(23));
    house.send_to(BOB, &client(3)).await;
    assert_eq!(network.asked(), 3);
}

/// An accepted code pays back its text, so look-ups may not fill what only codes empty.
#[tokio::test]
async fn look_ups_leave_nothing_on_the_unverified_budget() {
    let network = Network::new(Says::Clean);
    let (house, _) = house(&network, |policy| {
        policy.budget.message = Money::microdollars(TEXT);
        policy.budget.unverified = Some(Money::microdollars(3 * TEXT));
    });
    for index in 0..20_u32 {
        drop(house.prove(&german(index.into()), &client(index)).await);
    }
    assert_eq!((house.texts(), network.asked()), (20, 20));
}

#[tokio::test]
async fn another_gate_on_the_store_knows_the_answer() {
    let network = Network::new(Says::Clean);
    let store = Arc::new(memory());
    let change = |builder: otpgate::GateBuilder| {
        builder.store(Arc::clone(&store)).policy(policy(|_| {})).signals(network.clone())
    };
    let here = House::lab_with(change);
    let there = here.beside(change);
    here.send_to(ALICE, &client(1)).await;
    here.clock.advance(minutes(2));
    there.send_to(ALICE, &client(2)).await;
    assert_eq!(network.asked(), 1);
    // Nothing of it can be read in the store.
    let dump = store.dump();
    for word in ["Example Mobile", "26201", "+49151", "49151"] {
        assert!(!dump.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
    }
}

/// Two hundred numbers at once: shelves are written by compare and swap, and an answer that is lost
/// costs another look-up and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_answers_at_once_are_kept() {
    let network = Network::new(Says::Clean);
    let house = Arc::new(House::lab_with(|builder| {
        let store = Latency::new(memory(), 3, 0x77);
        builder.store(store).policy(policy(|_| {})).signals(network.clone())
    }));
    for round in 0..2_u32 {
        let sends = (0..200_u32).map(|index| {
            let house = Arc::clone(&house);
            let who = client(1_000 * round + index);
            async move { house.try_send(&german(index.into()), &who).await }
        });
        let sent = race(sends.collect()).await;
        assert!(sent.iter().all(|sent| matches!(sent, Sent::Issued(_))), "round {round}");
        house.clock.advance(minutes(2));
    }
    assert!((200..=240).contains(&network.asked()), "{}", network.asked());
}

#[tokio::test]
async fn without_an_answer_the_policy_decides() {
    for says in [Says::NotAsked, Says::Broken, Says::Panics, Says::Hangs] {
        for without in [WithoutAnswer::Send, WithoutAnswer::Refuse] {
            let network = Network::new(says);
            let (house, _) = house(&network, |policy| {
                policy.signals.without_answer = without;
                policy.mode.quiet = false;
            });
            let sent = house.try_send(ALICE, &client(1)).await;
            let why = format!("{says:?}, {without:?}: {sent:?}");
            match (without, sent) {
                (WithoutAnswer::Send, Sent::Issued(_)) => {
                    assert_eq!(house.texts(), 1);
                    let kept = if says == Says::NotAsked { 0 } else { LOOK_UP };
                    assert_eq!(spent(&house.gate).await, TEXT + kept, "{why}");
                }
                (WithoutAnswer::Refuse, Sent::Refused(refusal)) => {
                    assert_eq!(*refusal.reason(), RefusalReason::NoSignals);
                    assert_eq!(house.texts(), 0);
                    // What provably cost nothing is given back with the text.
                    let kept = if says == Says::NotAsked { 0 } else { LOOK_UP };
                    assert_eq!(spent(&house.gate).await, kept, "{why}");
                }
                _ => panic!("{why}"),
            }
            let outage = |kind: &EventKind| matches!(kind, EventKind::Outage { .. });
            assert_eq!((house.log.count(outage), network.asked()), (1, 1), "{why}");
        }
    }
}

/// A carrier that does not say when the card was changed.
#[tokio::test]
async fn an_answer_that_does_not_decide_counts_as_none() {
    for (without, texts) in [(WithoutAnswer::Send, 1), (WithoutAnswer::Refuse, 0)] {
        let network = Network::new(Says::Voip);
        let (house, _) = house(&network, |policy| policy.signals.without_answer = without);
        drop(house.send_to(ALICE, &client(1)).await);
        assert_eq!(house.outbox.handed_off(), texts, "{without:?}");
    }
}

#[tokio::test]
async fn only_whom_the_policy_names_is_asked_about() {
    for (ask, asked) in [
        (AskNetwork::Never, [0, 0]),
        (AskNetwork::NewNumbers, [1, 0]),
        (AskNetwork::Always, [1, 1]),
    ] {
        let network = Network::new(Says::Clean);
        let (house, calls) = house(&network, |policy| policy.signals.ask = ask);
        drop(house.prove(ALICE, &client(1)).await);
        assert_eq!(network.asked(), asked[0], "{ask:?}, a new number");
        house.clock.advance(days(4));
        calls.reset();
        house.send_to(ALICE, &client(1)).await;
        assert_eq!(network.asked() - asked[0], asked[1], "{ask:?}, a known number");
        // The store is read for every number alike, and for nobody where nothing is asked.
        let read = u64::from(ask != AskNetwork::Never);
        assert_eq!(calls.of(Verb::Tally), read, "{ask:?}");
    }
}

/// A decoy reads the store like a text, and neither asks nor pays.
#[tokio::test]
async fn decoys_ask_nothing() {
    let network = Network::new(Says::Swapped);
    let (house, calls) = house(&network, |_| {});
    let clearance = house.clearance(ALICE).await;
    calls.reset();
    assert!(matches!(house.gate.decoy(clearance).await.unwrap(), Sent::Issued(_)));
    assert_eq!((network.asked(), spent(&house.gate).await), (0, 0));
    assert!(calls.of(Verb::Tally) >= 1);
}

/// Shadow mode asks, pays and tells, and sends all the same.
#[tokio::test]
async fn in_shadow_mode_it_is_told_and_not_done() {
    let network = Network::new(Says::Swapped);
    let (house, _) = house(&network, |policy| policy.mode.general = Mode::Observe);
    house.send_to(ALICE, &client(1)).await;
    let would = |kind: &EventKind| {
        matches!(kind, EventKind::WouldRefuse { reason: RefusalReason::SimSwapped })
    };
    assert_eq!((house.texts(), house.log.count(would)), (1, 1));
    assert_eq!(spent(&house.gate).await, TEXT + LOOK_UP);
}

/// A provider that did not take the text gives back the text's price, not the look-up's.
#[tokio::test]
async fn a_text_that_is_not_taken_leaves_the_look_up_paid() {
    let network = Network::new(Says::Clean);
    let (house, _) = house(&network, |_| {});
    house.outbox.reply(otpgate::testing::Reply::Refused);
    let refusal = house.refused(ALICE, &client(1)).await;
    assert_eq!(*refusal.reason(), RefusalReason::NumberRefused);
    assert_eq!(spent(&house.gate).await, LOOK_UP);
}

#[tokio::test]
async fn a_policy_that_asks_needs_somebody_to_ask() {
    let mut asking = Policy::default();
    asking.signals.ask = AskNetwork::Always;
    let parts = |policy: Policy| crate::config::parts().policy(policy);
    let error = parts(asking.clone()).build().unwrap_err().to_string();
    assert!(error.contains("GateBuilder::signals"), "{error}");
    let network = Network::new(Says::Clean);
    assert!(parts(asking.clone()).signals(network.clone()).build().is_ok());
    let short = parts(asking).signals(network.clone()).daily_budget(Money::cents(55));
    let error = short.build().unwrap_err().to_string();
    assert!(error.contains("budget.message and signals.price"), "{error}");
    let none = parts(Policy::default()).signals_deadline(Duration::ZERO).build().unwrap_err();
    assert!(none.to_string().starts_with("`signals_deadline` is 0"), "{none}");
    let never = parts(Policy::default()).signals_deadline(Duration::MAX).build().unwrap_err();
    assert!(never.to_string().contains("270 seconds at most"), "{never}");
}

/// Through a whole gate: what the network says of lines reaches the detector. It counts as step-ups do, for
/// the block of the numbers: against it where they are not what the block was assigned for.
#[tokio::test]
async fn what_the_network_says_of_lines_is_evidence() {
    let mut evidence = Vec::new();
    for says in [Says::Broken, Says::Voip, Says::Clean] {
        let network = Network::new(says);
        let policy = policy(|policy| policy.quotas.block_unverified = None);
        let port = network.clone();
        let house = House::lab_with(|builder| {
            builder.store(small()).policy(policy).tuning(grown()).signals(port)
        });
        for index in 0..8 {
            let number = format!("+49151{}", 23_000_000 + index);
            let sent = house.try_send(&number, &client(1_000 + index)).await;
            assert!(matches!(sent, Sent::Issued(_)), "{says:?} {index}: {sent:?}");
            house.clock.advance(minutes(2));
        }
        assert_eq!(network.asked(), 8, "once for each text");
        let block = NodeId::block(BlockLevel::Hundred, 4_915_123_000_000);
        evidence.push(house.gate.detector_node(block).unwrap().step_up_evidence);
    }
    let [unknown, unlike, alike] = evidence[..] else { panic!("{evidence:?}") };
    println!("{unknown} nats, {unlike} of lines that are not mobile, {alike} of mobile ones");
    assert!(unlike > unknown + 0.5, "{unlike} against {unknown}");
    assert!((unknown - 1.0..=unknown).contains(&alike), "{alike} against {unknown}");
}
