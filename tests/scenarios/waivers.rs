//! What is waived for some numbers and withheld from others, and that nobody can tell which.

use otpgate::access::{
    Actor, AnonymiserKind, AnonymiserList, Anonymisers, CallerId, CallerKey, CallerRequest,
    CallerRule, CallerRules, Effect, Network, Reason, Target,
};
use otpgate::policy::AnonymiserTier;
use otpgate::pumping::Tuning;
use otpgate::testing::{Calls, Counting, Verb};
use otpgate::{
    Cleared, ClientContext, Clock, Entry, EntryGrant, EventKind, Money, Policy, Purpose, Sent,
    SystemEntropy, Verified,
};

use crate::step_up::Turing;
use crate::support::{House, client, days, hours, keys, minutes, quick, recipient, seconds, small};

/// Why a number gets no text, though another would.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cause {
    KnownOnly,
    /// The detector refuses, or asks for what nobody here can give.
    Refused,
    /// The detector asks for a human check.
    Asked,
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

/// What waives it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fact {
    Known,
    Allowed,
}

const ROWS: [(Cause, Fact); 13] = [
    (Cause::KnownOnly, Fact::Known),
    (Cause::KnownOnly, Fact::Allowed),
    (Cause::Refused, Fact::Known),
    (Cause::Refused, Fact::Allowed),
    (Cause::Asked, Fact::Known),
    (Cause::Asked, Fact::Allowed),
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
        let builder = builder.store(store).policy(policy).tuning(Tuning::default()).callers(rules);
        let builder = builder.anonymisers(anonymisers.clone());
        if cause == Cause::Asked { builder.human_check(Turing) } else { builder }
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
        Cause::Refused | Cause::Asked => pump(&house, 60).await,
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
    house.gate.controls().enter(target, effect, reason, actor, None).await.unwrap();
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
}

impl Prober {
    fn new(number: String, index: u32) -> Self {
        Self { number, who: client(20_000 + index), grant: None, trace: Vec::new(), texts: 0 }
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
        let who = if step == "checked" {
            self.who.clone().human_response("yes")
        } else {
            self.who.clone()
        };
        let cleared = match step {
            "issue" => Some(house.clear(&self.number, &Purpose::SIGN_UP, &who).await),
            "checked" => Some(self.checked(scene, &who).await),
            "decoy" => Some(house.clear(&self.number, &Purpose::LOG_IN, &who).await),
            "caller" => Some(self.authorised(scene)),
            _ => None,
        };
        match (step, cleared, self.grant.clone()) {
            ("decoy", Some(Cleared::Cleared(clearance)), _) => {
                self.sent(house, gate.decoy(clearance).await.unwrap())
            }
            (_, Some(Cleared::Cleared(clearance)), _) => {
                self.sent(house, gate.issue(clearance).await.unwrap())
            }
            (_, Some(Cleared::StepUp(step_up)), _) => self.sent(house, Sent::StepUp(step_up)),
            (_, Some(Cleared::Refused(refusal)), _) => self.sent(house, Sent::Refused(refusal)),
            ("resend", None, Some(grant)) => {
                self.sent(house, gate.resend(&grant, &who).await.unwrap())
            }
            ("entry", None, Some(grant)) => match gate.entry(&grant, &who).await.unwrap() {
                Entry::Open(view) => format!(
                    "open {} left, {:?}, again in {:?}",
                    view.attempts_left(),
                    view.expires_in(),
                    view.resend_after()
                ),
                Entry::Closed(_) => "closed".to_owned(),
            },
            ("verify", None, Some(grant)) => {
                match gate.verify(&grant, "12345", &who).await.unwrap() {
                    Verified::Accepted(_) => "accepted".to_owned(),
                    Verified::Rejected(_) => "rejected".to_owned(),
                }
            }
            (step, _, None) => format!("no {step}: no grant"),
            (other, ..) => panic!("no step: {other}"),
        }
    }

    /// The demand of the last answer, met with a human check.
    async fn checked(&self, scene: &Scene, who: &ClientContext) -> Cleared {
        let house = &scene.house;
        let cleared = house.clear(&self.number, &Purpose::SIGN_UP, &self.who).await;
        let Cleared::Cleared(clearance) = cleared else { return cleared };
        match house.gate.issue(clearance).await.unwrap() {
            Sent::StepUp(step_up) => {
                let ticket = step_up.ticket().as_str().to_owned();
                house.clear_with(&ticket, &self.number, &Purpose::SIGN_UP, who).await
            }
            Sent::Refused(refusal) => Cleared::Refused(refusal),
            other => panic!("nothing asked: {other:?}"),
        }
    }

    fn authorised(&self, scene: &Scene) -> Cleared {
        let (recipient, purpose) = (recipient(&self.number), Purpose::PAYMENT);
        let request =
            CallerRequest { realm: "default", purpose: purpose.as_str(), recipient: &recipient };
        let signed = scene.key.sign(&request, &SystemEntropy, scene.house.clock.now()).unwrap();
        let peer = "10.1.2.3".parse().unwrap();
        scene.house.gate.authorise(&signed, &recipient, &purpose, peer).unwrap()
    }

    fn sent(&mut self, house: &House, sent: Sent) -> String {
        match sent {
            Sent::Sent(issued) => {
                let seen = format!(
                    "sent, a grant of {}, again in {:?}, {}, until {:?}",
                    issued.grant().as_str().len(),
                    issued.resend_after(),
                    issued.confirmed(),
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

/// Two numbers, step by step, each step of `first` before that of `second`; and how often the
/// operator was told of a quiet refusal.
async fn probe(cause: Cause, fact: Fact, first: String, second: String) -> ([Prober; 2], usize) {
    let scene = scene(cause, fact).await;
    let mut both = [Prober::new(first, 0), Prober::new(second, 1)];
    let asked = if cause == Cause::Asked { "checked" } else { "issue" };
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

/// Whoever comes first and whoever comes second sees the same, whichever of them is the customer.
#[tokio::test]
async fn nobody_sees_for_whom_a_refusal_is_waived() {
    for (cause, fact) in ROWS {
        let ([one, two], told) = probe(cause, fact, customer(), stranger()).await;
        let ([other_one, other_two], _) = probe(cause, fact, stranger(), customer()).await;
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
            _ => {
                assert!(customers > strangers, "{cause:?}, {fact:?}: {customers} {strangers}");
                assert!(told > 0, "{cause:?}, {fact:?}: the operator hears nothing");
            }
        }
    }
}
