//! Tried: texts to numbers of one's own and one candidate's from one address, minted sessions. Does what comes
//! after tell whether the candidate got a text?

use otpgate::pumping::Tuning;
use otpgate::{Cleared, ClientContext, Policy, Purpose, Sent};

use crate::step_up::Turing;
use crate::support::{House, days, german, in_session, quick, seconds};

const CANDIDATE: &str = crate::support::BOB;

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

/// A text to a number that was never verified is evidence against its client, a decoy is none: one
/// answer differs, after 18 numbers of one's own at an address. Open, and stated in the threat model.
/// After a passed check, and where the candidate is known, nothing differs.
#[tokio::test]
async fn what_follows_a_text_and_a_decoy_at_an_address() {
    for (checks, known, earliest) in
        [(false, true, None), (true, false, None), (false, false, Some(19))]
    {
        let mut first: Option<usize> = None;
        for before in [0, 7, 15, 18] {
            let text = walk(before, true, known, checks).await;
            let decoy = walk(before, false, known, checks).await;
            let differs = text.iter().zip(&decoy).position(|(one, two)| one != two);
            first = first.min(differs).or(first).or(differs);
        }
        assert_eq!(first, earliest, "checks {checks}, known {known}");
    }
}
