//! What an operator does: from a form to a control of the gate.

use std::time::Duration;

use crate::access::{
    Actor, Control, ControlId, DialPrefix, Draft, Effect, Network, Reason, SurgeFactor, Target,
};
use crate::base::entropy::SystemEntropy;
use crate::base::time::Timestamp;
use crate::context::Purpose;
use crate::gate::{Controls, TestNumber};
use crate::otp::TestCode;
use crate::recipient::{LineType, Recipient, RecipientError, Region};

use super::form::Form;
use super::seal::{Seals, Stale};
use super::words;

/// What came of a form.
pub(super) enum Outcome {
    /// It was done; the page says so by this word.
    Done(&'static str),
    /// A test number was entered; its code is shown once.
    Code {
        /// The code.
        code: TestCode,
        /// When it ends.
        until: Timestamp,
    },
    /// It is asked once more.
    Ask(Question),
    /// It was not done, and why.
    Wrong(String),
}

/// The second question: before all SMS stops or goes on, and before an entry that is about more than it says.
pub(super) struct Question {
    /// `pause`, `resume` or `enter`.
    pub(super) what: &'static str,
    pub(super) reason: String,
    /// How long a pause holds, in hours; empty for until it is resumed.
    pub(super) hours: String,
    /// The entries that a resumption lifts.
    pub(super) entries: String,
    /// The other fields of an entry.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What an entry is about.
    pub(super) wide: String,
    /// What makes the answer good once, and soon.
    pub(super) confirmation: String,
}

/// Who acts, where, and when.
pub(super) struct Hand<'a> {
    pub(super) controls: Controls<'a>,
    pub(super) realm: &'a str,
    pub(super) actor: &'a Actor,
    pub(super) seals: &'a Seals,
    pub(super) now: Timestamp,
}

/// The fields of the form that makes an entry, but for those that a pause has too.
const FIELDS: [&str; 5] = ["effect", "kind", "value", "purpose", "factor"];

/// Regions that are named in a question.
const NAMED: usize = 12;

/// The spans that an entry may be made for, in hours, and their words.
pub(super) const SPANS: &[(&str, &str)] = &[
    ("1", "1 hour"),
    ("2", "2 hours"),
    ("6", "6 hours"),
    ("12", "12 hours"),
    ("24", "1 day"),
    ("72", "3 days"),
    ("168", "7 days"),
    ("720", "30 days"),
    ("", "until it is lifted"),
];

/// The effects that the form offers.
pub(super) const EFFECTS: &[(&str, &str)] = &[
    ("block", "Block: no texts"),
    ("allow", "Allow: past the detector, not past limits"),
    ("country-off", "Country off: incident switch"),
    ("known-only", "Known numbers only: incident switch"),
    ("sms-off", "SMS off: incident switch"),
    ("lift-auto", "Lift the detector's block"),
    ("extend-auto", "Extend the detector's block to all of it"),
    ("forbid-auto", "Forbid the detector to block"),
    ("surge", "Expect a surge"),
];

/// The kinds of target that the form offers.
pub(super) const TARGETS: &[(&str, &str)] = &[
    ("prefix", "Numbers that begin with"),
    ("country", "Country (ISO code)"),
    ("network", "Network of clients"),
    ("number", "One number"),
    ("user", "One account"),
    ("everything", "Everything"),
];

/// Does what a form asks for. Words that start with a capital are for the operator.
pub(super) async fn act(hand: &Hand<'_>, form: &Form<'_>) -> Outcome {
    match done(hand, form).await {
        Ok(outcome) => outcome,
        Err(words) => Outcome::Wrong(words),
    }
}

type Answer = Result<Outcome, String>;

