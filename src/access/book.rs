//! All entries that operators made, as one immutable value with fast lookup.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::control::{Control, ControlId, Draft};
use super::effect::{ControlError, Effect};
use super::ip::ClientPrefix;
use super::network::Network;
use super::ruling::{Brake, Query, Ruling, rule, weight};
use super::target::{DialPrefix, Target, spellings};
use crate::base::time::Timestamp;
use crate::recipient::{Prefix, Region};

/// Everything that operators allow, block, switch and forbid: an immutable snapshot of one realm.
///
/// A change makes a new book. [`encode`](Self::encode) turns a book into bytes for the store, sealed
/// by the gate, so that every instance sees the same entries; [`revision`](Self::revision) says which
/// of two books is newer.
///
/// # Precedence
///
/// The *recipient's* side (number, prefix, country) and the *requester's* (user, network) are ruled
/// apart. On each side the narrowest entry wins, one for this purpose alone before one for all, a
/// block before an allowance, and the later before the earlier. Then:
///
/// 1. a block on either side blocks: an allowance never reaches across, so an allowed number gets
///    nothing at a blocked network's request;
/// 2. a country that is switched off blocks, unless the *number* is allowed;
/// 3. an allowance on either side lets the request past the detector and its step-ups, and past nothing
///    else: intervals, quotas, budgets and their step-ups hold for everybody.
///
/// ```
/// use otpgate::access::{Actor, ClientIp, ControlBook, Draft, Effect, Query, Reason, Target, ListVerdict};
/// use otpgate::{Pseudonym, Recipient, Timestamp};
///
/// let now = Timestamp::from_millis(1_800_000_000_000);
/// let entry = |target: &str, effect| {
///     let target = Target::Prefix(target.parse().unwrap());
///     Draft::new(target, effect, Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap())
/// };
/// let (book, _) = ControlBook::new().with(entry("+4915", Effect::Block)?, now)?;
/// let (book, allowed) = book.with(entry("+49151", Effect::Allow)?, now)?;
///
/// let recipient = Recipient::from_e164("+4915112345678")?;
/// let query = Query {
///     recipient: &recipient,
///     number: Pseudonym::from_bytes([1; 16]), // from the gate's key ring
///     client: ClientIp::unknown(),
///     user: None,
///     purpose: "sign-up",
///     now,
/// };
/// assert!(matches!(book.decide(&query).verdict, ListVerdict::Allowed(by) if by.id() == allowed));
/// assert!(matches!(book.without(allowed)?.decide(&query).verdict, ListVerdict::Blocked(_)));
/// assert_eq!(ControlBook::decode(&book.encode())?, book);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ControlBook {
    pub(super) revision: u64,
    pub(super) entries: Vec<Arc<Control>>,
    index: Index,
}

impl ControlBook {
    /// The most entries of a book: 10,000. A change copies the book and every instance holds it in
    /// memory, about 5 MB at worst; a longer list is a sign that a prefix or a policy is meant.
    pub const MAX_ENTRIES: usize = 10_000;

