//! [`Cluster`]: which node has a realm's slot.
//!
//! redis-rs has a cluster client that retries by itself, also what may have run. Here a call is
//! sent again only when the cluster said that it did not run it, and every node is a
//! [`Node`], so that a fail-over shows as what it is: another process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisError, Value};
use tokio::sync::Mutex;

use crate::store::{StoreError, StoreErrorKind};

use super::answer::Seen;
use super::call::Call;
use super::failure::Malformed;
use super::node::{Failure, Node};
use super::setup::{Mode, RedisOptions, RedisSetupError, address};
use super::tag::{HashTag, slot};

/// A call follows at most so many redirections before it reports an outage.
const HOPS: usize = 4;

/// The nodes of a cluster, and who has which slots.
pub(super) struct Cluster {
    seeds: Vec<ConnectionInfo>,
    options: RedisOptions,
    map: RwLock<Arc<Map>>,
    refreshing: Mutex<()>,
}

/// A picture of the cluster.
#[derive(Default)]
struct Map {
    nodes: Vec<Arc<Node>>,
    /// First and last slot, and the node's place; sorted.
    ranges: Vec<(u16, u16, usize)>,
    /// An answer gave reason to doubt it.
    doubted: AtomicBool,
}

impl Cluster {
    pub(super) async fn connect(
        seeds: Vec<ConnectionInfo>,
        options: RedisOptions,
    ) -> Result<Self, RedisSetupError> {
        let cluster = Self { seeds, options, map: RwLock::default(), refreshing: Mutex::default() };
        let map = cluster.drawn(&Map::default()).await?;
        for node in &map.nodes {
            node.open().await?;
        }
        *cluster.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        Ok(cluster)
    }

    /// Calls the script where the realm is.
    pub(super) async fn call(&self, call: &Call, seen: Seen) -> Result<Vec<u8>, StoreError> {
        let slot = slot(call.keys.tag().inner());
        let mut map = self.map();
        if map.doubted.load(Ordering::Acquire) {
            map = self.refreshed(&map).await;
        }
        let mut outcome = None;
        for _ in 0..HOPS {
            let Some(node) = map.owner(slot) else {
                map = self.refreshed(&map).await;
                continue;
            };
            match node.call(call, seen).await {
                Ok(answer) => return Ok(answer),
                // Neither was run.
                Err(failure @ (Failure::Elsewhere(_) | Failure::Unreachable(_))) => {
                    outcome = Some(failure);
                    map = self.refreshed(&map).await;
                }
                Err(Failure::Store(error)) => {
                    map.doubted.store(true, Ordering::Release);
                    return Err(error);
                }
            }
        }
        Err(outcome.map_or_else(
            || StoreError::new(StoreErrorKind::Unavailable, Unserved { slot }),
            StoreError::from,
        ))
    }

    /// How many keys match `pattern` where `tag` is.
    pub(super) async fn count(&self, tag: &HashTag, pattern: &[u8]) -> Result<u64, StoreError> {
        let slot = slot(tag.inner());
        let map = self.refreshed(&self.map()).await;
        let unserved = || StoreError::new(StoreErrorKind::Unavailable, Unserved { slot });
        let node = map.owner(slot).ok_or_else(unserved)?;
        node.count(pattern).await.map_err(StoreError::from)
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A newer picture than `old`: drawn now, or by a call that was faster. `old` if nobody answers.
    async fn refreshed(&self, old: &Arc<Map>) -> Arc<Map> {
        let _turn = self.refreshing.lock().await;
        let current = self.map();
        if !Arc::ptr_eq(&current, old) {
            return current;
        }
        let Ok(map) = self.drawn(&current).await else { return current };
        let map = Arc::new(map);
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&map);
        map
    }

    /// Asks one node after the other for the slots, those known first.
    async fn drawn(&self, old: &Map) -> Result<Map, RedisSetupError> {
        let known = old.nodes.iter().map(|node| node.info().clone());
        let mut failure = RedisSetupError::NoAddress;
        for info in known.chain(self.seeds.iter().cloned()) {
            let address = address(info.addr());
            match self.slots(info.clone()).await {
                Ok(slots) => match self.map_of(&slots, &info, old)? {
                    Some(map) => return Ok(map),
                    None => {
                        failure = RedisSetupError::Silent { address, field: "CLUSTER SLOTS" };
                    }
                },
                Err(source) => failure = RedisSetupError::Unreachable { address, source },
            }
        }
        Err(failure)
    }