async fn done(hand: &Hand<'_>, form: &Form<'_>) -> Answer {
    match form.field("do") {
        "enter" => enter(hand, form).await,
        "lift" => lift(hand, form).await,
        "pause" => {
            let reason = reason(form)?;
            let _end = end(hand, form)?;
            let hours = form.field("hours").to_owned();
            ask(hand, Question { hours, ..Question::of("pause", &reason) })
        }
        "resume" => {
            let reason = reason(form)?;
            let entries = ids(&pausing(hand).await?);
            if entries.is_empty() {
                return Err("SMS is not paused.".to_owned());
            }
            ask(hand, Question { entries: list(&entries), ..Question::of("resume", &reason) })
        }
        "confirm" => confirm(hand, form).await,
        "forgive" => {
            let (number, reason) = (number(form.field("number"))?, reason(form)?);
            hand.controls.forgive(&number, &reason, hand.actor).await.map_err(said)?;
            Ok(Outcome::Done("forgiven"))
        }
        "forget-faults" => {
            let (number, reason) = (number(form.field("number"))?, reason(form)?);
            hand.controls.forget_faults(&number, &reason, hand.actor).await.map_err(said)?;
            Ok(Outcome::Done("forgotten"))
        }
        #[cfg(feature = "totp")]
        "forgive-authenticator" => {
            let (user, reason) = (account(form.field("user"))?, reason(form)?);
            hand.controls.forgive_authenticator(user, &reason, hand.actor).await.map_err(said)?;
            Ok(Outcome::Done("forgiven-account"))
        }
        "trust-clock" => {
            hand.controls.trust_clock(&reason(form)?, hand.actor).await.map_err(said)?;
            Ok(Outcome::Done("clock"))
        }
        "test-number" => test_number(hand, form).await,
        _ => Err("This is no form of the console.".to_owned()),
    }
}

async fn enter(hand: &Hand<'_>, form: &Form<'_>) -> Answer {
    let reason = reason(form)?;
    let effect = effect(form)?;
    let target = target(hand, form)?;
    let (end, purpose) = (end(hand, form)?, purpose(form)?);
    if effect == Effect::SmsOff && target == Target::Everything && purpose.is_none() {
        let hours = form.field("hours").to_owned();
        return ask(hand, Question { hours, ..Question::of("pause", &reason) });
    }
    if let Some(wide) = wide(effect, &target)
        && form.field("do") == "enter"
    {
        let fields = FIELDS.map(|name| (name, form.field(name).to_owned())).into();
        let hours = form.field("hours").to_owned();
        return ask(hand, Question { hours, fields, wide, ..Question::of("enter", &reason) });
    }
    let mut draft = Draft::new(target, effect, reason, hand.actor.clone()).map_err(said)?;
    if let Some(end) = end {
        draft = draft.until(end);
    }
    if let Some(purpose) = purpose {
        draft = draft.for_purpose(purpose.as_str()).map_err(said)?;
    }
    hand.controls.enter_draft(draft).await.map_err(said)?;
    Ok(Outcome::Done("entered"))
}

async fn lift(hand: &Hand<'_>, form: &Form<'_>) -> Answer {
    let reason = reason(form)?;
    let id = id(form.field("id"))?;
    // Where another pause goes on, nothing is resumed by it.
    if ids(&pausing(hand).await?) == [id] {
        return ask(hand, Question { entries: list(&[id]), ..Question::of("resume", &reason) });
    }
    hand.controls.lift_because(id, &reason, hand.actor).await.map_err(said)?;
    Ok(Outcome::Done("lifted"))
}

async fn test_number(hand: &Hand<'_>, form: &Form<'_>) -> Answer {
    let reason = reason(form)?;
    let number = number(form.field("number"))?;
    let until = end(hand, form)?.ok_or("A test number needs an end: choose how long it holds.")?;
    let format = hand.controls.code_format();
    let code = match form.field("code") {
        "" => TestCode::draw(&format, &SystemEntropy).map_err(said)?,
        typed => TestCode::new(typed, &format).map_err(said)?,
    };
    let mut test = TestNumber::new(number, code.clone(), until);
    if let Some(purpose) = purpose(form)? {
        test = test.for_purpose(purpose);
    }
    if form.field("although-verified") == "yes" {
        test = test.although_verified();
    }
    hand.controls.test_number(&test, reason, hand.actor.clone()).await.map_err(said)?;
    Ok(Outcome::Code { code, until })
}

impl Question {
    fn of(what: &'static str, reason: &Reason) -> Self {
        let reason = reason.as_str().to_owned();
        let (hours, entries, wide, confirmation) = Default::default();
        Self { what, reason, hours, entries, fields: Vec::new(), wide, confirmation }
    }
}