    /// The most test numbers of a book: 20. Each is a code that does not change for up to 30 days, and
    /// tests may share one number.
    pub const MAX_TEST_NUMBERS: usize = 20;

    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book with one more entry, and the entry's number. A lift of the detector's block takes away the
    /// entries that extend it and hold for nothing but what the lift is about.
    ///
    /// # Errors
    ///
    /// [`BookError::Full`] at [`MAX_ENTRIES`](Self::MAX_ENTRIES), [`BookError::Control`] if the
    /// entry's times make no sense, [`BookError::Extended`] for a lift in what an entry for more extends.
    ///
    /// ```
    /// use otpgate::access::{Actor, BookError, ControlBook, Draft, Effect, Reason, Target};
    /// use otpgate::Timestamp;
    ///
    /// let at = Timestamp::from_millis;
    /// let draft = |prefix: &str, effect| {
    ///     let (why, ada) = (Reason::new("ticket 4711").unwrap(), Actor::new("ada").unwrap());
    ///     Draft::new(Target::Prefix(prefix.parse().unwrap()), effect, why, ada)
    /// };
    /// let extend = draft("+49151", Effect::ExtendAutomaticBlock)?.until(at(9_000));
    /// let (book, extended) = ControlBook::new().with(extend, at(0))?;
    ///
    /// let error = book.with(draft("+49151123", Effect::LiftAutomaticBlock)?, at(1_000)).unwrap_err();
    /// assert_eq!(error, BookError::Extended { id: extended });
    /// let (book, _) = book.with(draft("+49151", Effect::LiftAutomaticBlock)?, at(1_000))?;
    /// assert!(book.entry(extended).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(&self, draft: Draft, now: Timestamp) -> Result<(Self, ControlId), BookError> {
        if self.entries.len() >= Self::MAX_ENTRIES {
            return Err(BookError::Full);
        }
        let id = ControlId(self.revision.saturating_add(1));
        let entry = Arc::new(draft.enter(id, now)?);
        let ended = self.ended_by(&entry, now)?;
        let left = self.entries.iter().filter(|control| !ended.contains(&control.id()));
        let entries = left.cloned().chain([entry]).collect();
        Ok((Self::assemble(id.0, entries), id))
    }

    /// The entries that a lift takes away: those that extend the detector's block where it is lifted, and
    /// nowhere else. Others win over the lift wherever it is made.
    fn ended_by(&self, entry: &Control, now: Timestamp) -> Result<Vec<ControlId>, BookError> {
        if entry.effect() != Effect::LiftAutomaticBlock {
            return Ok(Vec::new());
        }
        let extends = |control: &&Control| {
            control.effect() == Effect::ExtendAutomaticBlock && control.holds(now)
        };
        let (ended, others): (Vec<_>, Vec<_>) = self
            .entries()
            .filter(extends)
            .partition(|control| entry.target().holds_all_of(control.target()));
        match others.iter().rfind(|control| control.target().meets(entry.target())) {
            Some(around) => Err(BookError::Extended { id: around.id() }),
            None => Ok(ended.into_iter().map(Control::id).collect()),
        }
    }

    /// The book without one entry.
    ///
    /// # Errors
    ///
    /// [`BookError::NoSuchEntry`] if it is not there.
    pub fn without(&self, id: ControlId) -> Result<Self, BookError> {
        self.entry(id).ok_or(BookError::NoSuchEntry { id })?;
        Ok(self.keep(|control| control.id() != id))
    }

    /// The book without the entries that are over at `now`. They had no effect any more; this frees
    /// their room.
    ///
    /// ```
    /// use otpgate::access::{Actor, ControlBook, Draft, Effect, Reason, Target};
    /// use otpgate::Timestamp;
    ///
    /// let at = Timestamp::from_millis;
    /// let (why, ada) = (Reason::new("provider maintenance")?, Actor::new("ada")?);
    /// let off = Draft::new(Target::Everything, Effect::SmsOff, why, ada)?.until(at(5_000));
    /// let (book, _) = ControlBook::new().with(off, at(0))?;
    /// assert_eq!(book.expire(at(4_999)).entries().len(), 1);
    /// assert_eq!(book.expire(at(5_000)).entries().len(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expire(&self, now: Timestamp) -> Self {
        if self.entries.iter().any(|control| control.is_over(now)) {
            self.keep(|control| !control.is_over(now))
        } else {
            self.clone()
        }
    }

    /// How many test numbers are in it at `now`.
    pub(crate) fn test_numbers(&self, now: Timestamp) -> usize {
        let live =
            |control: &&Control| control.effect() == Effect::TestNumber && !control.is_over(now);
        self.entries().filter(live).count()
    }

    /// The entry of this number.
    #[must_use]
    pub fn entry(&self, id: ControlId) -> Option<&Control> {
        self.entries().find(|control| control.id() == id)
    }

    /// Every entry, the oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Control> {
        self.entries.iter().map(Arc::as_ref)
    }

    /// Counts the changes: of two books of one realm, the one with the higher revision is newer. An
    /// instance must not replace its book by one with a lower revision, unless the store has lost the newer.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// What the book says about a request.
    pub fn decide(&self, query: &Query<'_>) -> Ruling<'_> {
        let found = self.index.covering(query);
        let entries = found.iter().filter_map(|place| self.entries.get(*place)).map(Arc::as_ref);
        let entries = entries.filter(|control| control.concerns(query.purpose, query.now));
        let has_exceptions = self.index.exceptions.iter().any(|place| {
            let entry = self.entries.get(*place);
            entry.is_some_and(|control| control.concerns(query.purpose, query.now))
        });
        let surge = self.surge(query.recipient.line().0, query.now);
        let code = code_length(query.recipient.calling_code().value());
        rule(entries, code, has_exceptions, surge)
    }

    /// The surge that holds for a country: its own before one of everything, then the latest. The
    /// detector has one factor for a country's traffic, so it is the same for each of its requests.
    fn surge(&self, region: Region, now: Timestamp) -> Option<&Control> {
        let surges = self.index.surges.iter().filter_map(|place| self.entries.get(*place));
        let holding = surges.map(Arc::as_ref).filter(|control| control.holds(now));
        let covering = holding.filter_map(|control| match control.target() {
            Target::Everything => Some((false, control)),
            Target::Country(own) if *own == region => Some((true, control)),
            _ => None,
        });
        covering.max_by_key(|(own, control)| (*own, control.id())).map(|(_, control)| control)
    }

    /// What operators say about the detector's blocks of `rung`, which is on the ladder of a number of
    /// `region`. The narrowest entry that covers the whole rung wins, then the latest.
    ///
    /// ```
    /// use otpgate::access::{Actor, Brake, ControlBook, Draft, Effect, Reason, Target};
    /// use otpgate::{Recipient, Region, Timestamp};
    ///
    /// let now = Timestamp::from_millis(0);
    /// let (why, ada) = (Reason::new("our own staff, ticket 4711")?, Actor::new("ada")?);
    /// let target = Target::Prefix("+4915112".parse()?);
    /// let draft = Draft::new(target, Effect::ForbidAutomaticBlock, why, ada)?;
    /// let (book, _) = ControlBook::new().with(draft, now)?;
    ///
    /// // The block of a million is that prefix; the country around it is not covered.
    /// let ladder: Vec<_> = Recipient::from_e164("+4915112345678")?.ladder().collect();
    /// let brake = |rung| book.brake_on_range(rung, Some(Region::DE), "sign-up", now);
    /// assert!(matches!(brake(&ladder[1]), Brake::Forbidden(_)));
    /// assert_eq!(brake(&ladder[0]), Brake::AsDetected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn brake_on_range(
        &self,
        rung: &Prefix,
        region: Option<Region>,
        purpose: &str,
        now: Timestamp,
    ) -> Brake<'_> {
        let code = code_length(rung.calling_code().value());
        self.brake(code, purpose, now, |control| covers_range(control.target(), rung, region))
    }

    /// As [`brake_on_range`](Self::brake_on_range), of the entries that last. A lift is done with once it
    /// was made, and takes nothing from an entry around it.
    pub(crate) fn lasting_brake_on_range(
        &self,
        rung: &Prefix,
        region: Option<Region>,
        purpose: &str,
        now: Timestamp,
    ) -> Brake<'_> {
        let code = code_length(rung.calling_code().value());
        self.brake(code, purpose, now, |control| {
            lasts(control) && covers_range(control.target(), rung, region)
        })
    }

    /// What operators say about the detector's blocks of a client network.
    #[must_use]
    pub fn brake_on_network(
        &self,
        network: &ClientPrefix,
        purpose: &str,
        now: Timestamp,
    ) -> Brake<'_> {
        self.brake(0, purpose, now, |control| covers_network(control.target(), network))
    }

    /// As [`brake_on_network`](Self::brake_on_network), of the entries that last.
    pub(crate) fn lasting_brake_on_network(
        &self,
        network: &ClientPrefix,
        purpose: &str,
        now: Timestamp,
    ) -> Brake<'_> {
        self.brake(0, purpose, now, |control| {
            lasts(control) && covers_network(control.target(), network)
        })
    }

    /// What the entries that last say, for every purpose, about a block that the detector makes of what
    /// `covers` says of a target. `range`: the block's numbers, if it is one of numbers.
    pub(crate) fn lasting_brake(
        &self,
        range: Option<&Prefix>,
        now: Timestamp,
        covers: impl Fn(&Target) -> bool,
    ) -> Brake<'_> {
        let code = range.map_or(0, |range| code_length(range.calling_code().value()));
        // no purpose is called so, so that an entry for one alone does not count
        self.brake(code, "", now, |control| lasts(control) && covers(control.target()))
    }

    pub(super) fn assemble(revision: u64, entries: Vec<Arc<Control>>) -> Self {
        Self { revision, index: Index::of(&entries), entries }
    }

    fn keep(&self, kept: impl Fn(&Control) -> bool) -> Self {
        let entries = self.entries.iter().filter(|control| kept(control)).cloned().collect();
        Self::assemble(self.revision.saturating_add(1), entries)
    }

    fn brake(
        &self,
        calling_code: u8,
        purpose: &str,
        now: Timestamp,
        counts: impl Fn(&Control) -> bool,
    ) -> Brake<'_> {
        let brakes = self.index.brakes.iter().filter_map(|place| self.entries.get(*place));
        let entry = brakes
            .map(Arc::as_ref)
            .filter(|control| control.concerns(purpose, now) && counts(control))
            .max_by_key(|control| weight(control, calling_code));
        Brake::of(entry)
    }
}

