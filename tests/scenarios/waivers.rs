//! What is waived for some numbers and withheld from others, and that nobody can tell which.

use std::time::Duration;

use otpgate::access::{
    Actor, AnonymiserKind, AnonymiserList, Anonymisers, CallerId, CallerKey, CallerRequest,
    CallerRule, CallerRules, Effect, Network, Reason, Target,
};
use otpgate::policy::AnonymiserTier;
use otpgate::pumping::Tuning;
use otpgate::testing::{Calls, Counting, Reply, Verb};
use otpgate::{
    Cleared, ClientContext, Clock, Entry, EntryGrant, EventKind, GateError, Money, Policy, Purpose,
    Sent, SystemEntropy,
};

use crate::step_up::Turing;
use crate::support::{
    Dice, House, client, days, grown, hours, keys, memory, minutes, quick, recipient, seconds,
    small,
};

/// Why a number gets no text, though another would.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cause {
    KnownOnly,
    /// The detector refuses, or asks for what nobody here can give.
    Refused,
    /// An operator extends the detector's block.
    Extended,
    /// The detector asks for a human check.
    Asked,
    /// The detector asks for work, in a realm without history and a house without a human check.
    WorkAsked,
    /// The same, and it refuses whoever does it.
    WorkInVain,
    /// An operator's block of a prefix.
    Block,
    CountryOff,
    /// An operator's block of the client's network, which an entry for a number does not lift.
    NetworkBlock,
    /// The client's network is one that is answered quietly, which no fact about the number waives.
    Anonymiser,
    /// Nobody has anything against the number, and its country's budget is empty.
    EmptyBudget,
}

impl Cause {
    /// Whether the realm has no history.
    fn is_young(self) -> bool {
        matches!(self, Self::WorkAsked | Self::WorkInVain)
    }
}

/// What waives it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fact {
    Known,
    Allowed,
}

const ROWS: [(Cause, Fact); 19] = [
    (Cause::KnownOnly, Fact::Known),
    (Cause::KnownOnly, Fact::Allowed),
    (Cause::Refused, Fact::Known),
    (Cause::Refused, Fact::Allowed),
    (Cause::Extended, Fact::Known),
    (Cause::Extended, Fact::Allowed),
    (Cause::Asked, Fact::Known),
    (Cause::Asked, Fact::Allowed),
    (Cause::WorkAsked, Fact::Known),
    (Cause::WorkAsked, Fact::Allowed),
    (Cause::WorkInVain, Fact::Known),
    (Cause::WorkInVain, Fact::Allowed),
    (Cause::Block, Fact::Allowed),
    (Cause::CountryOff, Fact::Allowed),
    (Cause::NetworkBlock, Fact::Allowed),
    (Cause::Anonymiser, Fact::Known),
    (Cause::Anonymiser, Fact::Allowed),
    (Cause::EmptyBudget, Fact::Known),
    (Cause::EmptyBudget, Fact::Allowed),
];

/// The `index`th number of a block of 10 000.
fn number(index: u32) -> String {
    format!("+998941{:06}", 230_000 + index)
}

fn customer() -> String {
    number(30)
}

fn stranger() -> String {
    number(50)
}

struct Scene {
    house: House,
    calls: Calls,
    key: CallerKey,
}

/// A house where `cause` stands against every number, and `fact` waives it for the customer's.
async fn scene(cause: Cause, fact: Fact) -> Scene {
    scene_with(cause, fact, cause == Cause::Asked).await
}

