//! Where an operator's word about the detector's own blocks reaches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access::{Brake, Control, ControlBook, Network, Query, Target};
use crate::base::time::Timestamp;
use crate::pumping::{Action, Alert, AlertKind, Assessment, Detector, Judgement, NodeId, NodeView};
use crate::recipient::Prefix;

/// Places remembered that an entry keeps from being refused: as many as the detector tells of in ten minutes.
const KEPT_BACK: usize = 64;
/// How often it is looked whether an entry still does. An attack makes thousands of events a second.
const LOOK: Duration = Duration::from_secs(1);

/// Whether `target` covers the block, country or network that the detector acts on.
pub(super) fn covers(target: &Target, acting: &NodeView) -> bool {
    match target {
        Target::Everything => true,
        Target::Country(region) => acting.region.is_some_and(|own| own == region.letters()),
        Target::Prefix(prefix) => range(acting).is_some_and(|block| prefix.covers_block(&block)),
        Target::Network(network) => acting
            .node
            .expose_network()
            .and_then(|(address, length)| Network::new(address, length).ok())
            .is_some_and(|own| network.covers(&own)),
        _ => false,
    }
}

/// The numbers of a node of numbers, which is written as a prefix is.
fn range(acting: &NodeView) -> Option<Prefix> {
    acting.node.to_string().parse().ok()
}

/// What operators said of the whole of what the detector acts on.
fn brake_on<'a>(book: &'a ControlBook, acting: &NodeView, now: Timestamp) -> Brake<'a> {
    book.lasting_brake(range(acting).as_ref(), now, |target| covers(target, acting))
}

/// What is done where the detector acts, whoever decides it.
pub(crate) fn in_force(mut acting: NodeView, book: &ControlBook, now: Timestamp) -> NodeView {
    let (action, by, times) = match brake_on(book, &acting, now) {
        Brake::Forbidden(by) => (Action::Pass, by, (0, 0)),
        Brake::Extended(by) => {
            let until = by.until().unwrap_or(Timestamp::MAX);
            (Action::Refuse, by, (by.since().as_millis(), until.as_millis()))
        }
        _ => return acting,
    };
    acting.action = action;
    (acting.since_ms, acting.until_ms) = times;
    acting.entry = Some(by.id().0);
    acting
}

/// What is to be told of what the detector begins or ends, where it may be an operator who decides:
/// nothing that is not so. That codes are not entered is so whoever decides, and no less worth knowing
/// where everybody is let through.
pub(super) fn told(
    alert: Alert,
    acting: Option<NodeView>,
    book: &ControlBook,
    now: Timestamp,
) -> Option<Alert> {
    let brake = acting.map_or(Brake::AsDetected, |acting| brake_on(book, &acting, now));
    let kind = match (brake, alert.kind) {
        (Brake::Forbidden(_), AlertKind::BlockBegun) => AlertKind::BlockForbidden,
        (Brake::Forbidden(_) | Brake::Extended(_), AlertKind::Asking | AlertKind::BlockLifted) => {
            return None;
        }
        (_, kind) => kind,
    };
    Some(Alert { kind, ..alert })
}

/// Where it was told that an entry keeps the detector from refusing. A refusal that goes on when no entry does
/// so any more begins then, for everybody but the detector.
#[derive(Debug, Default)]
pub(super) struct KeptBack {
    /// Whether there are any: where nothing is forbidden, no lock is asked.
    any: AtomicBool,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    nodes: VecDeque<NodeId>,
    /// When it was looked whether entries still decide.
    looked: Option<Timestamp>,
}

impl KeptBack {
    pub(super) fn is_any(&self) -> bool {
        // Relaxed: who misses a place that another request has just told of leaves it to the next.
        self.any.load(Ordering::Relaxed)
    }

