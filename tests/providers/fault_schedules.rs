//! A gate, two real adapters behind each other, two real servers, and every order of faults that a
//! seed deals: no reservation is paid for twice, and the money counted is never less than the money
//! spent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use otpgate::http::ReqwestClient;
use otpgate::transport::esendex::{self, Esendex};
use otpgate::transport::twilio::{self, Twilio};
use otpgate::transport::{
    CircuitBreaker, FailOver, Handoff, HandoffError, HandoffErrorKind, OutboundSms, Senders,
};
use otpgate::{Cleared, EntryGrant, Money, Purpose, Sent, SmsTransport};

use crate::wire::fields;
use support::http_server::{Answer, LocalServer, Play, Seen};
use support::{Dice, House, client, german, seconds};

/// What one German text of one segment costs at the gate's own prices.
fn price() -> Money {
    let listed = otpgate::pumping::PriceTable::builtin().of(*b"DE");
    Money::microdollars(u64::from(listed))
}

/// A text as a provider reads it: to whom, and what. The code in it makes it one of a kind.
type Text = (String, String);

/// How a hand-off ended, as the gate was told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Told {
    Accepted,
    NotSent,
    Refused,
    Unclear,
}

/// Every hand-off, in the order of their ends.
type Kept = Arc<Mutex<Vec<(Text, Told)>>>;

/// Stands between gate and providers and keeps what either says.
#[derive(Debug)]
struct Ledger<T> {
    inner: T,
    kept: Kept,
}

#[async_trait]
impl<T: SmsTransport> SmsTransport for Ledger<T> {
    async fn hand_off(&self, sms: &OutboundSms) -> Result<Handoff, HandoffError> {
        let answer = self.inner.hand_off(sms).await;
        let told = match answer.as_ref().map_err(HandoffError::kind) {
            Ok(_) => Told::Accepted,
            Err(HandoffErrorKind::NotSent) => Told::NotSent,
            Err(HandoffErrorKind::Refused) => Told::Refused,
            Err(_) => Told::Unclear,
        };
        let text = (sms.expose_number().to_owned(), sms.expose_text().to_owned());
        self.kept.lock().unwrap().push((text, told));
        answer
    }
}

/// One of the two, with what it answers as its documentation says.
struct Desk {
    server: LocalServer,
    accepted: fn() -> Answer,
    /// Answers to what it does not take.
    declined: fn(u64) -> Answer,
    read: fn(&Seen) -> Text,
}

impl Desk {
    /// What it does with the next requests. Most schedules have several faults in a row.
    fn script(&self, dice: &mut Dice) {
        for _ in 0..dice.below(5) {
            self.server.next(self.play(dice));
        }
        self.server.always(Play::Answer((self.accepted)()));
        self.server.keep_alive(dice.below(4) > 0);
    }

    fn play(&self, dice: &mut Dice) -> Play {
        let declined = (self.declined)(dice.below(3));
        let accepted = (self.accepted)();
        match dice.below(16) {
            0..=2 => Play::Answer(accepted),
            3..=5 => Play::Answer(declined),
            6 => Play::Answer(Answer::html(503)),
            7 => Play::Answer(Answer::new(accepted.status)),
            8 => Play::Truncate(accepted),
            9 => Play::Truncate(declined),
            10 => Play::AnswerAndClose(accepted),
            11 => Play::ResetUnread,
            12 => Play::Reset,
            13 => Play::Close,
            14 if dice.below(4) == 0 => Play::Silent,
            15 if dice.below(4) == 0 => Play::Stall(accepted),
            _ => Play::Dribble(accepted),
        }
    }

    /// What it was asked and what of it it took. Where nobody can know, it took it.
    fn take(&self) -> (Vec<Text>, Vec<Text>) {
        let served = self.server.take_served();
        let declines = |play: &Play| match play {
            Play::Answer(answer) | Play::Truncate(answer) => (0..3)
                .any(|which| answer.body == (self.declined)(which).body && answer.status < 500),
            _ => false,
        };
        let taken = served.iter().filter(|(_, play)| !declines(play));
        let taken = taken.map(|(seen, _)| (self.read)(seen)).collect();
        (served.iter().map(|(seen, _)| (self.read)(seen)).collect(), taken)
    }
}

const TWILIO_TOOK_IT: &str = r#"{"sid":"SM00000000000000000000000000000001","status":"queued",
    "num_segments":"1","price":null,"price_unit":"USD","error_code":null}"#;

