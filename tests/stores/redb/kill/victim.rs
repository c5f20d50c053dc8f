//! A gate on the same file, started anew after each kill: secrets at rest, and the owner of a number
//! that somebody else attacks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use otpgate::store::RedbStore;
use otpgate::testing::block_on;
use otpgate::{Clock, Sent};
use support::{House, client, german};

use super::step::Step;

/// How many cycles of seven seconds lie between a number's first verification and the attack.
const LATER: u64 = 10;

#[derive(Default)]
pub(crate) struct Victims {
    /// Owners by the cycle in which they verified, with their device proofs.
    known: VecDeque<(u64, String)>,
    /// Numbers and codes of the latest cycles.
    secrets: VecDeque<String>,
    served: u64,
}

impl Victims {
    /// How many owners got in under attack.
    pub(crate) fn served(&self) -> u64 {
        self.served
    }

    /// I8: the file, as the kill left it, holds no number, no code and no key.
    pub(crate) fn i8_no_secret_is_in(&self, file: &[u8]) {
        // One pass: what is no run of digits can be neither number nor code.
        for run in file.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= 6) {
            let text = String::from_utf8_lossy(run);
            let secret = self.secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert_eq!(secret, None, "I8: it stands in the file");
        }
        let pepper: [u8; 32] = std::array::from_fn(|i| 1_u8.wrapping_add(i as u8).wrapping_mul(37));
        let after = file.split(|byte| *byte == pepper[0]).skip(1);
        assert!(after.into_iter().all(|rest| !rest.starts_with(&pepper[1..])), "I8: the pepper");
    }

    /// I9: somebody verifies a number; later others use up what strangers may do with it, and the
    /// owner, with the device it is known by, is served at once.
    pub(crate) fn i9_the_owner_gets_in(&mut self, cycle: u64, store: &Arc<RedbStore>) {
        let house = House::lab(Arc::clone(store));
        let now = Step { cycle, thread: 0, index: 0 }.latest();
        let ahead = now.as_millis() - house.clock.now().as_millis();
        house.clock.advance(Duration::from_millis(ahead));
        let of = |cycle: u64, who: u32| client(u32::try_from(cycle).unwrap() * 8 + who);
        block_on(async {
            let proof = house.prove(&german(cycle), &of(cycle, 0)).await;
            self.known.push_back((cycle, proof.device_proof().as_str().to_owned()));
            if let Some((then, proof)) = self.due(cycle) {
                let number = german(then);
                let mut refused = 0;
                for stranger in 1..4 {
                    let sent = house.try_send(&number, &of(then, stranger)).await;
                    refused += u32::from(matches!(sent, Sent::Refused(_)));
                }
                assert!(refused > 0, "the attack was none");
                let owner = of(then, 0).device_proof(proof);
                let grant = house.send_to(&number, &owner).await.into_grant();
                let code = house.last_code();
                assert!(house.accepts_from(&grant, &code, &owner).await, "I9: cycle {cycle}");
                self.served += 1;
            }
        });
        self.secrets.extend(house.codes());
        // Without the plus: digits are searched for.
        self.secrets.push_back(german(cycle)[1..].to_owned());
        while self.secrets.len() > 40 {
            self.secrets.pop_front();
        }
    }

    /// The owner who verified long enough before `cycle`.
    fn due(&mut self, cycle: u64) -> Option<(u64, String)> {
        let (then, _) = self.known.front()?;
        if then + LATER <= cycle { self.known.pop_front() } else { None }
    }
}
