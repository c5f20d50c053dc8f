//! What may be plugged into a gate: each part has a default, or the gate does without it.

use std::time::Duration;

use crate::access::Anonymisers;
use crate::base::entropy::Entropy;
use crate::base::time::Clock;
use crate::event::Observer;
use crate::gate::FallbackChannel;
use crate::human::HumanCheck;
use crate::store::ClockCheck;
use crate::transport::signals::NumberSignals;

use super::GateBuilder;

impl GateBuilder {
    /// How long a hand-off may take. Default: 30 seconds; at most 270, as a text that fails ten minutes
    /// after it was charged gives no money back. The adapters of this crate stop after 10,
    /// so only a transport without a deadline reaches it. It is half of the minute after which
    /// reverse proxies give up on a page (nginx, `proxy_read_timeout`).
    ///
    /// A hand-off that takes longer counts as one that *may have gone out*: the code stays good,
    /// the charges stay, and the user sees the code page. Without this bound a provider that hangs
    /// would hold your request for ever. The time is real time, whatever [`clock`](Self::clock)
    /// says, and needs no runtime.
    ///
    /// ```
    /// # use otpgate::transport::{Handoff, HandoffError, OutboundSms};
    /// # #[derive(Debug)] struct Hangs;
    /// # #[async_trait::async_trait]
    /// # impl otpgate::SmsTransport for Hangs {
    /// #     async fn hand_off(&self, _: &OutboundSms) -> Result<Handoff, HandoffError> {
    /// #         std::future::pending().await
    /// #     }
    /// # }
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # let deadline = std::time::Duration::from_millis(1);
    /// # let hangs = |parts: otpgate::GateBuilder| parts.transport(Hangs).hand_off_deadline(deadline);
    /// # shop::open_with(hangs, async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, .. } = shop;
    /// let otpgate::Sent::Issued(issued) = gate.issue(clearance).await? else { panic!("not sent") };
    /// assert!(!issued.confirmed(), "the provider hangs: perhaps it went out");
    /// # Ok(())
    /// # });
    /// ```
    pub fn hand_off_deadline(mut self, span: Duration) -> Self {
        self.hand_off_deadline = Some(span);
        self
    }

    /// A channel that a running verification may change to where
    /// [`FallbackPolicy`](crate::policy::FallbackPolicy) says so. Default: none. The deadline of hand-offs
    /// holds for it too.
    ///
    /// To give a channel up, take its steps out of the policies, and it out of the builder half an hour later:
    /// without it the gate takes what went by it for a text
    /// ([`Verification::channels`](crate::Verification::channels)).
    pub fn fallback(mut self, channel: FallbackChannel) -> Self {
        self.fallbacks.push(channel);
        self
    }

    /// Networks behind which clients hide: Tor, virtual private networks, proxies, hosting.
    /// Default: an empty list. [`Policy::anonymisers`](crate::policy::AnonymiserPolicy) says what
    /// more a listed client must do.
    ///
    /// Keep a clone of the handle: [`Anonymisers::replace`] exchanges the list while the gate runs.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// use otpgate::access::{AnonymiserKind, AnonymiserList, Anonymisers};
    ///
    /// # let exits = AnonymiserList::parse("192.0.2.0/24", AnonymiserKind::Tor).unwrap();
    /// let anonymisers = Anonymisers::new(exits); // of the Tor Project's list
    /// # let list = anonymisers.clone();
    /// # shop::open_with(|parts| parts.anonymisers(list), async |shop| {
    /// # let proof = shop.proof();
    /// # let shop::Shop { gate, client, recipient, .. } = shop;
    /// use otpgate::{Cleared, Purpose, RefusalReason, StepUpMeans};
    ///
    /// let answer = gate.clear(&proof, &recipient, &Purpose::SIGN_UP, &client).await?;
    /// let Cleared::StepUp(step_up) = answer else { panic!("from an exit of Tor") };
    /// assert_eq!(*step_up.reason(), RefusalReason::Anonymiser(AnonymiserKind::Tor));
    /// assert_eq!(step_up.means(), StepUpMeans::Work { bits: 17 }); // no human check is configured
    /// # Ok(())
    /// # });
    /// ```
    pub fn anonymisers(mut self, anonymisers: Anonymisers) -> Self {
        self.anonymisers = anonymisers;
        self
    }