    async fn slots(&self, info: ConnectionInfo) -> Result<Value, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.response_timeout));
        let client = Client::open(info)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await
    }

    /// Nodes that `old` knows keep their connections. `None` if the answer holds no slot.
    fn map_of(
        &self,
        slots: &Value,
        asked: &ConnectionInfo,
        old: &Map,
    ) -> Result<Option<Map>, RedisSetupError> {
        let mut map = Map::default();
        let Value::Array(ranges) = slots else { return Ok(None) };
        for range in ranges {
            let Ok((first, last, primary)) = owned(range) else { return Ok(None) };
            let info = at(asked, primary.0, primary.1);
            let address = address(info.addr());
            let place = map.nodes.iter().position(|node| node.address() == address);
            let place = match place {
                Some(place) => place,
                None => {
                    let kept = old.nodes.iter().find(|node| node.address() == address);
                    map.nodes.push(match kept {
                        Some(node) => Arc::clone(node),
                        None => Arc::new(Node::new(info, Mode::Cluster, self.options)?),
                    });
                    map.nodes.len().saturating_sub(1)
                }
            };
            map.ranges.push((first, last, place));
        }
        map.ranges.sort_unstable();
        Ok((!map.ranges.is_empty()).then_some(map))
    }
}

impl Map {
    fn owner(&self, slot: u16) -> Option<Arc<Node>> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, place) = self.ranges.get(after.checked_sub(1)?)?;
        if slot > *last {
            return None;
        }
        self.nodes.get(*place).cloned()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.map().nodes).finish()
    }
}

/// No node has the slot.
#[derive(thiserror::Error)]
#[error("no node of the cluster serves slot {slot}; check that the cluster is complete")]
struct Unserved {
    slot: u16,
}

/// `info` with another host and port, and everything else as it is: credentials, TLS.
fn at(info: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let mut addr = info.addr().clone();
    match &mut addr {
        ConnectionAddr::Tcp(old_host, old_port)
        | ConnectionAddr::TcpTls { host: old_host, port: old_port, .. } => {
            // A node that does not know its own name leaves it empty.
            if !host.is_empty() {
                host.clone_into(old_host);
            }
            *old_port = port;
        }
        _ => {}
    }
    info.clone().set_addr(addr)
}

/// First and last slot of an entry, and its primary's host and port.
fn owned(range: &Value) -> Result<(u16, u16, (&str, u16)), Malformed> {
    let Value::Array(fields) = range else { return Err(Malformed) };
    let [first, last, Value::Array(primary), ..] = fields.as_slice() else {
        return Err(Malformed);
    };
    let [host, port, ..] = primary.as_slice() else { return Err(Malformed) };
    let host = match host {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).map_err(|_| Malformed)?,
        Value::SimpleString(text) => text,
        Value::Nil => "",
        _ => return Err(Malformed),
    };
    let host = if host == "?" { "" } else { host };
    Ok((number(first)?, number(last)?, (host, number(port)?)))
}

fn number(value: &Value) -> Result<u16, Malformed> {
    match value {
        Value::Int(number) => u16::try_from(*number).map_err(|_| Malformed),
        _ => Err(Malformed),
    }
}

crate::base::sentence::debug_as_sentence!(Unserved);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_nobody_has_is_nobodys() {
        let info = crate::store::redis::setup::parsed("redis://h:1").unwrap();
        let options = RedisOptions::default();
        let node = Arc::new(Node::new(info, Mode::Cluster, options).unwrap());
        let map =
            Map { nodes: vec![node], ranges: vec![(0, 10, 0), (20, 30, 0)], ..Map::default() };
        let owners: Vec<_> =
            [0, 10, 11, 19, 20, 30, 31].map(|slot| map.owner(slot).is_some()).to_vec();
        assert_eq!(owners, [true, true, false, false, true, true, false]);
    }
}