async fn scene_with(cause: Cause, fact: Fact, human: bool) -> Scene {
    let (store, calls) = Counting::new(small());
    let mut policy = quick(Policy::default());
    policy.quotas.client_unverified = None;
    policy.quotas.network_unverified = None;
    policy.quotas.block_unverified = None;
    if cause == Cause::EmptyBudget {
        policy.budget.countries.insert("UZ".parse().unwrap(), Money::microdollars(1_000_000));
    }
    let caller = CallerId::new("billing").unwrap();
    let network: Network = "10.1.0.0/16".parse().unwrap();
    let rules =
        CallerRules::new("otp.example.com").allow(CallerRule::new(caller.clone(), [network]));
    policy.anonymisers.hosting = AnonymiserTier::Quiet;
    let anonymisers = Anonymisers::default();
    let house = House::with(|builder| {
        let tuning = if cause.is_young() { Tuning::default() } else { grown() };
        let builder = builder.store(store).policy(policy).tuning(tuning).callers(rules);
        let builder = builder.anonymisers(anonymisers.clone());
        if human { builder.human_check(Turing) } else { builder }
    });
    if fact == Fact::Known {
        drop(house.prove(&customer(), &client(7)).await);
        house.clock.advance(days(4));
    } else {
        let target = house.gate.controls().number(&recipient(&customer()));
        enter(&house, target, Effect::Allow).await;
    }
    match cause {
        Cause::KnownOnly => enter(&house, Target::Everything, Effect::KnownNumbersOnly).await,
        Cause::Block => {
            enter(&house, Target::Prefix("+99894".parse().unwrap()), Effect::Block).await;
        }
        Cause::CountryOff => {
            enter(&house, Target::Country("UZ".parse().unwrap()), Effect::CountryOff).await;
        }
        Cause::NetworkBlock => {
            enter(&house, Target::Network("0.0.0.0/1".parse().unwrap()), Effect::Block).await;
        }
        Cause::Extended => {
            let range = Target::Prefix("+99894".parse().unwrap());
            enter(&house, range, Effect::ExtendAutomaticBlock).await;
        }
        Cause::Refused | Cause::Asked | Cause::WorkAsked => pump(&house, 60).await,
        Cause::WorkInVain => pump(&house, 200).await,
        Cause::Anonymiser => {
            let everywhere: String = (11..=126).map(|first| format!("{first}.0.0.0/8\n")).collect();
            let list = AnonymiserList::parse(&everywhere, AnonymiserKind::Hosting).unwrap();
            anonymisers.replace(list);
        }
        Cause::EmptyBudget => {
            pump(&house, 60).await;
            enter(&house, Target::Everything, Effect::KnownNumbersOnly).await;
        }
    }
    // The first request of a process may have to fetch the controls.
    let _ = house.try_send(&number(900), &client(900)).await;
    let now = house.clock.now();
    let key = CallerKey::mint(&caller, "otp.example.com", now + days(30), &keys(), now).unwrap();
    Scene { house, calls, key }
}

async fn enter(house: &House, target: Target, effect: Effect) {
    let (reason, actor) = (Reason::new("a test").unwrap(), Actor::new("ada").unwrap());
    let controls = house.gate.controls();
    let until = (effect == Effect::ExtendAutomaticBlock).then(|| controls.now() + days(7));
    controls.enter(target, effect, reason, actor, until).await.unwrap();
}

/// Numbers of one block, five seconds apart, and nobody enters a code.
async fn pump(house: &House, count: u32) {
    for index in 100..100 + count {
        let _ = house.insist(&number(index), &Purpose::SIGN_UP, &client(1_000 + index * 3)).await;
        house.clock.advance(seconds(5));
    }
}

/// Somebody who tries what answer a number gets.
struct Prober {
    number: String,
    who: ClientContext,
    grant: Option<EntryGrant>,
    trace: Vec<(&'static str, String, [u64; 4])>,
    texts: usize,
    index: u32,
    /// How many numbers of the same block he has asked for as well.
    met: u32,
}

impl Prober {
    fn new(number: String, index: u32) -> Self {
        let who = client(20_000 + index);
        Self { number, who, grant: None, trace: Vec::new(), texts: 0, index, met: 0 }
    }

    /// Does `step` and writes down what can be seen of it, and what it costs the store.
    async fn probe(&mut self, scene: &Scene, step: &'static str) {
        let before = scene.house.outbox.handed_off();
        scene.calls.reset();
        let seen = self.seen(scene, step).await;
        let verbs = [Verb::Admit, Verb::Settle, Verb::Redeem, Verb::Tally];
        self.trace.push((step, seen, verbs.map(|verb| scene.calls.of(verb))));
        self.texts += scene.house.outbox.handed_off() - before;
    }

