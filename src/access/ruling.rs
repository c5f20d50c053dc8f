//! What the control book says about one request.

use super::control::Control;
use super::effect::{Effect, SurgeFactor};
use super::ip::ClientIp;
use super::target::Target;
use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;
use crate::recipient::Recipient;

/// One request, as the control book sees it.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Where the message would go.
    pub recipient: &'a Recipient,
    /// The pseudonym of the recipient's line, as entries have it.
    pub number: Pseudonym,
    /// Where the request comes from.
    pub client: ClientIp,
    /// The pseudonym of the account, if there is one.
    pub user: Option<Pseudonym>,
    /// The purpose's name.
    pub purpose: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// What the book says about a request.
///
/// The parts are independent: an allowance and a switch may both be there, and the switch wins.
///
/// ```
/// use otpgate::access::{Actor, ClientIp, ControlBook, Draft, Effect, Query, Reason, Target, ListVerdict};
/// use otpgate::{Pseudonym, Recipient, Region, Timestamp};
///
/// # let now = Timestamp::from_millis(0);
/// # let entry = |target, effect| {
/// #     Draft::new(target, effect, Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap())
/// # };
/// let (book, _) = ControlBook::new().with(entry(Target::Country(Region::DE), Effect::Allow)?, now)?;
/// let (book, off) = book.with(entry(Target::Everything, Effect::SmsOff)?, now)?;
/// # let recipient = Recipient::from_e164("+4915112345678")?;
/// let query = Query {
///     recipient: &recipient,
///     number: Pseudonym::from_bytes([1; 16]),
///     client: ClientIp::unknown(),
///     user: None,
///     purpose: "sign-up",
///     now,
/// };
/// let ruling = book.decide(&query);
/// assert!(matches!(ruling.verdict, ListVerdict::Allowed(_)));
/// assert_eq!(ruling.sms_off.map(|by| by.id()), Some(off));
/// assert_eq!(ruling.surge_factor(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[must_use = "a ruling that is not followed is no control"]
pub struct Ruling<'a> {
    /// Blocked, allowed, or nothing said.
    pub verdict: ListVerdict<'a>,
    /// The switch that lets messages go only to numbers which verified before. Never set for a number
    /// that is allowed by itself.
    pub known_numbers_only: Option<&'a Control>,
    /// The switch that stops all SMS.
    pub sms_off: Option<&'a Control>,
    /// The entry that announces a surge for the recipient's country, or for everything if there is
    /// no such one. The same for all purposes.
    pub surge: Option<&'a Control>,
    /// The verdict for a number that no entry names, all else being equal.
    pub(crate) unnamed: ListVerdict<'a>,
    /// The switch for known numbers, whether or not for this number.
    pub(crate) restricted: Option<&'a Control>,
    /// The entry that makes the number a test number.
    pub(crate) test: Option<&'a Control>,
    /// Whether the book allows any number by itself, this one or another.
    pub(crate) has_exceptions: bool,
}

impl<'a> Ruling<'a> {
    /// Whether an entry for this very number allows it.
    pub(crate) fn allows_number(&self) -> bool {
        matches!(self.verdict, ListVerdict::Allowed(by) if is_named(by))
    }

    /// The block that operators lift for some numbers, this one or another. To show it to the others
    /// would tell which.
    pub(crate) fn excepted(&self) -> Option<&'a Control> {
        let named = matches!(self.verdict, ListVerdict::Blocked(by) if is_named(by));
        match self.unnamed {
            ListVerdict::Blocked(by) if self.has_exceptions && !named && !is_requester(by) => {
                Some(by)
            }
            _ => None,
        }
    }

    /// How many times the usual traffic is expected; `None` for the usual.
    pub fn surge_factor(&self) -> Option<SurgeFactor> {
        match self.surge?.effect() {
            Effect::ExpectSurge(factor) => Some(factor),
            _ => None,
        }
    }
}

