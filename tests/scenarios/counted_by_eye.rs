//! Tried: texts to numbers of one's own and one candidate's from one address, minted sessions. Does what comes
//! after tell whether the candidate got a text?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::otp::{CodeFormat, TestCode};
use otpgate::policy::{AskNetwork, Mode};
use otpgate::pumping::Tuning;
use otpgate::testing::Reply;
use otpgate::transport::NumberFault;
use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap};
use otpgate::{
    Cleared, ClientContext, Clock, Entry, EntryGrant, EventKind, LineType, Money, Policy, Purpose,
    ReceiptOutcome, RefusalReason, Sent, TestNumber,
};

use crate::receipts;
use crate::step_up::Turing;
use crate::support::{
    Dice, House, client, days, german, grown, hours, in_session, minutes, quick, recipient, seconds,
};

const CANDIDATE: &str = crate::support::BOB;
/// Of the candidate's hundred thousand.
const NEIGHBOUR: &str = "+4915798712345";

fn seen(sent: &Sent) -> String {
    match sent {
        Sent::Issued(issued) => format!("sent, again in {:?}", issued.resend_after()),
        Sent::StepUp(step_up) => format!("asked {:?}", step_up.means()),
        Sent::Refused(refusal) => format!("refused {:?}", refusal.public().kind()),
    }
}

/// The answers to 40 requests of one address for numbers of its own, of which the `before`th is
/// followed by one for somebody else's number.
async fn walk(before: u64, text: bool, known: bool, checks: bool) -> Vec<String> {
    let house = House::with(|builder| {
        let policy = quick(Policy::default());
        builder.policy(policy).tuning(Tuning::default()).human_check(Turing)
    });
    if known {
        drop(house.prove(CANDIDATE, &in_session(700, "owner")).await);
        house.clock.advance(days(4));
    }
    let mut trace = Vec::new();
    let who = |n: u64| -> ClientContext {
        let session = format!("minted-{n}");
        let who = in_session(1, &session);
        if checks { who.human_response("yes") } else { who }
    };
    for n in 0..40 {
        if n == before {
            let cleared = house.clear(CANDIDATE, &Purpose::RESET, &who(1_000)).await;
            let sent = match cleared {
                Cleared::Passed(clearance) if text => house.gate.issue(clearance).await.unwrap(),
                Cleared::Passed(clearance) => house.gate.decoy(clearance).await.unwrap(),
                Cleared::StepUp(step_up) => Sent::StepUp(step_up),
                Cleared::Refused(refusal) => Sent::Refused(refusal),
            };
            trace.push(seen(&sent));
            house.clock.advance(seconds(7));
        }
        let sent = house.insist(&german(n), &Purpose::SIGN_UP, &who(n)).await;
        trace.push(seen(&sent));
        house.clock.advance(seconds(7));
    }
    trace
}

/// A text to a number that was never verified was evidence against its client, a decoy was none: one
/// answer differed, after 18 numbers of one's own at an address.
#[tokio::test]
async fn what_follows_a_text_and_a_decoy_at_an_address() {
    for (checks, known) in [(false, true), (true, false), (false, false)] {
        for before in [0, 7, 15, 18] {
            let text = walk(before, true, known, checks).await;
            let decoy = walk(before, false, known, checks).await;
            let differs = text.iter().zip(&decoy).position(|(one, two)| one != two);
            assert_eq!(differs, None, "checks {checks}, known {known}, before {before}");
        }
    }
}

/// What becomes of the requests for the number that somebody tries.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    /// It was never verified, and gets texts.
    Text,
    /// It was never verified, and the host answers with decoys.
    Decoy,
    /// It was never verified, and a provider has reported that texts to it are in vain.
    Fault,
    /// It was never verified, and gets texts that the provider reports as not delivered.
    Undelivered,
    /// It was verified days ago, and gets texts.
    Known,
    /// It was verified days ago, and the host answers with decoys.
    KnownDecoy,
    /// It was never verified, and its network says that the card was changed yesterday.
    Swapped,
    /// It was verified days ago, and its network says that the card was changed since.
    KnownSwapped,
    /// It is a test number, whose fixed code the attacker does not have.
    Test,
}

