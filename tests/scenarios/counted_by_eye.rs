//! Tried: texts to numbers of one's own and one candidate's from one address, minted sessions. Does what comes
//! after tell whether the candidate got a text?

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::pumping::Tuning;
use otpgate::testing::Reply;
use otpgate::transport::NumberFault;
use otpgate::{
    Cleared, ClientContext, ClientIp, Clock, Entry, EntryGrant, Policy, Purpose, ReceiptOutcome,
    Sent,
};

use crate::receipts;
use crate::step_up::Turing;
use crate::support::{Dice, House, days, german, hours, in_session, minutes, quick, seconds};

const CANDIDATE: &str = crate::support::BOB;
/// Of the candidate's hundred thousand.
const NEIGHBOUR: &str = "+4915798712345";

fn seen(sent: &Sent) -> String {
    match sent {
        Sent::Sent(issued) => format!("sent, again in {:?}", issued.resend_after()),
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
                Cleared::Cleared(clearance) if text => house.gate.issue(clearance).await.unwrap(),
                Cleared::Cleared(clearance) => house.gate.decoy(clearance).await.unwrap(),
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
        let house = House::with(|builder| {
            let busy = matches!(place, Place::Busy | Place::KnownOnly);
            let tuning = if busy { of_clients() } else { Tuning::default() };
            let builder = builder.policy(quick(Policy::default())).tuning(tuning);
            match place {
                Place::EmptyWithoutCheck => builder,
                _ => builder.human_check(Turing),
            }
        });
        let owner = in_session(700, "owner");
        if matches!(place, Place::Busy | Place::KnownOnly) {
            let known = matches!(fate, Fate::Known | Fate::KnownDecoy);
            // A neighbour otherwise: the block has customers.
            drop(house.prove(if known { CANDIDATE } else { NEIGHBOUR }, &owner).await);
            house.clock.advance(days(4));
        }
        let reply = match fate {
            Fate::Fault => Reply::Reported(NumberFault::OptedOut),
            _ => Reply::Refused,
        };
        house.outbox.reply(reply);
        assert!(matches!(house.try_send(CANDIDATE, &owner).await, Sent::Refused(_)));
        house.clock.advance(hours(2));
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
        let who = ClientContext::new(ClientIp::from_peer(ip.into()), session);
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
                Cleared::Cleared(clearance) if decoy => self.house.gate.decoy(clearance).await,
                Cleared::Cleared(clearance) => self.house.gate.issue(clearance).await,
                Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
                Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
            };
            let sent = sent.unwrap();
            self.report(number == CANDIDATE, before).await;
            seen = format!("{seen} {}", self.shown(&sent));
            let ticket = match sent {
                Sent::Sent(issued) => return (seen, Some(issued.into_grant())),
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
            Sent::Sent(issued) => format!(
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
                        if let Sent::Sent(issued) = sent {
                            self.candidate = Some((issued.into_grant(), who));
                        }
                        seen
                    }
                }
            }
        }
    }
}

/// All that is seen of `steps` steps at random.
async fn wander(place: Place, fate: Fate, seed: u64, steps: usize) -> Vec<String> {
    let mut walk = Walk::new(place, fate).await;
    let mut dice = Dice(seed);
    let waits = [seconds(1), seconds(3), seconds(3), seconds(8), seconds(31), minutes(6)];
    let mut trace = Vec::with_capacity(steps);
    for _ in 0..steps {
        trace.push(walk.step(&mut dice).await);
        walk.house.clock.advance(waits[dice.below(waits.len() as u64) as usize]);
    }
    trace
}

/// Tried: numbers of one's own, answered and not, in sessions old and new at five addresses of three
/// networks, with human checks and without, before, between and after requests, renewals and guesses
/// for a number that was never verified, and for one that was.
#[tokio::test]
async fn what_becomes_of_a_number_is_not_seen_by_what_comes_next() {
    const UNKNOWN: [Fate; 3] = [Fate::Text, Fate::Decoy, Fate::Fault];
    const EITHER: [Fate; 5] = [Fate::Text, Fate::Decoy, Fate::Fault, Fate::Known, Fate::KnownDecoy];
    let rows: [(Place, &[Fate]); 4] = [
        (Place::Empty, &UNKNOWN),
        (Place::EmptyWithoutCheck, &UNKNOWN),
        (Place::Busy, &EITHER),
        (Place::KnownOnly, &EITHER),
    ];
    let seeds: u64 = std::env::var("WALKS").map_or(3, |text| text.parse().unwrap());
    let (mut walks, mut differing, mut asked) = (0, Vec::new(), 0);
    for (place, fates) in rows {
        for seed in 1..=seeds {
            let first = wander(place, fates[0], seed, 90).await;
            asked += first.iter().filter(|seen| seen.contains("asked")).count();
            for fate in &fates[1..] {
                let other = wander(place, *fate, seed, 90).await;
                walks += 1;
                let at = first.iter().zip(&other).position(|(one, two)| one != two);
                let what = at.map(|at| (place, *fate, seed, at, &first[at], other[at].clone()));
                differing.extend(what.map(|what| format!("{what:?}")));
            }
        }
    }
    println!("{} of {walks} walks differ; {asked} answers ask for more", differing.len());
    assert!(asked > 20, "walks that nobody minds show nothing");
    assert_eq!(differing, Vec::<String>::new(), "of {walks}");
}