/// Blocked, allowed, or nothing said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ListVerdict<'a> {
    /// No message, by this entry.
    Blocked(&'a Control),
    /// Past the detector and its step-ups, by this entry; never past a limit.
    Allowed(&'a Control),
    /// No entry speaks.
    Silent,
}

/// What operators say about the detector's own blocks of one range or network.
/// [`ControlBook::brake_on_range`](super::ControlBook::brake_on_range) shows the first two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Brake<'a> {
    /// Nothing: the detector decides.
    AsDetected,
    /// The detector may not block here.
    Forbidden(&'a Control),
    /// Evidence from before the entry's [`since`](Control::since) does not count.
    Lifted(&'a Control),
    /// The block stays until the entry's [`until`](Control::until).
    Extended(&'a Control),
}

impl<'a> Brake<'a> {
    pub(super) fn of(control: Option<&'a Control>) -> Self {
        match control.map(|control| (control, control.effect())) {
            Some((control, Effect::ForbidAutomaticBlock)) => Self::Forbidden(control),
            Some((control, Effect::LiftAutomaticBlock)) => Self::Lifted(control),
            Some((control, Effect::ExtendAutomaticBlock)) => Self::Extended(control),
            _ => Self::AsDetected,
        }
    }
}

/// Rules on the entries that hold for a request. `calling_code` is the length of its calling code,
/// `has_exceptions` whether an entry for any single number allows it, `surge` its country's.
pub(super) fn rule<'a>(
    entries: impl Iterator<Item = &'a Control> + Clone,
    calling_code: u8,
    has_exceptions: bool,
    surge: Option<&'a Control>,
) -> Ruling<'a> {
    let best = |wanted: fn(&Control) -> bool| {
        let wanted = entries.clone().filter(move |control| wanted(control));
        wanted.max_by_key(|control| weight(control, calling_code))
    };
    let recipient = best(|control| is_list(control) && !is_requester(control));
    let requester = best(|control| is_list(control) && is_requester(control));
    let off = best(|control| control.effect() == Effect::CountryOff);
    let own = recipient.filter(|control| is_named(control));
    let number_allowed = own.is_some_and(|control| control.effect() == Effect::Allow);
    let wide = best(|control| is_list(control) && !is_requester(control) && !is_named(control));

    let blocks = |control: &&Control| control.effect() == Effect::Block;
    let refusing = requester.filter(blocks);
    let blocked = recipient.filter(blocks).or(refusing).or(off.filter(|_| !number_allowed));
    // A block of the requester first: it lets no number through.
    let unnamed = refusing.or(wide.filter(blocks)).or(off).map(ListVerdict::Blocked);
    let verdict = |blocked: Option<ListVerdict<'a>>, allowed: Option<&'a Control>| {
        blocked.or(allowed.map(ListVerdict::Allowed)).unwrap_or(ListVerdict::Silent)
    };
    let restricted = best(|control| control.effect() == Effect::KnownNumbersOnly);
    Ruling {
        verdict: verdict(blocked.map(ListVerdict::Blocked), recipient.or(requester)),
        known_numbers_only: restricted.filter(|_| !number_allowed),
        sms_off: best(|control| control.effect() == Effect::SmsOff),
        surge,
        unnamed: verdict(unnamed, wide.or(requester)),
        restricted,
        test: best(|control| control.effect() == Effect::TestNumber),
        has_exceptions,
    }
}

/// What wins among entries of one kind: the narrower target, then the one for this purpose alone, then
/// a block over an allowance, then the later entry.
pub(super) fn weight(control: &Control, calling_code: u8) -> (u16, bool, bool, u64) {
    (
        specificity(control.target(), calling_code),
        control.purpose().is_some(),
        control.effect() == Effect::Block,
        control.id().0,
    )
}

/// How narrow a target is, among targets that cover the same request and lie on the same side.
///
/// A country lies between the prefix that is its calling code and any longer one: +1 is wider than
/// Jamaica, +1876 is narrower.
fn specificity(target: &Target, calling_code: u8) -> u16 {
    match target {
        Target::Everything => 0,
        Target::Country(_) => u16::from(calling_code).saturating_mul(2).saturating_add(1),
        Target::Prefix(prefix) => u16::from(prefix.digit_count()).saturating_mul(2),
        Target::Network(network) => u16::from(network.length()).saturating_add(1),
        Target::Number(_) | Target::User(_) => u16::MAX,
    }
}

fn is_list(control: &Control) -> bool {
    matches!(control.effect(), Effect::Allow | Effect::Block)
}

fn is_requester(control: &Control) -> bool {
    matches!(control.target(), Target::Network(_) | Target::User(_))
}

/// Whether the entry is for one number.
fn is_named(control: &Control) -> bool {
    matches!(control.target(), Target::Number(_))
}