/// Where it is tried.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    /// A realm without customers.
    Empty,
    /// The same, where nobody can be asked for a human check. Who is asked there waits for a text, which
    /// only the owner of a telephone sees: the numbers are others'.
    EmptyWithoutCheck,
    /// A realm with customers in every block and country: nothing of what one client does stands out
    /// there, and all that is seen is what the client's own addresses and networks are thought of.
    Busy,
    /// The same, and only known numbers get texts.
    KnownOnly,
    /// A realm without customers, and the networks are asked about every number.
    Networked,
    /// A realm with customers, and the networks are asked about every number.
    BusyNetworked,
    /// The same as an empty realm, in shadow mode.
    Shadow,
}

/// Networks where the candidate's card was changed once the flag is up.
#[derive(Debug)]
struct Cards {
    changed: Arc<AtomicBool>,
}

#[async_trait]
impl NumberSignals for Cards {
    async fn look_up(&self, query: &SignalsQuery) -> Result<Signals, SignalsError> {
        let changed = self.changed.load(Ordering::SeqCst);
        let swap = match changed && query.expose_number() == CANDIDATE {
            true => SimSwap::Within(hours(24)),
            false => SimSwap::NotWithin(hours(240)),
        };
        Ok(Signals::default().line_type(LineType::Mobile).sim_swap(swap))
    }
}

/// A detector that looks at clients alone.
fn of_clients() -> Tuning {
    // The order of its tables: host, network and the pool of unseen networks.
    let is_clients = |level: usize| [9, 10, 15].contains(&level);
    let mut tuning = Tuning::default();
    for table in [&mut tuning.floor, &mut tuning.window, &mut tuning.asked_window] {
        let others = table.iter_mut().enumerate().filter(|(level, _)| !is_clients(*level));
        others.for_each(|(_, value)| *value = 1e9);
    }
    tuning.parts.share = false;
    tuning
}

/// A realm, and somebody in it who has minted sessions at five addresses, two of them alone.
struct Walk {
    house: House,
    place: Place,
    fate: Fate,
    own: Vec<(EntryGrant, Option<String>, ClientContext)>,
    candidate: Option<(EntryGrant, ClientContext)>,
    numbers: u64,
    sessions: u64,
}

impl Walk {
    async fn new(place: Place, fate: Fate) -> Self {
        let busy = matches!(place, Place::Busy | Place::KnownOnly | Place::BusyNetworked);
        let networked = matches!(place, Place::Networked | Place::BusyNetworked);
        let changed = Arc::new(AtomicBool::new(false));
        let house = House::with(|builder| {
            let tuning = if busy { of_clients() } else { Tuning::default() };
            let mut policy = quick(Policy::default());
            if place == Place::Shadow {
                policy.mode.general = Mode::Observe;
            }
            if networked {
                policy.signals.ask = AskNetwork::Always;
                policy.signals.price = Money::microdollars(1_000);
            }
            let builder = builder.policy(policy).tuning(tuning);
            let changed = Arc::clone(&changed);
            match place {
                Place::EmptyWithoutCheck => builder,
                _ if networked => builder.human_check(Turing).signals(Cards { changed }),
                _ => builder.human_check(Turing),
            }
        });
        let owner = in_session(700, "owner");
        if busy {
            let known = matches!(fate, Fate::Known | Fate::KnownDecoy | Fate::KnownSwapped);
            // A neighbour otherwise: the block has customers.
            drop(house.prove(if known { CANDIDATE } else { NEIGHBOUR }, &owner).await);
            house.clock.advance(days(4));
        }
        changed.store(matches!(fate, Fate::Swapped | Fate::KnownSwapped), Ordering::SeqCst);
        let reply = match fate {
            Fate::Fault => Reply::Reported(NumberFault::OptedOut),
            _ => Reply::Refused,
        };
        if !networked {
            house.outbox.reply(reply);
            assert!(matches!(house.try_send(CANDIDATE, &owner).await, Sent::Refused(_)));
        }
        house.clock.advance(hours(2));
        if fate == Fate::Test {
            let code = TestCode::new("482915", &CodeFormat::default()).unwrap();
            let test = TestNumber::new(recipient(CANDIDATE), code, house.clock.now() + days(7));
            let (why, ada) = (Reason::new("app review").unwrap(), Actor::new("ada").unwrap());
            house.gate.controls().test_number(&test, why, ada).await.unwrap();
        }
        if place == Place::KnownOnly {
            let (why, ada) = (Reason::new("a test").unwrap(), Actor::new("ada").unwrap());
            let effect = Effect::KnownNumbersOnly;
            house.gate.controls().enter(Target::Everything, effect, why, ada, None).await.unwrap();
        }
        Self { house, place, fate, own: Vec::new(), candidate: None, numbers: 0, sessions: 0 }
    }

