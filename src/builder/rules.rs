//! What holds at a gate: its policies, prices and callers, and where its state lies.

use crate::access::CallerRules;
use crate::context::{Purpose, Realm};
use crate::policy::Policy;
use crate::pumping::{Costs, PriceTable, Tuning};

use super::GateBuilder;

impl GateBuilder {
    /// The rules. Default: [`Policy::default`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Other rules for one purpose, all of them: nothing that [`policy`](Self::policy) says holds for it,
    /// quotas, budgets and modes included. Begin with a clone of that policy, or with a preset into which
    /// you copy what is to hold here too.
    ///
    /// Sessions, networks, countries and a number's failures have one meter for all purposes: the
    /// maximum may differ from purpose to purpose, the span may not, or [`build`](Self::build) refuses. So it
    /// does where a budget of all texts is left out ([`BudgetPolicy`](crate::policy::BudgetPolicy)). It
    /// refuses too what only looks like a standard purpose, such as `payments`, here and in a policy's mode.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open(async |shop| {
    /// use otpgate::policy::Quota;
    /// use otpgate::{Policy, Purpose};
    ///
    /// let mut payment = Policy::default();
    /// payment.code.attempts = 3;
    /// assert!(shop::parts().purpose(Purpose::PAYMENT, payment.clone()).build().is_ok());
    ///
    /// let mut other = payment;
    /// other.quotas.session = vec![Quota::daily(10)]; // the default counts an hour
    /// assert!(shop::parts().purpose(Purpose::PAYMENT, other).build().is_err());
    /// # Ok(())
    /// # });
    /// ```
    pub fn purpose(mut self, purpose: Purpose, policy: Policy) -> Self {
        self.purposes.insert(purpose, policy);
        self
    }

    /// What a message costs by country. Every budget counts by it, so enter your provider's prices, the
    /// dearest if you have several providers. Default: the built-in table, another provider's list.
    /// [`build`](Self::build) refuses letters that are no country's.
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Services without a page that may ask for texts, and from where. Default: none may.
    pub fn callers(mut self, rules: CallerRules) -> Self {
        self.callers = Some(rules);
        self
    }

    /// Sets the tenant that [`Gate`](crate::Gate) starts in. Default: `default`.
    ///
    /// ```
    /// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
    /// # shop::open_with(|parts| parts.realm(otpgate::Realm::new("tenant-7").unwrap()), async |shop| {
    /// # let shop::Shop { gate, .. } = shop;
    /// assert!(format!("{gate:?}").contains("tenant-7"));
    /// let other = gate.in_realm(&otpgate::Realm::new("tenant-8")?);
    /// assert!(format!("{other:?}").contains("tenant-8"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn realm(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }

    /// Names this deployment in a store that it shares with others. All state of the gate, over all
    /// its realms, is kept under this name: on a Redis Cluster, in one slot. Default: `otpgate`.
    pub fn partition(mut self, name: impl Into<String>) -> Self {
        self.partition = Some(name.into());
        self
    }

    /// Sets what a wrong decision costs you, which decides between asking and refusing. Default:
    /// [`Costs::default`].
    pub fn costs(mut self, costs: Costs) -> Self {
        self.costs = costs;
        self
    }

    /// The pumping detector's constants. Default: [`Tuning::default`]. A range that is none, or a mark that
    /// is no number, is refused by [`build`](Self::build).
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Promises that no other gate uses the same store, so this one need not exchange what the
    /// pumping detector saw. Limits and codes are right either way.
    pub fn single_gate(mut self) -> Self {
        self.single = true;
        self
    }
}
