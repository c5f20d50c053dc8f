//! What two processes see of each other through one store: a text that one sent and a code that the
//! other takes, one interval and one block for both.

use std::error::Error;

use otpgate::access::{Actor, Effect, Reason, Target};
use otpgate::testing::{ScriptedTransport, TransportHandle};
use otpgate::token::HumanTime;
use otpgate::{
    ClientContext, Gate, GateErrorKind, KeyRing, Money, Policy, Purpose, Recipient, Region, Sent,
    Store, Verified,
};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

const ADA: &str = "+4915112345678";
const BOB: &str = "+4915798765432";

/// Two gates, each with its own handle on the store, as two processes have.
pub struct Pair {
    here: Gate,
    there: Gate,
    phone: TransportHandle,
    client: ClientContext,
}

impl Pair {
    pub fn new(stores: [impl Store; 2]) -> Outcome<Self> {
        // In production both get the same pepper from a secret manager: without it they would be
        // strangers to each other's codes.
        let keys = KeyRing::generate()?;
        let (transport, phone) = ScriptedTransport::new();
        let [one, two] = stores;
        let here = gate(keys.clone(), one, transport.clone())?;
        let there = gate(keys, two, transport)?;
        let client = ClientContext::from_peer("192.0.2.7".parse()?, "s-1");
        Ok(Self { here, there, phone, client })
    }

    /// Plays it through; an error is an outcome that was not expected.
    pub async fn play(&self) -> Outcome<()> {
        let Sent::Issued(issued) = ask(&self.here, ADA, &self.client).await? else {
            return Err("the text was not sent".into());
        };
        println!("gate 1: a code was sent");
        let grant = issued.into_grant();
        let Sent::Refused(refusal) = ask(&self.there, ADA, &self.client).await? else {
            return Err("the other gate did not know of the text".into());
        };
        println!("gate 2: another text to the same number is refused: {}", refusal.reason());
        let code = self.phone.last_code_to(ADA).ok_or("no code in the text")?;
        match self.there.verify(&grant, &code, &self.client).await? {
            Verified::Accepted(proof) => println!("gate 2: accepted: {:?}", proof.recipient()),
            Verified::Rejected(_) => return Err("the right code was rejected".into()),
        }
        match self.here.verify(&grant, &code, &self.client).await? {
            Verified::Rejected(rejection) => println!("gate 1: the same code again: {rejection}"),
            Verified::Accepted(_) => return Err("a code was accepted twice".into()),
        }
        let (reason, actor) = (Reason::new("an example")?, Actor::new("ada")?);
        let germany = Target::Country("DE".parse()?);
        let block = self.here.controls().enter(germany, Effect::Block, reason, actor, None).await?;
        let Sent::Refused(refusal) = ask(&self.there, BOB, &self.client).await? else {
            return Err("the block does not hold on the other gate".into());
        };
        println!("gate 2: after a block that gate 1 entered: {}", refusal.reason());
        self.there.controls().lift(block, &Actor::new("bob")?).await?;
        Ok(())
    }

    /// With the server gone, an outage and no answer; with it back, the next call goes through.
    pub async fn outage(&self, stop: impl AsyncFnOnce(), start: impl AsyncFnOnce()) -> Outcome<()> {
        stop().await;
        match ask(&self.here, BOB, &self.client).await {
            Err(error) if is_store_outage(&*error) => println!("server gone: {error}"),
            Err(error) => return Err(error),
            Ok(_) => return Err("something was sent without a store".into()),
        }
        start().await;
        // The first call after an outage may still meet a connection that has died.
        for _ in 0..10 {
            match ask(&self.here, BOB, &self.client).await {
                Ok(Sent::Issued(_)) => {
                    println!("server back: a code was sent, by the same gate");
                    return Ok(());
                }
                Ok(other) => return Err(format!("{other:?}").into()),
                Err(error) if is_store_outage(&*error) => {}
                Err(error) => return Err(error),
            }
        }
        Err("the gate did not recover".into())
    }
}

fn is_store_outage(error: &(dyn Error + 'static)) -> bool {
    let outage = error.downcast_ref::<otpgate::GateError>();
    outage.is_some_and(|error| error.kind() == GateErrorKind::Store)
}

fn gate(keys: KeyRing, store: impl Store, transport: ScriptedTransport) -> Outcome<Gate> {
    let mut policy = Policy::default();
    // Nobody types in this example.
    policy.token.human_time = HumanTime::ZERO;
    Ok(Gate::builder()
        .keys(keys)
        .store(store)
        .transport(transport)
        .brand("Example")
        .origin("example.com")
        .countries([Region::DE])
        .daily_budget(Money::dollars(20))
        .policy(policy)
        .build()?)
}

async fn ask(gate: &Gate, number: &str, client: &ClientContext) -> Outcome<Sent> {
    let ticket = gate.preflight(&Purpose::SIGN_UP, client)?;
    let proof = ticket.answer(number)?;
    let recipient = Recipient::parse(number, None)?;
    Ok(gate.request(&proof, &recipient, &Purpose::SIGN_UP, client).await?)
}