impl PartialEq for ControlBook {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.entries == other.entries
    }
}

impl Eq for ControlBook {}

impl fmt::Debug for ControlBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlBook")
            .field("revision", &self.revision)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// A change or a text that makes no book.
///
/// ```
/// use otpgate::access::{BookError, ControlBook, ControlId};
///
/// let error = ControlBook::new().without(ControlId(7)).unwrap_err();
/// assert_eq!(error, BookError::NoSuchEntry { id: ControlId(7) });
/// assert_eq!(ControlBook::decode(b"something else"), Err(BookError::Unreadable));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The book is full.
    #[error(
        "the control book holds 10000 entries; drop what is over, or use prefixes and networks"
    )]
    Full,
    /// As many test numbers as the policy allows.
    #[error(
        "the realm has {most} test numbers, as many as the policy allows; lift one that is not used"
    )]
    TooManyTestNumbers {
        /// The policy's `test.numbers`.
        most: usize,
    },
    /// The entry to remove is not there.
    #[error("the control book has no entry {id}; list the entries, it may be removed already")]
    NoSuchEntry {
        /// The number asked for.
        id: ControlId,
    },
    /// A lift of the detector's block in what an entry for more extends, which would go on refusing there.
    #[error(
        "entry {id} extends the detector's block there and to more, and would go on refusing; take away entry {id}, and enter it again for what is still to be refused"
    )]
    Extended {
        /// The entry that extends it.
        id: ControlId,
    },
    /// The entry itself is wrong.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The bytes are no book of this version.
    #[error(
        "the control book cannot be read; it was altered or written by a newer release; update this instance or restore the book"
    )]
    Unreadable,
}

