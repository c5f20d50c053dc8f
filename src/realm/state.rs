//! [`RealmState`]: a tenant's state in this process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::mac::MacKey;
use crate::context::{Purpose, Realm};
use crate::outcome::Proved;
use crate::pumping::Detector;

use super::controls::CurrentControls;
use super::names::{Fixed, Names};
use super::standing::{Concern, Standing};
use super::watch::Watch;

/// The realms this process has served.
#[derive(Default)]
pub(crate) struct Realms(RwLock<HashMap<Realm, Arc<RealmState>>>);

impl Realms {
    /// The state of `realm`, which is made if this process has not served it yet.
    pub(crate) fn of(&self, realm: &Realm, make: impl FnOnce() -> RealmState) -> Arc<RealmState> {
        if let Some(state) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(realm) {
            return Arc::clone(state);
        }
        let mut realms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(realms.entry(realm.clone()).or_insert_with(|| Arc::new(make())))
    }
}

/// A tenant's state in this process: its names, a cache of its controls, and a watch.
pub(crate) struct RealmState {
    id: Realm,
    name: Arc<str>,
    names: Fixed,
    pub(crate) controls: CurrentControls,
    pub(crate) watch: Watch,
    /// Of the guesses at many numbers: see [`Reached`].
    pub(crate) sprayed: Reached,
}

/// How high something is that rises and falls, for telling each height once.
#[derive(Debug, Default)]
pub(crate) struct Reached(AtomicU32);

impl Reached {
    /// Whether it is higher now than was told. A height is told again once it has fallen by two: what stands at
    /// the edge of one would be told for ever.
    pub(crate) fn is_reached(&self, height: u32) -> bool {
        let told = self.0.load(Ordering::Relaxed);
        let next = if height > told { height } else { told.min(height.saturating_add(1)) };
        let changed = self.0.compare_exchange(told, next, Ordering::Relaxed, Ordering::Relaxed);
        height > told && changed.is_ok()
    }
}

impl RealmState {
    /// `gate` names this gate among those on the store.
    pub(crate) fn new<'p>(
        realm: &Realm,
        index: &MacKey,
        purposes: impl IntoIterator<Item = &'p Purpose>,
        gate: u64,
        detector: Detector,
    ) -> Self {
        let name: Arc<str> = realm.as_str().into();
        Self {
            id: realm.clone(),
            names: Fixed::new(index, realm.as_str(), purposes),
            controls: CurrentControls::new(Arc::clone(&name)),
            watch: Watch::new(Arc::clone(&name), gate, detector),
            sprayed: Reached::default(),
            name,
        }
    }

    pub(crate) fn id(&self) -> &Realm {
        &self.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) fn names(&self) -> Names<'_> {
        Names { fixed: &self.names }
    }

    /// What controls and detector say about a request.
    pub(crate) fn standing(&self, concern: &Concern<'_>) -> Standing {
        let seen = self.controls.seen();
        let ruling = seen.book.decide(&concern.query);
        self.watch.expect(&ruling, &concern.subject);
        // Work satisfies a demand for work below; it is no answer to a demand for a person.
        let passed = concern.proved == Proved::Human;
        let assessment = self.watch.judge(concern, passed);
        Standing::new(&seen, &ruling, assessment, concern)
    }
}