fn twilio_desk() -> Desk {
    Desk {
        server: LocalServer::plain(),
        accepted: || Answer::json(201, TWILIO_TOOK_IT),
        declined: |which| {
            let (status, code) = [(401, 20003), (429, 20429), (400, 21211)][which as usize];
            Answer::json(status, format!(r#"{{"code":{code},"message":"no","status":{status}}}"#))
        },
        read: |seen| (seen.form("To").unwrap(), seen.form("Body").unwrap()),
    }
}

const ESENDEX_TOOK_IT: &str = "<messageheaders batchid=\"F8BF9867\" \
     xmlns=\"http://api.esendex.com/ns/\"><messageheader uri=\"u\" \
     id=\"1183C73D-2E62-4F60-B610-30F160BDFBD5\"/></messageheaders>";

fn esendex_desk() -> Desk {
    Desk {
        server: LocalServer::plain(),
        accepted: || Answer::xml(200, ESENDEX_TOOK_IT),
        declined: |which| {
            let status = [401, 402, 400][which as usize];
            Answer::new(status).with("content-type", "text/plain").body(format!("no: {status}"))
        },
        read: |seen| {
            let fields = fields("application/xml", &seen.text());
            let number = format!("+{}", fields["messages.message.to"]);
            (number, fields["messages.message.body"].clone())
        },
    }
}

/// Both providers, and the gates that send through them one after the other.
struct Town {
    desks: [Desk; 2],
    client: ReqwestClient,
    seen: BTreeMap<Told, u64>,
    by_the_second: u64,
    // Over all schedules: a server may read a request after its client has given up.
    reserved: BTreeMap<Text, usize>,
    unsent: BTreeMap<Text, usize>,
    asked: [BTreeMap<Text, usize>; 2],
    taken: BTreeMap<Text, usize>,
}

impl Town {
    fn new() -> Self {
        let client = ReqwestClient::builder()
            .deadline(Duration::from_millis(60))
            .connect_timeout(Duration::from_millis(60))
            .configure(|reqwest| reqwest.no_proxy())
            .build()
            .unwrap();
        let desks = [twilio_desk(), esendex_desk()];
        Self {
            desks,
            client,
            seen: BTreeMap::new(),
            by_the_second: 0,
            reserved: BTreeMap::new(),
            unsent: BTreeMap::new(),
            asked: Default::default(),
            taken: BTreeMap::new(),
        }
    }

    fn house(&self, breaker: bool) -> (House, Kept) {
        let [first, second] = &self.desks;
        let account = twilio::Account::with_token(format!("AC{:032}", 0), "tok").unwrap();
        let twilio = Twilio::builder(account, twilio::Sender::from_number("+15550101"))
            .client(self.client.clone())
            .base_url(first.server.base_url())
            .build()
            .unwrap();
        let account = esendex::Account::new("EX0000000", "u@example.com", "p").unwrap();
        let esendex = Esendex::builder(account, Senders::new(esendex::Sender::named("Acme")))
            .client(self.client.clone())
            .base_url(second.server.base_url())
            .build()
            .unwrap();
        let kept = Kept::default();
        let house = House::lab_with(|builder| {
            let clock = Arc::new(otpgate::testing::ManualClock::new(support::NOON));
            let both = match breaker {
                true => FailOver::new(CircuitBreaker::new(twilio, clock)).then(esendex),
                false => FailOver::new(twilio).then(esendex),
            };
            builder.transport(Ledger { inner: both, kept: kept.clone() })
        });
        (house, kept)
    }

    async fn schedule(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        self.desks.iter().for_each(|desk| desk.script(&mut dice));
        let down = (dice.below(12) == 0).then(|| dice.below(2) as usize);
        down.into_iter().for_each(|which| self.desks[which].server.listen(false));
        let (house, kept) = self.house(dice.below(3) == 0);

        // Up to three people at once, and then those who wait and ask again.
        let people = 1 + dice.below(3);
        let mut grants = Vec::new();
        let mut sending = Vec::new();
        for person in 0..people {
            let number = german(seed * 4 + person);
            let cleared = house.clear(&number, &Purpose::SIGN_UP, &client(person as u32)).await;
            let Cleared::Passed(clearance) = cleared else { panic!("seed {seed}: {cleared:?}") };
            let gate = house.gate.clone();
            sending.push(tokio::spawn(async move { gate.issue(clearance).await }));
        }
        for (person, sending) in sending.into_iter().enumerate() {
            if let Ok(Sent::Issued(issued)) = sending.await.unwrap() {
                grants.push((person as u32, issued.into_grant()));
            }
        }
        house.clock.advance(seconds(61));
        for (person, grant) in &grants {
            if dice.below(2) == 0 {
                drop(house.gate.resend(grant, &client(*person)).await);
            }
        }
        down.into_iter().for_each(|which| self.desks[which].server.listen(true));
        let kept = kept.lock().unwrap().clone();
        self.audit(seed, &house, &kept, &grants).await;
    }

    async fn audit(
        &mut self,
        seed: u64,
        house: &House,
        kept: &[(Text, Told)],
        grants: &[(u32, EntryGrant)],
    ) {
        for (text, told) in kept {
            *self.reserved.entry(text.clone()).or_default() += 1;
            if matches!(told, Told::NotSent | Told::Refused) {
                *self.unsent.entry(text.clone()).or_default() += 1;
            }
            *self.seen.entry(*told).or_default() += 1;
        }
        for (which, desk) in self.desks.iter().enumerate() {
            let (asked, taken) = desk.take();
            self.by_the_second += if which == 1 { taken.len() as u64 } else { 0 };
            for text in asked {
                *self.asked[which].entry(text).or_default() += 1;
            }
            for text in taken {
                *self.taken.entry(text).or_default() += 1;
            }
        }
        for (text, told) in kept {
            if *told == Told::Accepted {
                assert!(self.taken.contains_key(text), "seed {seed}: nobody has it");
            }
        }
        self.check(seed);

        let may_have_gone =
            kept.iter().filter(|(_, told)| matches!(told, Told::Accepted | Told::Unclear)).count();
        let spent = house.gate.snapshot().await.unwrap().spent;
        assert_eq!(spent, price().times(may_have_gone as u64), "seed {seed}: {kept:?}");

        // Whoever holds a text can use it: the newest that may have gone out is good.
        for (person, grant) in grants {
            let number = german(seed * 4 + u64::from(*person));
            let newest = kept.iter().rev().find(|((to, _), told)| {
                *to == number && matches!(told, Told::Accepted | Told::Unclear)
            });
            let ((_, text), _) = newest.unwrap();
            let code = text.rsplit('#').next().unwrap();
            assert!(house.accepts_from(grant, code, &client(*person)).await, "seed {seed}");
        }
    }

    /// Drops what is older than the last 64 schedules.
    fn forget(&mut self, seed: u64) {
        let recent: Vec<_> = (seed.saturating_sub(64) * 4..seed * 4 + 4).map(german).collect();
        let keep = |text: &Text, _: &mut usize| recent.contains(&text.0);
        self.reserved.retain(keep);
        self.unsent.retain(keep);
        self.asked.iter_mut().for_each(|asked| asked.retain(keep));
        self.taken.retain(keep);
    }

    /// What holds for every text of the last schedules.
    fn check(&self, seed: u64) {
        let reserved = |text| self.reserved.get(text).copied().unwrap_or(0);
        for asked in &self.asked {
            for (text, times) in asked {
                assert!(*times <= reserved(text), "seed {seed}: more than one request a hand-off");
            }
        }
        for (text, times) in &self.taken {
            let unsent = self.unsent.get(text).copied().unwrap_or(0);
            let paid = reserved(text).saturating_sub(unsent);
            assert!(*times <= paid, "seed {seed}: {times} went out of {paid} paid for");
        }
    }
}

#[tokio::test]
async fn no_schedule_of_faults_pays_twice() {
    let asked = std::env::var("OTPGATE_FAULT_SCHEDULES").ok();
    let schedules = asked.map_or(300, |text| text.parse().unwrap());
    let mut town = Town::new();
    for seed in 0..schedules {
        town.schedule(seed).await;
        if seed % 64 == 63 {
            town.forget(seed);
        }
    }
    println!("{schedules} schedules: {:?}, {} by the second", town.seen, town.by_the_second);
    for told in [Told::Accepted, Told::NotSent, Told::Refused, Told::Unclear] {
        assert!(town.seen.contains_key(&told), "{told:?} never happened");
    }
    assert!(town.by_the_second > 0);
}