    /// Whether it is time to look again, which is done by whoever asks.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        if !self.is_any() {
            return false;
        }
        let mut places = self.places();
        let is_due = places.looked.is_none_or(|at| now < at || now.since(at) >= LOOK);
        if is_due {
            places.looked = Some(now);
        }
        is_due
    }

    /// What is told, with what begins because no entry is in the way any more, and without the end of what was
    /// never told to begin.
    pub(super) fn follow(
        &self,
        mut told: Vec<Alert>,
        detector: &Detector,
        book: &ControlBook,
        now: Timestamp,
    ) -> Vec<Alert> {
        let forbidden = |alert: &Alert| alert.kind == AlertKind::BlockForbidden;
        if !self.is_any() && !told.iter().any(forbidden) {
            return told;
        }
        let mut places = self.places();
        told.retain(|alert| {
            alert.kind != AlertKind::BlockLifted || !places.nodes.contains(&alert.node)
        });
        for alert in told.iter().filter(|alert| forbidden(alert)) {
            if !places.nodes.contains(&alert.node) {
                if places.nodes.len() >= KEPT_BACK {
                    places.nodes.pop_front();
                }
                places.nodes.push_back(alert.node);
            }
        }
        let refuses = |place: &NodeView| place.action == Action::Refuse;
        places.nodes.retain(|node| {
            let Some(place) = detector.inspect(*node) else { return false };
            if matches!(brake_on(book, &place, now), Brake::Forbidden(_)) {
                return true;
            }
            match detector.inspect_at(*node, now).filter(refuses) {
                Some(place) => {
                    told.push(begun(&place, now));
                    false
                }
                // It is over, and the next request there ends it.
                None => refuses(&place),
            }
        });
        self.any.store(!places.nodes.is_empty(), Ordering::Relaxed);
        told
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a place is refused from now on.
fn begun(place: &NodeView, now: Timestamp) -> Alert {
    Alert {
        at_ms: now.as_millis(),
        kind: AlertKind::BlockBegun,
        node: place.node,
        network: None,
        evidence: place.evidence + place.step_up_evidence,
    }
}

/// Applies what operators said about automatic blocks and goes on: the narrowest entry on the number's
/// ladder counts, then the client's network. The entry by which it is refused.
pub(super) fn brake<'a>(
    assessment: &mut Assessment,
    book: &'a ControlBook,
    query: &Query<'_>,
) -> Option<&'a Control> {
    let region = query.recipient.line_region();
    let on_range = query
        .recipient
        .ladder()
        .map(|rung| book.lasting_brake_on_range(&rung, region, query.purpose, query.now))
        .filter(|brake| *brake != Brake::AsDetected)
        .last();
    let brake = on_range.unwrap_or_else(|| {
        book.lasting_brake_on_network(&query.client.prefix(), query.purpose, query.now)
    });
    match brake {
        Brake::Forbidden(_) => assessment.verdict = Judgement::Allow,
        Brake::Extended(by) => {
            let until_ms = by.until().unwrap_or(Timestamp::MAX).as_millis();
            assessment.verdict = Judgement::Refuse { until_ms };
            return Some(by);
        }
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pumping::{Action, BlockLevel, ClientNet, NodeId};
    use crate::recipient::Region;

    /// A node as the detector shows it.
    fn view(level: BlockLevel, region: Region, digits: u64, client: &str) -> NodeView {
        let letters = region.letters();
        let node = match level {
            BlockLevel::Country => NodeId::region(level, letters),
            BlockLevel::Host | BlockLevel::Network => {
                NodeId::address(level, ClientNet::of(client.parse().unwrap()))
            }
            BlockLevel::Everyone => NodeId::pool(level),
            _ => NodeId::block(level, digits),
        };
        NodeView {
            node,
            region: level.is_regional().then_some(letters),
            action: Action::Ask,
            evidence: 6.0,
            step_up_evidence: 0.0,
            share_evidence: 0.0,
            unanswered: 9,
            verified_daily: 0.0,
            verified_lately: 0.0,
            since_ms: 0,
            until_ms: 0,
            strikes: 0,
            entry: None,
        }
    }

    #[test]
    fn a_country_covers_its_own_blocks_and_not_its_neighbour_s_of_the_same_calling_code() {
        let russia = view(BlockLevel::Million, Region::RU, 79_123_456_789, "192.0.2.7");
        let kazakhstan = view(BlockLevel::Million, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::RU), &russia));
        assert!(!covers(&Target::Country(Region::RU), &kazakhstan));
        let whole = view(BlockLevel::Country, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::KZ), &whole));
        assert!(!covers(
            &Target::Country(Region::KZ),
            &view(BlockLevel::Everyone, Region::KZ, 77_012_345_678, "192.0.2.7")
        ));
        assert!(covers(&Target::Everything, &whole));
    }

    #[test]
    fn a_prefix_covers_finer_blocks_only() {
        let block = view(BlockLevel::TenThousand, Region::DE, 4_915_112_345_678, "192.0.2.7");
        let target = |digits: &str| Target::Prefix(digits.parse().unwrap());
        assert!(covers(&target("+49151"), &block));
        assert!(!covers(&target("+49152"), &block));
        assert!(!covers(&target("+49151123456"), &block), "the block is wider than that");
    }

    #[test]
    fn a_network_covers_the_clients_in_it() {
        for (client, inside, outside) in [
            ("203.0.113.7", "203.0.113.0/24", "203.0.112.0/24"),
            ("2001:db8:1:2::5", "2001:db8:1::/48", "2001:db8:2::/48"),
            ("2a00:db8:1:2::5", "2a00:db8::/32", "2a00:db9::/32"),
        ] {
            for level in [BlockLevel::Host, BlockLevel::Network] {
                let node = view(level, Region::DE, 4_915_112_345_678, client);
                assert!(covers(&Target::Network(inside.parse().unwrap()), &node), "{client}");
                assert!(!covers(&Target::Network(outside.parse().unwrap()), &node), "{client}");
            }
        }
    }
}
