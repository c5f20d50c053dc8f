//! [`Operator`]: what people ordered, and what they are to be told.

use std::collections::VecDeque;

use super::level::NodeId;
use super::reason::{Alert, AlertKind};
use super::table::KeyMap;
use crate::base::network::NetworkCode;

/// Orders kept at most; the one that ends first goes when a new one comes.
const ORDERS: usize = 4_096;
/// Regions whose surge is remembered at most.
const SURGES: usize = 256;
/// Alerts of one kind: kept until they are taken at most, and not repeated for now. Each kind has its own, so
/// that those that wake nobody never take the room of one that does.
const ALERTS: usize = 64;
/// How long an alert of one kind is not repeated for its node.
const QUIET_MS: u64 = 600_000;

/// What people ordered, and what they are to be told. Orders and surges that are over stay until
/// they are in the way, and count for nothing meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    surges: Vec<Surge>,
    orders: KeyMap<Order>,
    alerts: VecDeque<Alert>,
    said: VecDeque<(u64, AlertKind, (u64, Option<NetworkCode>))>,
}

/// A campaign that was announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surge {
    pub(super) region: [u8; 2],
    pub(super) factor: f32,
    pub(super) until: u64,
}

/// What an operator said about one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Never act on it.
    Forbid { until: u64 },
    /// Refuse it.
    Block { until: u64 },
}

impl Order {
    pub(super) fn until(self) -> u64 {
        match self {
            Self::Forbid { until } | Self::Block { until } => until,
        }
    }
}

impl Operator {
    /// `region` may send `factor` times its ordinary volume until `until`.
    pub(super) fn announce(&mut self, now: u64, region: [u8; 2], factor: f32, until: u64) {
        self.surges.retain(|s| s.region != region && s.until > now);
        self.restore_surge(Surge { region, factor, until });
    }

    /// Puts a surge of a snapshot back.
    pub(super) fn restore_surge(&mut self, surge: Surge) {
        if self.surges.len() < SURGES {
            self.surges.push(Surge { factor: surge.factor.clamp(1.0, 1_000.0), ..surge });
        }
    }

    /// By how much more than ordinary a region may send at present.
    pub(super) fn surge(&self, now: u64, region: [u8; 2]) -> f32 {
        if self.surges.is_empty() {
            return 1.0;
        }
        self.surges.iter().find(|s| s.region == region && s.until > now).map_or(1.0, |s| s.factor)
    }

    pub(super) fn surges(&self) -> &[Surge] {
        &self.surges
    }

    /// Takes an order in place of the one that the node has.
    pub(super) fn order(&mut self, now: u64, node: NodeId, order: Order) {
        if self.orders.len() >= ORDERS {
            self.orders.retain(|_, order| order.until() > now);
        }
        if self.orders.len() >= ORDERS
            && let Some(first) = first_to_end(&self.orders)
        {
            self.orders.remove(&first);
        }
        self.restore_order(node.to_bits(), order);
    }

    /// Puts an order of a snapshot back, by its node's name.
    pub(super) fn restore_order(&mut self, node: u64, order: Order) {
        self.orders.insert(node, order);
    }

    /// Forgets what was ordered of a node.
    pub(super) fn withdraw(&mut self, node: NodeId) {
        self.orders.remove(&node.to_bits());
    }

    /// Whether the detector may not act on a node.
    pub(super) fn forbids(&self, now: u64, node: u64) -> bool {
        !self.orders.is_empty()
            && matches!(self.orders.get(&node), Some(Order::Forbid { until }) if *until > now)
    }

    /// The first of these nodes that is to be refused, and until when.
    pub(super) fn blocks(&self, now: u64, nodes: &[NodeId]) -> Option<(NodeId, u64)> {
        nodes.iter().find_map(|id| match self.orders.get(&id.to_bits()) {
            Some(Order::Block { until }) if *until > now => Some((*id, *until)),
            _ => None,
        })
    }

    /// Whether nothing was ordered of any node.
    pub(super) fn is_silent(&self) -> bool {
        self.orders.is_empty()
    }