    async fn seen(&mut self, scene: &Scene, step: &str) -> String {
        let (house, gate) = (&scene.house, &scene.house.gate);
        let sent = match step {
            "issue" => self.asked(house, &self.number, &Purpose::SIGN_UP).await,
            "checked" => self.checked(house).await,
            "log-in" => self.asked(house, &self.number, &Purpose::LOG_IN).await,
            "neighbour" => {
                self.met += 1;
                let other = number(1_000 + self.met * 2 + self.index);
                let sent = self.asked(house, &other, &Purpose::RESET).await;
                let grant = self.grant.take();
                let seen = self.answered(house, sent);
                self.grant = grant;
                return seen;
            }
            "decoy" => match house.clear(&self.number, &Purpose::LOG_IN, &self.who).await {
                Cleared::Passed(clearance) => gate.decoy(clearance).await,
                Cleared::StepUp(step_up) => Ok(Sent::StepUp(step_up)),
                Cleared::Refused(refusal) => Ok(Sent::Refused(refusal)),
            },
            "caller" => match self.authorised(scene) {
                Cleared::Passed(clearance) => gate.issue(clearance).await,
                other => panic!("not authorised: {other:?}"),
            },
            _ => {
                let Some(grant) = self.grant.clone() else { return format!("no {step}: no grant") };
                match step {
                    "resend" => gate.resend(&grant, &self.who).await,
                    "entry" => return self.entry(house, &grant).await,
                    "verify" => {
                        let accepted = house.accepts_from(&grant, "12345", &self.who).await;
                        return format!("accepted: {accepted}");
                    }
                    other => panic!("no step: {other}"),
                }
            }
        };
        self.answered(house, sent)
    }

    async fn asked(
        &self,
        house: &House,
        number: &str,
        purpose: &Purpose,
    ) -> Result<Sent, GateError> {
        house.try_go_on(house.clear(number, purpose, &self.who).await).await
    }

    async fn entry(&self, house: &House, grant: &EntryGrant) -> String {
        match house.gate.entry(grant, &self.who).await.unwrap() {
            Entry::Open(view) => format!(
                "open {} left, {:?}, again in {:?}",
                view.attempts_left(),
                view.expires_in(),
                view.resend_after()
            ),
            Entry::Closed(_) => "closed".to_owned(),
        }
    }

    /// A request; what it asks for is met with a human check.
    async fn checked(&self, house: &House) -> Result<Sent, GateError> {
        let sent = self.asked(house, &self.number, &Purpose::SIGN_UP).await;
        let Ok(Sent::StepUp(step_up)) = sent else { return sent };
        let (ticket, who) = (step_up.ticket().as_str(), self.who.clone().human_response("yes"));
        let cleared = house.clear_with(ticket, &self.number, &Purpose::SIGN_UP, &who).await;
        house.try_go_on(cleared).await
    }

    fn authorised(&self, scene: &Scene) -> Cleared {
        let (recipient, purpose) = (recipient(&self.number), Purpose::PAYMENT);
        let request =
            CallerRequest { realm: "default", purpose: purpose.as_str(), recipient: &recipient };
        let signed = scene.key.sign(&request, &SystemEntropy, scene.house.clock.now()).unwrap();
        let peer = "10.1.2.3".parse().unwrap();
        scene
            .house
            .gate
            .authorise(&signed, &recipient, &purpose, &otpgate::access::ClientIp::from_peer(peer))
            .unwrap()
    }

    fn answered(&mut self, house: &House, sent: Result<Sent, GateError>) -> String {
        match sent {
            Ok(sent) => self.sent(house, sent),
            Err(error) => format!("an outage, {:?}", error.kind()),
        }
    }