    /// A session at one of the addresses, seldom one that was there before.
    fn client(&mut self, dice: &mut Dice) -> ClientContext {
        let address = [[203, 0, 113, 7], [203, 0, 113, 7], [203, 0, 113, 7], [203, 0, 113, 8]]
            .into_iter()
            .chain([[203, 0, 114, 9], [198, 51, 100, 3], [192, 0, 2, 5]]);
        let address: Vec<[u8; 4]> = address.collect();
        let ip = address[dice.below(address.len() as u64) as usize];
        if dice.below(4) > 0 {
            self.sessions += 1;
        }
        let session = format!("minted-{}", self.sessions);
        let who = ClientContext::from_peer(ip.into(), session);
        if dice.below(3) == 0 { who.human_response("yes") } else { who }
    }

    fn purpose(dice: &mut Dice) -> Purpose {
        [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::RESET][dice.below(3) as usize].clone()
    }

    /// A request, doing what is asked for up to three times: all that is seen of it, and its grant.
    async fn ask(
        &self,
        number: &str,
        purpose: &Purpose,
        who: &ClientContext,
    ) -> (String, Option<EntryGrant>) {
        let decoy = number == CANDIDATE && matches!(self.fate, Fate::Decoy | Fate::KnownDecoy);
        let before = self.house.texts();
        let mut cleared = self.house.clear(number, purpose, who).await;
        let mut seen = String::new();
        for _ in 0..3 {
            let sent = match cleared {
                Cleared::Passed(clearance) if decoy => self.house.gate.decoy(clearance).await,
                Cleared::Passed(clearance) => self.house.gate.issue(clearance).await,
                Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
                Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
            };
            let sent = sent.unwrap();
            self.report(number == CANDIDATE, before).await;
            seen = format!("{seen} {}", self.shown(&sent));
            let ticket = match sent {
                Sent::Issued(issued) => return (seen, Some(issued.into_grant())),
                Sent::Refused(_) => break,
                Sent::StepUp(step_up) => step_up.ticket().as_str().to_owned(),
            };
            cleared = self.house.clear_with(&ticket, number, purpose, who).await;
        }
        (seen, None)
    }

    /// What the provider says of a text that has just gone out.
    async fn report(&self, to_candidate: bool, before: usize) {
        if to_candidate && self.fate == Fate::Undelivered && self.house.texts() > before {
            let line = format!("undelivered {} 1", receipts::key(&self.house));
            assert_eq!(receipts::one(&self.house, &line).await, ReceiptOutcome::Applied);
        }
    }

    fn shown(&self, sent: &Sent) -> String {
        match sent {
            Sent::Issued(issued) => format!(
                "{}, {} {:?}, {} {:?}",
                seen(sent),
                issued.grant().as_str().len(),
                issued.expires().since(self.house.clock.now()),
                issued.confirmed(),
                issued.channel(),
            ),
            Sent::StepUp(step_up) => format!("{} {}", seen(sent), step_up.ticket().as_str().len()),
            Sent::Refused(_) => seen(sent),
        }
    }