fn ask(hand: &Hand<'_>, question: Question) -> Answer {
    let Question { what, reason, hours, entries, fields, .. } = &question;
    let field = |name: &str| fields.iter().find(|(of, _)| *of == name).map_or("", |(_, it)| it);
    let signed = [&[*what, reason, hours, entries][..], &FIELDS.map(field)].concat();
    let made = hand.seals.confirmation(hand.realm, hand.actor.as_str(), &signed, hand.now);
    let confirmation = made.map_err(said)?;
    Ok(Outcome::Ask(Question { confirmation, ..question }))
}

/// What an entry is about that is about more than somebody who makes it at night may think.
fn wide(effect: Effect, target: &Target) -> Option<String> {
    let extends = effect == Effect::ExtendAutomaticBlock;
    match target {
        Target::Prefix(prefix) => {
            let regions = prefix.regions();
            if regions.len() < 2 && !prefix.is_code() {
                return None;
            }
            let names: Vec<&str> = regions.iter().take(NAMED).map(|it| it.as_str()).collect();
            let more = match regions.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and of {more} more"),
            };
            let all = if prefix.is_code() { "all numbers" } else { "numbers" };
            Some(format!("{prefix} begins {all} of {}{more}.", names.join(", ")))
        }
        Target::Country(region) if extends => Some(format!(
            "All numbers of {region} that never verified are refused, not only where the detector acts."
        )),
        Target::Everything if extends => Some(
            "All numbers of all countries that never verified are refused, not only where the \
             detector acts."
                .to_owned(),
        ),
        _ => None,
    }
}

async fn confirm(hand: &Hand<'_>, form: &Form<'_>) -> Answer {
    let (what, hours, entries) = (form.field("what"), form.field("hours"), form.field("entries"));
    let reason = reason(form)?;
    let fields = FIELDS.map(|name| form.field(name));
    let signed = [&[what, reason.as_str(), hours, entries][..], &fields].concat();
    let text = form.field("confirmation");
    hand.seals.confirm(text, hand.realm, hand.actor.as_str(), &signed, hand.now).map_err(
        |stale| match stale {
            Stale::Forged => "The confirmation was not made for this. Begin again.".to_owned(),
            Stale::Old => "The confirmation is older than two minutes. Begin again.".to_owned(),
            Stale::Used => "The confirmation was used before. Look whether it is done.".to_owned(),
        },
    )?;
    match what {
        "pause" => {
            let (target, end) = (Target::Everything, end(hand, form)?);
            if pausing(hand).await?.iter().any(|entry| words::lasts(entry.until(), end)) {
                let words = "SMS is paused already, for as long as that or longer. To end it \
                             sooner, resume it and pause it again.";
                return Err(words.to_owned());
            }
            let actor = hand.actor.clone();
            hand.controls.enter(target, Effect::SmsOff, reason, actor, end).await.map_err(said)?;
            Ok(Outcome::Done("paused"))
        }
        "resume" => {
            for entry in entries.split(',') {
                let id = id(entry)?;
                hand.controls.lift_because(id, &reason, hand.actor).await.map_err(said)?;
            }
            Ok(Outcome::Done("resumed"))
        }
        "enter" => enter(hand, form).await,
        _ => Err("This is no form of the console.".to_owned()),
    }
}

/// The entries that switch all SMS off now.
async fn pausing(hand: &Hand<'_>) -> Result<Vec<Control>, String> {
    let mut entries = hand.controls.list().await.map_err(said)?;
    entries.retain(|entry| entry.pauses_all(hand.now));
    Ok(entries)
}

fn ids(entries: &[Control]) -> Vec<ControlId> {
    entries.iter().map(Control::id).collect()
}