    /// All orders, by the name of their node.
    pub(super) fn orders(&self) -> Vec<(u64, Order)> {
        let mut orders: Vec<_> = self.orders.iter().map(|(name, order)| (*name, *order)).collect();
        orders.sort_by_key(|(name, _)| *name);
        orders
    }

    /// Notes an alert, unless the same was raised within ten minutes or 64 others of its kind were. Of more
    /// than 64 of a kind that nobody takes the oldest is lost.
    pub(super) fn alert(&mut self, alert: Alert) {
        let now = alert.at_ms;
        while self.said.front().is_some_and(|(at, ..)| at.saturating_add(QUIET_MS) <= now) {
            self.said.pop_front();
        }
        let name = (alert.node.to_bits(), alert.network);
        let of_kind = self.said.iter().filter(|(_, kind, _)| *kind == alert.kind);
        let (mut raised, mut was_said) = (0_usize, false);
        for (_, _, said) in of_kind {
            raised = raised.saturating_add(1);
            was_said |= *said == name;
        }
        if was_said || raised >= ALERTS {
            return;
        }
        self.said.push_back((now, alert.kind, name));
        let same = |kept: &&Alert| kept.kind == alert.kind;
        if self.alerts.iter().filter(same).count() >= ALERTS
            && let Some(oldest) = self.alerts.iter().position(|kept| kept.kind == alert.kind)
        {
            self.alerts.remove(oldest);
        }
        self.alerts.push_back(alert);
    }

    /// Alerts since the last call, oldest first.
    pub(super) fn take_alerts(&mut self) -> Vec<Alert> {
        self.alerts.drain(..).collect()
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        self.said.iter_mut().for_each(|(at, ..)| *at = now.min(*at));
    }

    /// When each alert was raised that is not repeated for now.
    #[cfg(test)]
    pub(super) fn said_at(&self) -> impl Iterator<Item = u64> {
        self.said.iter().map(|(at, ..)| *at)
    }
}

fn first_to_end(orders: &KeyMap<Order>) -> Option<u64> {
    orders.iter().min_by_key(|(name, order)| (order.until(), **name)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::level::BlockLevel;
    use super::*;

    fn alert(at_ms: u64, kind: AlertKind, block: u64) -> Alert {
        let node = NodeId::block(BlockLevel::TenThousand, 998_941_230_000 + block * 10_000);
        Alert { at_ms, kind, node, network: None, evidence: 7.0 }
    }

    /// Sixty-four places that are asked wake nobody; the one that is refused does.
    #[test]
    fn one_kind_of_alert_takes_no_other_kinds_room() {
        let mut operator = Operator::default();
        let kinds = [AlertKind::Asking, AlertKind::BlockBegun, AlertKind::ScoutSeen];
        for at in 0..200 {
            operator.alert(alert(at, AlertKind::Asking, at));
        }
        operator.alert(alert(200, AlertKind::BlockBegun, 0));
        operator.alert(alert(201, AlertKind::BlockBegun, 0));
        for at in 201..400 {
            operator.alert(alert(at, AlertKind::ScoutSeen, at));
        }
        let mut taken = operator.take_alerts();
        let count = |alerts: &[Alert], kind| alerts.iter().filter(|it| it.kind == kind).count();
        assert_eq!(kinds.map(|kind| count(&taken, kind)), [64, 1, 64]);
        assert!(taken.is_sorted_by_key(|alert| alert.at_ms));
        // Ten minutes later there is room again; what nobody takes makes room for its own kind alone.
        for round in 0..4 {
            for place in 0..64 {
                operator.alert(alert(QUIET_MS * (round + 1) + 400, AlertKind::Asking, place));
            }
            operator.alert(alert(QUIET_MS * (round + 1) + 400, AlertKind::BlockBegun, round));
        }
        taken = operator.take_alerts();
        assert_eq!(kinds.map(|kind| count(&taken, kind)), [64, 4, 0]);
    }
}