    /// A number of one's own, and its code if it got one.
    async fn own(&mut self, dice: &mut Dice) -> String {
        let (who, purpose) = (self.client(dice), Self::purpose(dice));
        self.numbers += 1;
        let number = match dice.below(4) {
            0 => format!("+49157987{:05}", 60_000 + self.numbers * 37),
            _ => german(self.numbers * 13 + 1),
        };
        let before = self.house.texts();
        let (seen, grant) = self.ask(&number, &purpose, &who).await;
        let reads = self.place != Place::EmptyWithoutCheck && self.house.texts() > before;
        let code = reads.then(|| self.house.last_code());
        self.own.extend(grant.map(|grant| (grant, code, who)));
        seen
    }

    async fn step(&mut self, dice: &mut Dice) -> String {
        match dice.below(20) {
            0..12 => self.own(dice).await,
            12 => {
                // The code of one's own, if there is one.
                let Some((grant, code, who)) = self.own.pop() else { return String::new() };
                let code = code.unwrap_or_else(|| "12345".to_owned());
                format!("accepted {}", self.house.accepts_from(&grant, &code, &who).await)
            }
            13..16 => {
                let (who, purpose) = (self.client(dice), Self::purpose(dice));
                let (seen, grant) = self.ask(CANDIDATE, &purpose, &who).await;
                if let Some(grant) = grant {
                    self.candidate = Some((grant, who));
                }
                seen
            }
            what => {
                let Some((grant, who)) = self.candidate.clone() else { return String::new() };
                match what {
                    16 => format!("{}", self.house.accepts_from(&grant, "12345", &who).await),
                    17 => match self.house.gate.entry(&grant, &who).await.unwrap() {
                        Entry::Open(view) => format!(
                            "open {} {:?} {:?}",
                            view.attempts_left(),
                            view.expires_in(),
                            view.resend_after()
                        ),
                        Entry::Closed(_) => "closed".to_owned(),
                    },
                    _ => {
                        let before = self.house.texts();
                        let sent = self.house.gate.resend(&grant, &who).await.unwrap();
                        self.report(true, before).await;
                        let seen = self.shown(&sent);
                        if let Sent::Issued(issued) = sent {
                            self.candidate = Some((issued.into_grant(), who));
                        }
                        seen
                    }
                }
            }
        }
    }
}

/// All that is seen of `steps` steps at random, and how many texts were withheld for a changed card, which is
/// not.
async fn wander(place: Place, fate: Fate, seed: u64, steps: usize) -> (Vec<String>, usize) {
    let mut walk = Walk::new(place, fate).await;
    let mut dice = Dice(seed);
    let waits = [seconds(1), seconds(3), seconds(3), seconds(8), seconds(31), minutes(6)];
    let mut trace = Vec::with_capacity(steps);
    for _ in 0..steps {
        trace.push(walk.step(&mut dice).await);
        walk.house.clock.advance(waits[dice.below(waits.len() as u64) as usize]);
    }
    let swapped = walk.house.log.count(|kind| {
        matches!(kind, EventKind::QuietlyRefused { reason: RefusalReason::SimSwapped })
    });
    if matches!(fate, Fate::Swapped | Fate::KnownSwapped) {
        let texts = walk.house.outbox.delivered();
        let texts = texts.iter().filter(|text| text.expose_number() == CANDIDATE).count();
        assert_eq!(
            texts,
            usize::from(fate == Fate::KnownSwapped),
            "the owner's, before the change"
        );
    }
    (trace, swapped)
}