fn list(entries: &[ControlId]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn id(text: &str) -> Result<ControlId, String> {
    text.parse().map(ControlId).map_err(|_| "There is no such entry.".to_owned())
}

fn reason(form: &Form<'_>) -> Result<Reason, String> {
    Reason::new(form.field("reason")).map_err(|_| {
        "Give a reason of 1 to 200 characters: whoever reads the entry tomorrow needs it."
            .to_owned()
    })
}

fn effect(form: &Form<'_>) -> Result<Effect, String> {
    Ok(match form.field("effect") {
        "block" => Effect::Block,
        "allow" => Effect::Allow,
        "country-off" => Effect::CountryOff,
        "known-only" => Effect::KnownNumbersOnly,
        "sms-off" => Effect::SmsOff,
        "lift-auto" => Effect::LiftAutomaticBlock,
        "extend-auto" => Effect::ExtendAutomaticBlock,
        "forbid-auto" => Effect::ForbidAutomaticBlock,
        "surge" => {
            let factor = form.field("factor").parse().ok().map(SurgeFactor::new);
            let factor = factor.and_then(Result::ok);
            Effect::ExpectSurge(factor.ok_or("How many times the usual? Give 2 to 100.")?)
        }
        _ => return Err("Choose what is to be done.".to_owned()),
    })
}

/// The target. What was typed is not repeated in the words: it may be a number.
fn target(hand: &Hand<'_>, form: &Form<'_>) -> Result<Target, String> {
    let value = form.field("value");
    Ok(match form.field("kind") {
        "everything" => Target::Everything,
        "country" => Target::Country(
            value
                .to_ascii_uppercase()
                .parse::<Region>()
                .map_err(|_| "This is no country. Write its two letters, such as UZ.")?,
        ),
        "prefix" if is_whole_number(value) => {
            let words = "This may be a whole number, and a prefix is shown on the page. Choose \"One \
                         number\", or leave its last digits off. A prefix that is as long as a \
                         number is written with an x for each digit left out: +62815667788xx.";
            return Err(words.to_owned());
        }
        "prefix" => Target::Prefix(value.parse::<DialPrefix>().map_err(said)?),
        "network" => Target::Network(
            value
                .parse::<Network>()
                .map_err(|_| "This is no network. Write it as 203.0.113.0/24 or 2001:db8::/48.")?,
        ),
        "number" => hand.controls.number(&number(value)?),
        "user" => hand.controls.user(account(value)?),
        _ => return Err("Choose what it is about.".to_owned()),
    })
}

/// The number that a text is, however it is written. With an `x` for each digit left out it is none.
fn whole(text: &str) -> Result<Recipient, RecipientError> {
    let digits = text.trim_end_matches('x');
    if digits.len() < text.len() && Recipient::parse(&text.replace('x', "0"), None).is_ok() {
        return Err(RecipientError::Letter);
    }
    Recipient::parse(digits, None)
}

/// Whether what stands for a range may be somebody's line.
pub(super) fn is_whole_number(text: &str) -> bool {
    let may_be_mobile = |line| matches!(line, LineType::Mobile | LineType::FixedLineOrMobile);
    whole(text).is_ok_and(|recipient| may_be_mobile(recipient.line_type()))
}

/// Whether a text may be somebody's number, which is on no page.
pub(super) fn is_personal(text: &str) -> bool {
    // No country has a line of fewer digits with its code; what has as many and is neither may have one
    // among other things.
    let long = text.chars().filter(|letter| letter.is_ascii_digit()).count() >= 9;
    let is_range = || text.parse::<DialPrefix>().is_ok() || text.parse::<Network>().is_ok();
    match whole(text) {
        Ok(recipient) => recipient.is_valid() || (long && !is_range()),
        // Digits without a plus: a country's own spelling, or `00`.
        Err(RecipientError::MissingCountry) => text.parse::<Network>().is_err(),
        Err(_) => long && !is_range(),
    }
}

fn number(text: &str) -> Result<Recipient, String> {
    Recipient::parse(text, None)
        .map_err(|error| format!("Write the whole number with + and country code: {error}."))
}

fn account(text: &str) -> Result<&str, String> {
    let fits = !text.is_empty() && text.chars().count() <= 200;
    if fits { Ok(text) } else { Err("Give the account's identifier.".to_owned()) }
}

fn purpose(form: &Form<'_>) -> Result<Option<Purpose>, String> {
    match form.field("purpose") {
        "" => Ok(None),
        name => Purpose::new(name.to_owned()).map(Some).map_err(said),
    }
}

fn end(hand: &Hand<'_>, form: &Form<'_>) -> Result<Option<Timestamp>, String> {
    let hours = form.field("hours");
    if !SPANS.iter().any(|(known, _)| *known == hours) {
        return Err("Choose how long it holds.".to_owned());
    }
    let hours: Option<u64> = hours.parse().ok();
    Ok(hours.map(|hours| hand.now + Duration::from_secs(hours.saturating_mul(3_600))))
}

/// An error of the crate, as a sentence.
fn said(error: impl std::fmt::Display) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