    /// The service that says what a network knows of a number. Default: none.
    /// [`Policy::signals`](crate::policy::SignalsPolicy) says when it is asked and what follows.
    ///
    /// ```
    /// # use otpgate::transport::signals::{NumberSignals, Signals, SignalsError, SignalsQuery, SimSwap};
    /// # #[derive(Debug)] struct Register;
    /// # #[async_trait::async_trait]
    /// # impl NumberSignals for Register {
    /// #     async fn look_up(&self, _: &SignalsQuery) -> Result<Signals, SignalsError> {
    /// #         Ok(Signals::default().sim_swap(SimSwap::Within(std::time::Duration::from_secs(3_600))))
    /// #     }
    /// # }
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// use otpgate::RefusalReason;
    /// use otpgate::policy::AskNetwork;
    ///
    /// # let mut policy = shop::policy();
    /// policy.signals.ask = AskNetwork::Always;
    /// policy.mode.quiet = false; // the page may say that no text goes out
    /// # shop::open_with(|parts| parts.policy(policy).signals(Register), async |shop| {
    /// # let clearance = shop.clearance().await;
    /// # let shop::Shop { gate, outbox, .. } = shop;
    /// // `Register` says that the SIM card was changed in the last hour.
    /// let otpgate::Sent::Refused(refusal) = gate.issue(clearance).await? else { panic!("sent") };
    /// assert_eq!(*refusal.reason(), RefusalReason::SimSwapped);
    /// assert_eq!(refusal.public().status(), 429, "the page learns what any limit tells");
    /// assert_eq!(outbox.handed_off(), 0);
    /// # Ok(())
    /// # });
    /// ```
    pub fn signals(mut self, signals: impl NumberSignals) -> Self {
        self.signals = Some(Box::new(signals));
        self
    }

    /// How long a look-up may take before it counts as one without an answer. Default: 5 seconds; at most
    /// 270, as for [`hand_off_deadline`](Self::hand_off_deadline).
    /// The look-up delays the text, and people begin to ask for another code after 15 to 30
    /// seconds.
    pub fn signals_deadline(mut self, span: Duration) -> Self {
        self.signals_deadline = Some(span);
        self
    }

    /// The clock. Default: [`SystemClock`](crate::SystemClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// How far this host's clock may be from the store's, ahead or behind. Default:
    /// [`DEFAULT_CLOCK_SKEW`](crate::store::DEFAULT_CLOCK_SKEW), 60 s. 1 s to 5 min.
    ///
    /// A call further off changes nothing and fails as
    /// [`GateErrorKind::Clock`](crate::GateErrorKind::Clock). A gate at the edge of the bound gains
    /// little: any span of a limit, less twice this much, holds no more than the limit. The store's
    /// clock is the server's for Redis and PostgreSQL; a store inside this process takes the wall
    /// clock when it is opened and monotonic time from then on.
    pub fn clock_skew(mut self, most: Duration) -> Self {
        self.clock_check = Some(ClockCheck::Within(most));
        self
    }

    /// Accepts any time that the clock says, however far from the store's: for simulated time. In
    /// production a clock that jumps a day ahead then spends every daily limit twice.
    pub fn clock_unchecked_danger(mut self) -> Self {
        self.clock_check = Some(ClockCheck::Unchecked);
        self
    }

    /// Sets the source of randomness. Default: [`SystemEntropy`](crate::SystemEntropy). The trait is sealed.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Some(Box::new(entropy));
        self
    }

    /// Adds an observer, which hears of every decision. Default: nobody. A second call adds another: all of
    /// them hear every event, in the order of the calls.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// use otpgate::QueuedObserver;
    ///
    /// let (alarms, alarmed) = QueuedObserver::bounded(64);
    /// let (log, logged) = QueuedObserver::bounded(1_024);
    /// # shop::open_with(|parts| parts.observer(alarms).observer(log), async |shop| {
    /// # shop.issued().await;
    /// // `Gate::builder()… .observer(alarms).observer(log)`, and a text goes out.
    /// assert_eq!(alarmed.try_iter().count(), logged.try_iter().count());
    /// # Ok(())
    /// # });
    /// ```
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(match self.observer.take() {
            Some(before) => Box::new((before, observer)),
            None => Box::new(observer),
        });
        self
    }

    /// Sets the check that tells people from scripts (a CAPTCHA). Default: none, so a step-up means
    /// harder work.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// let mut policy = shop::policy();
    /// policy.token.human_check_always = true;
    /// let error = shop::parts().policy(policy).build().unwrap_err(); // and no check to ask
    /// assert!(error.to_string().contains("GateBuilder::human_check"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn human_check(mut self, check: impl HumanCheck) -> Self {
        self.human = Some(Box::new(check));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::time::Timestamp;
    use crate::event::{Event, EventKind};
    use crate::gate::Gate;

    #[derive(Debug)]
    struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Observer for Named {
        fn observe(&self, _: &Event) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Alarms first, the console's feed some lines below: neither is to go without a word.
    #[test]
    fn each_observer_hears_every_event_in_order() {
        let heard = Arc::default();
        let named = |name| Named(name, Arc::clone(&heard));
        let builder = Gate::builder().observer(named("alarms")).observer(named("feed"));
        let observer = builder.observer(named("log")).observer.unwrap();
        let event = Event {
            at: Timestamp::from_millis(0),
            realm: "default".into(),
            purpose: None,
            region: None,
            number: None,
            text: None,
            kind: EventKind::TicketIssued,
        };
        observer.observe(&event);
        observer.observe(&event);
        assert_eq!(*heard.lock().unwrap(), ["alarms", "feed", "log", "alarms", "feed", "log"]);
    }
}