    fn sent(&mut self, house: &House, sent: Sent) -> String {
        match sent {
            Sent::Issued(issued) => {
                let seen = format!(
                    "sent, a grant of {}, again in {:?}, {}, {}, until {:?}",
                    issued.grant().as_str().len(),
                    issued.resend_after(),
                    issued.confirmed(),
                    issued.may_be_withheld(),
                    issued.expires().since(house.clock.now())
                );
                self.grant = Some(issued.into_grant());
                seen
            }
            Sent::StepUp(step_up) => {
                format!(
                    "asked {:?}, a ticket of {}",
                    step_up.means(),
                    step_up.ticket().as_str().len()
                )
            }
            Sent::Refused(refusal) => format!("refused {:?}", refusal.public().kind()),
        }
    }
}

/// Two numbers, step by step, each step of `first` before that of `second`, with a provider that answers
/// `reply`; and how often the operator was told of a quiet refusal.
async fn probe(
    (cause, fact): (Cause, Fact),
    reply: Reply,
    first: String,
    second: String,
) -> ([Prober; 2], usize) {
    let scene = scene(cause, fact).await;
    scene.house.outbox.always(reply);
    let mut both = [Prober::new(first, 0), Prober::new(second, 1)];
    let is_asked = cause == Cause::Asked || cause.is_young();
    let asked = if is_asked { "checked" } else { "issue" };
    for (step, wait) in [
        ("caller", minutes(0)),
        ("issue", minutes(0)),
        (asked, minutes(0)),
        ("entry", minutes(0)),
        ("verify", minutes(2)),
        ("resend", minutes(0)),
        ("entry", minutes(3)),
        ("resend", minutes(0)),
        ("verify", hours(1)),
        ("decoy", minutes(2)),
        ("resend", minutes(0)),
    ] {
        for prober in &mut both {
            prober.probe(&scene, step).await;
        }
        scene.house.clock.advance(wait);
    }
    let told = scene.house.log.count(|kind| matches!(kind, EventKind::QuietlyRefused { .. }));
    (both, told)
}

/// What a prober does next, and how long he waits after it.
fn next(dice: &mut Dice) -> (&'static str, Duration) {
    let steps = [
        "issue",
        "issue",
        "checked",
        "checked",
        "log-in",
        "caller",
        "entry",
        "verify",
        "resend",
        "resend",
        "decoy",
        "neighbour",
        "neighbour",
    ];
    let waits = [seconds(0), seconds(0), seconds(31), minutes(2), minutes(11), hours(1)];
    let step = steps[dice.below(steps.len() as u64) as usize];
    (step, waits[dice.below(waits.len() as u64) as usize])
}

/// Sixty steps at random of two numbers, each step of `first` before that of `second`; and what was
/// seen, without what it cost the store: how many texts a block has had decides that, not the number.
async fn wander(
    (cause, fact): (Cause, Fact),
    seed: u64,
    first: String,
    second: String,
) -> [Vec<(&'static str, String)>; 2] {
    let human = seed.is_multiple_of(2) || cause == Cause::Asked;
    let scene = scene_with(cause, fact, human && !cause.is_young()).await;
    let mut both = [Prober::new(first, 0), Prober::new(second, 1)];
    let mut dice = Dice(seed);
    for _ in 0..60 {
        let (step, wait) = next(&mut dice);
        for prober in &mut both {
            prober.probe(&scene, step).await;
        }
        scene.house.clock.advance(wait);
    }
    both.map(|prober| prober.trace.into_iter().map(|(step, seen, _)| (step, seen)).collect())
}

/// Tried: new requests after a quiet answer, other purposes, callers, decoys, human checks, waits of
/// every length, and requests for the number's neighbours in between.
#[tokio::test]
async fn nobody_sees_it_whatever_they_try() {
    for row in ROWS {
        for seed in [1, 2, 4, 9] {
            let seen = wander(row, seed, customer(), stranger()).await;
            let other = wander(row, seed, stranger(), customer()).await;
            for (seen, other) in seen.iter().zip(&other) {
                let differs = seen.iter().zip(other).position(|(one, two)| one != two);
                let at = differs.map(|at| (at, &seen[at], &other[at]));
                assert_eq!(at, None, "{row:?}, seed {seed}");
            }
        }
    }
}

/// Whoever comes first and whoever comes second sees the same, whichever of them is the customer.
#[tokio::test]
async fn nobody_sees_for_whom_a_refusal_is_waived() {
    for (cause, fact) in ROWS {
        let row = (cause, fact);
        let ([one, two], told) = probe(row, Reply::Accept, customer(), stranger()).await;
        let ([other_one, other_two], _) = probe(row, Reply::Accept, stranger(), customer()).await;
        assert_eq!(one.trace, other_one.trace, "{cause:?}, {fact:?}: first");
        assert_eq!(two.trace, other_two.trace, "{cause:?}, {fact:?}: second");
        let (customers, strangers) = (one.texts + other_two.texts, two.texts + other_one.texts);
        match cause {
            Cause::NetworkBlock | Cause::EmptyBudget => assert_eq!((customers, strangers), (0, 0)),
            Cause::Anonymiser => {
                // The caller's, which does not come from there.
                assert_eq!((customers, strangers), (2, 2), "{fact:?}");
                assert!(told > 0, "{fact:?}: the operator hears nothing");
            }
            Cause::WorkAsked => assert!(customers >= strangers && strangers > 0, "{fact:?}"),
            _ => {
                assert!(customers > strangers, "{cause:?}, {fact:?}: {customers} {strangers}");
                assert!(told > 0, "{cause:?}, {fact:?}: the operator hears nothing");
            }
        }
    }
}

/// A provider is asked about some numbers only, so what it says may not show: not that it is down, not
/// that it refuses the number, not that its answer was lost. What it costs the store shows no more than its
/// time does.
#[tokio::test]
async fn a_provider_that_fails_does_not_tell_either() {
    let told = |of: &Prober| -> Vec<_> {
        of.trace.iter().map(|(step, seen, _)| (*step, seen.clone())).collect()
    };
    for reply in [Reply::NotSent, Reply::Refused, Reply::LostText, Reply::Panic] {
        for row in ROWS {
            let ([one, two], _) = probe(row, reply, customer(), stranger()).await;
            let ([other_one, other_two], _) = probe(row, reply, stranger(), customer()).await;
            assert_eq!(told(&one), told(&other_one), "{row:?}, {reply:?}: first");
            assert_eq!(told(&two), told(&other_two), "{row:?}, {reply:?}: second");
            let (customers, strangers) = (one.texts + other_two.texts, two.texts + other_one.texts);
            match row.0 {
                Cause::NetworkBlock | Cause::EmptyBudget => assert_eq!(customers, 0, "{row:?}"),
                Cause::Anonymiser | Cause::WorkAsked => assert!(customers > 0, "{row:?}"),
                _ => assert!(customers > strangers, "{row:?}, {reply:?}: {customers} {strangers}"),
            }
        }
    }
}

/// What another gate on the same store says of `number` after this one has answered four requests
/// for it.
async fn at_the_other_gate(number: String) -> (String, String) {
    let store = std::sync::Arc::new(memory());
    let set = |builder: otpgate::GateBuilder| {
        let (store, policy) = (std::sync::Arc::clone(&store), quick(Policy::default()));
        builder.store(store).policy(policy).tuning(grown()).human_check(Turing)
    };
    let here = House::with(set);
    drop(here.prove(&customer(), &client(7)).await);
    here.clock.advance(days(4));
    enter(&here, Target::Everything, Effect::KnownNumbersOnly).await;
    let there = here.beside(set);
    // Later it would read what this gate has saved.
    there.gate.warm_up().await.unwrap();
    let purposes = [Purpose::SIGN_UP, Purpose::LOG_IN, Purpose::RESET, Purpose::PAYMENT];
    for (index, purpose) in (0..).zip(purposes) {
        let sent = here.try_send_for(&number, &purpose, &client(30_000 + index)).await;
        assert!(matches!(sent, Sent::Issued(_)), "{sent:?}");
        // What a gate has to tell travels with its next call, to whoever calls next.
        let _ = here.try_send(&self::number(910 + index), &client(900)).await;
        let _ = there.try_send(&self::number(920 + index), &client(901)).await;
        here.clock.advance(seconds(40));
    }
    let mut prober = Prober::new(number, 0);
    let fifth = Purpose::new("fifth").unwrap();
    let sent = there.try_send_for(&prober.number, &fifth, &prober.who).await;
    let limited = prober.sent(&there, sent);
    let sent = there.try_send(&self::number(901), &prober.who).await;
    (limited, prober.sent(&there, sent))
}

#[tokio::test]
async fn the_other_gate_counts_what_this_one_withheld() {
    let (known, unknown) =
        (at_the_other_gate(customer()).await, at_the_other_gate(stranger()).await);
    assert!(known.0.starts_with("asked Human"), "four texts limit a number: {known:?}");
    assert!(known.1.starts_with("sent"), "and no other: {known:?}");
    assert_eq!(known, unknown);
}
