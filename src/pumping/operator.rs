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
/// Alerts kept until they are taken at most, and alerts not repeated for now.
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

    /// Notes an alert, unless the same was raised within ten minutes or 64 others were. Of more than 64
    /// that nobody takes the oldest is lost.
    pub(super) fn alert(&mut self, alert: Alert) {
        let now = alert.at_ms;
        while self.said.front().is_some_and(|(at, ..)| at.saturating_add(QUIET_MS) <= now) {
            self.said.pop_front();
        }
        let name = (alert.node.to_bits(), alert.network);
        let was_said = self.said.iter().any(|(_, kind, n)| *kind == alert.kind && *n == name);
        if was_said || self.said.len() >= ALERTS {
            return;
        }
        self.said.push_back((now, alert.kind, name));
        if self.alerts.len() >= ALERTS {
            self.alerts.pop_front();
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
