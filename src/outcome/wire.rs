//! What operators' pages and scripts read (feature `serde`): [`Snapshot`] and [`Control`] as plain data.
//!
//! Names and units are stable: kebab-case words, times in milliseconds since 1970 (`…_ms`), money as
//! decimal dollars in a string, countries as two letters. A number or account is its keyed pseudonym,
//! the one that events carry; a client is its wider network. Nothing reads these forms back: an
//! entry is made through [`Controls`](crate::Controls), with a reason and an actor.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::access::{Control, Effect, Target};
use crate::base::id::to_text;
use crate::pumping::{Action, NodeView};

use super::{CountrySnapshot, GlobalBudget, OtherGate, Snapshot};

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Every field has its name here, so that a new one is not forgotten.
        let Self {
            realm,
            at,
            requests,
            sent,
            attempts,
            failed,
            spent,
            daily_budget,
            global,
            countries,
            controls,
            blocks,
            gates,
            mode,
        } = self;
        let mut fields = to.serialize_struct("Snapshot", 14)?;
        fields.serialize_field("realm", realm.as_str())?;
        fields.serialize_field("at_ms", &at.as_millis())?;
        fields.serialize_field("requests", requests)?;
        fields.serialize_field("sent", sent)?;
        fields.serialize_field("attempts", attempts)?;
        fields.serialize_field("failed", failed)?;
        fields.serialize_field("spent", spent)?;
        fields.serialize_field("daily_budget", daily_budget)?;
        fields.serialize_field("global", global)?;
        fields.serialize_field("countries", countries)?;
        fields.serialize_field("controls", controls)?;
        fields.serialize_field("blocks", blocks)?;
        fields.serialize_field("gates", gates)?;
        fields.serialize_field("mode", mode)?;
        fields.end()
    }
}

impl Serialize for GlobalBudget {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { spent, limit } = self;
        let mut fields = to.serialize_struct("GlobalBudget", 2)?;
        fields.serialize_field("spent", spent)?;
        fields.serialize_field("limit", limit)?;
        fields.end()
    }
}

impl Serialize for OtherGate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { name, heard } = self;
        let mut fields = to.serialize_struct("OtherGate", 2)?;
        fields.serialize_field("name", name)?;
        fields.serialize_field("heard_ms", &heard.as_millis())?;
        fields.end()
    }
}

impl Serialize for CountrySnapshot {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("CountrySnapshot", 6)?;
        fields.serialize_field("region", self.region.as_str())?;
        fields.serialize_field("requests", &self.requests)?;
        fields.serialize_field("sent", &self.sent)?;
        fields.serialize_field("attempts", &self.attempts)?;
        fields.serialize_field("failed", &self.failed)?;
        fields.serialize_field("conversion_percent", &self.conversion_percent())?;
        fields.end()
    }
}

impl Serialize for NodeView {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let action = match self.action {
            Action::Pass => "pass",
            Action::Ask => "ask",
            Action::Refuse => "refuse",
        };
        let region = self.region.map(|letters| letters.map(char::from).iter().collect::<String>());
        let Self {
            node,
            region: _,
            action: _,
            evidence,
            step_up_evidence,
            share_evidence,
            unanswered,
            verified_daily,
            verified_lately,
            since_ms,
            until_ms,
            strikes,
            entry,
        } = self;
        let mut fields = to.serialize_struct("NodeView", 13)?;
        fields.serialize_field("node", &node.to_string())?;
        fields.serialize_field("region", &region)?;
        fields.serialize_field("action", action)?;
        fields.serialize_field("evidence", evidence)?;
        fields.serialize_field("step_up_evidence", step_up_evidence)?;
        fields.serialize_field("share_evidence", share_evidence)?;
        fields.serialize_field("unanswered", unanswered)?;
        fields.serialize_field("verified_daily", verified_daily)?;
        fields.serialize_field("verified_lately", verified_lately)?;
        fields.serialize_field("since_ms", since_ms)?;
        fields.serialize_field("until_ms", until_ms)?;
        fields.serialize_field("strikes", strikes)?;
        fields.serialize_field("entry", entry)?;
        fields.end()
    }
}

impl Serialize for Control {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (target, value) = target(self.target());
        let (effect, factor) = effect(self.effect());
        let mut fields = to.serialize_struct("Control", 10)?;
        fields.serialize_field("id", &self.id().0)?;
        fields.serialize_field("target", target)?;
        fields.serialize_field("value", &value)?;
        fields.serialize_field("effect", effect)?;
        fields.serialize_field("factor", &factor)?;
        fields.serialize_field("purpose", &self.purpose())?;
        fields.serialize_field("reason", self.reason())?;
        fields.serialize_field("actor", self.actor())?;
        fields.serialize_field("since_ms", &self.since().as_millis())?;
        fields.serialize_field("until_ms", &self.until().map(|until| until.as_millis()))?;
        fields.end()
    }
}

/// The kind of a target, and which one of the kind.
fn target(target: &Target) -> (&'static str, Option<String>) {
    match target {
        Target::Everything => ("everything", None),
        Target::Country(region) => ("country", Some(region.as_str().to_owned())),
        Target::Prefix(prefix) => ("prefix", Some(prefix.to_string())),
        Target::Number(number) => ("number", Some(to_text(number.as_bytes()))),
        Target::Network(network) => ("network", Some(network.to_string())),
        Target::User(user) => ("user", Some(to_text(user.as_bytes()))),
    }
}

/// The name of an effect, and how many times the usual traffic a surge may be.
fn effect(effect: Effect) -> (&'static str, Option<u8>) {
    match effect {
        Effect::Allow => ("allow", None),
        Effect::Block => ("block", None),
        Effect::CountryOff => ("country-off", None),
        Effect::KnownNumbersOnly => ("known-numbers-only", None),
        Effect::SmsOff => ("sms-off", None),
        Effect::ExpectSurge(factor) => ("expect-surge", Some(factor.value())),
        Effect::ForbidAutomaticBlock => ("forbid-automatic-block", None),
        Effect::LiftAutomaticBlock => ("lift-automatic-block", None),
        Effect::ExtendAutomaticBlock => ("extend-automatic-block", None),
        Effect::TestNumber => ("test-number", None),
    }
}