/// Where the entries for a target are, and which lengths of prefix and network are worth a look.
#[derive(Clone, Debug, Default)]
struct Index {
    places: HashMap<Target, Vec<usize>>,
    brakes: Vec<usize>,
    surges: Vec<usize>,
    /// The entries that allow single numbers.
    exceptions: Vec<usize>,
    prefixes: BTreeSet<u8>,
    networks: BTreeSet<(bool, u8)>,
}

impl Index {
    fn of(entries: &[Arc<Control>]) -> Self {
        let mut index = Self::default();
        for (place, control) in entries.iter().enumerate() {
            if control.effect().is_automatic() {
                index.brakes.push(place);
                continue;
            }
            if control.effect().is_surge() {
                index.surges.push(place);
                continue;
            }
            match control.target() {
                Target::Prefix(prefix) => drop(index.prefixes.insert(prefix.digit_count())),
                Target::Network(net) => drop(index.networks.insert((net.is_v4(), net.length()))),
                Target::Number(_) if control.effect() == Effect::Allow => {
                    index.exceptions.push(place);
                }
                _ => {}
            }
            index.places.entry(*control.target()).or_default().push(place);
        }
        index
    }

    /// The places of the entries whose target covers the request, each once.
    fn covering(&self, query: &Query<'_>) -> Vec<usize> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let prefixes: BTreeSet<DialPrefix> = spellings(query.recipient)
            .flat_map(|digits| self.prefixes.iter().filter_map(move |n| digits.prefix(*n)))
            .collect();
        let networks = self.networks.iter().filter_map(|(v4, length)| {
            let address = query.client.expose_ip().filter(|address| address.is_ipv4() == *v4)?;
            Network::new(address, *length).ok().map(Target::Network)
        });
        [Target::Everything, Target::Number(query.number)]
            .into_iter()
            .chain(query.recipient.countries().map(Target::Country))
            .chain(query.user.map(Target::User))
            .chain(prefixes.into_iter().map(Target::Prefix))
            .chain(networks)
            .filter_map(|target| self.places.get(&target))
            .flatten()
            .copied()
            .collect()
    }
}

/// Whether an entry about the detector's blocks goes on after it was made.
fn lasts(control: &Control) -> bool {
    control.effect() != Effect::LiftAutomaticBlock
}

fn covers_range(target: &Target, rung: &Prefix, region: Option<Region>) -> bool {
    match target {
        Target::Everything => true,
        Target::Country(country) => region == Some(*country),
        Target::Prefix(prefix) => prefix.covers_block(rung),
        _ => false,
    }
}

fn covers_network(target: &Target, network: &ClientPrefix) -> bool {
    match target {
        Target::Everything => true,
        Target::Network(wide) => network.network().is_some_and(|narrow| wide.covers(&narrow)),
        _ => false,
    }
}

const fn code_length(calling_code: u16) -> u8 {
    match calling_code {
        0..10 => 1,
        10..100 => 2,
        _ => 3,
    }
}

crate::base::sentence::debug_as_sentence!(BookError);