/// Tried: numbers of one's own, answered and not, in sessions old and new at five addresses of three
/// networks, with human checks and without, before, between and after requests, renewals and guesses
/// for a number that was never verified, and for one that was.
#[tokio::test]
async fn what_becomes_of_a_number_is_not_seen_by_what_comes_next() {
    use Fate::{Decoy, Fault, Known, KnownDecoy, KnownSwapped, Swapped, Test, Text, Undelivered};
    const UNKNOWN: [Fate; 5] = [Text, Decoy, Fault, Undelivered, Test];
    const EITHER: [Fate; 7] = [Text, Decoy, Fault, Undelivered, Known, KnownDecoy, Test];
    const NETWORKED: [Fate; 3] = [Text, Decoy, Swapped];
    const EITHER_CARD: [Fate; 4] = [Text, Swapped, Known, KnownSwapped];
    let rows: [(Place, &[Fate]); 7] = [
        (Place::Empty, &UNKNOWN),
        (Place::EmptyWithoutCheck, &UNKNOWN),
        (Place::Busy, &EITHER),
        (Place::KnownOnly, &EITHER),
        (Place::Networked, &NETWORKED),
        (Place::BusyNetworked, &EITHER_CARD),
        (Place::Shadow, &UNKNOWN),
    ];
    let seeds: u64 = std::env::var("WALKS").map_or(3, |text| text.parse().unwrap());
    let (mut walks, mut differing, mut asked, mut withheld) = (0, Vec::new(), 0, Vec::new());
    for (place, fates) in rows {
        for seed in 1..=seeds {
            let (first, _) = wander(place, fates[0], seed, 90).await;
            asked += first.iter().filter(|seen| seen.contains("asked")).count();
            for fate in &fates[1..] {
                let (other, swapped) = wander(place, *fate, seed, 90).await;
                walks += 1;
                if matches!(fate, Swapped | KnownSwapped) {
                    withheld.push((*fate, swapped));
                }
                let at = first.iter().zip(&other).position(|(one, two)| one != two);
                let what = at.map(|at| (place, *fate, seed, at, &first[at], other[at].clone()));
                differing.extend(what.map(|what| format!("{what:?}")));
            }
        }
    }
    println!("{} of {walks} walks differ; {asked} answers ask for more", differing.len());
    assert!(asked > 20, "walks that nobody minds show nothing");
    for fate in [Swapped, KnownSwapped] {
        let texts = withheld.iter().filter(|(of, _)| *of == fate).map(|(_, texts)| texts);
        assert!(texts.clone().sum::<usize>() > 5, "{fate:?}: {withheld:?}");
    }
    assert_eq!(differing, Vec::<String>::new(), "of {walks}");
}

/// What an attacker sees of the candidate's block: `before` texts to strangers in it, each from a client of
/// its own, then one request for the candidate, then how three more are answered.
async fn beside(before: u64, text: bool) -> Vec<String> {
    let house = House::with(|builder| {
        builder.policy(quick(Policy::default())).tuning(grown()).human_check(Turing)
    });
    // The block has a customer since days.
    drop(house.prove(NEIGHBOUR, &in_session(700, "owner")).await);
    house.clock.advance(days(4));
    let stranger = |n: u64| format!("+49157987{:05}", n * 7_919 % 100_000);
    let who = |n: u64| client(3_000 + 3 * u32::try_from(n).unwrap());
    for n in 0..before {
        let _ = house.insist(&stranger(n), &Purpose::SIGN_UP, &who(n)).await;
        house.clock.advance(seconds(20));
    }
    if let Cleared::Passed(clearance) = house.clear(CANDIDATE, &Purpose::RESET, &who(900)).await {
        let sent = match text {
            true => house.gate.issue(clearance).await,
            false => house.gate.decoy(clearance).await,
        };
        drop(sent.unwrap());
    }
    house.clock.advance(seconds(20));
    let mut trace = Vec::new();
    for n in before..before + 3 {
        trace.push(seen(&house.try_send(&stranger(n), &who(n)).await));
        house.clock.advance(seconds(20));
    }
    trace
}

/// The threat model says so of a block with customers: a decoy leaves nothing there, a text does. What is
/// pinned is the price, in texts of the attacker's for each candidate.
#[tokio::test]
async fn a_block_with_customers_tells_one_candidate_for_a_dozen_texts() {
    let mut tells = Vec::new();
    for before in 8..18 {
        if beside(before, true).await != beside(before, false).await {
            tells.push(before);
        }
    }
    assert_eq!(tells, [11, 12, 13], "texts before the request after which text and decoy differ");
}
