//! [`RedisStore`]: the store for several processes. Codes, meters, lists and the journal in Redis
//! 6.2 or later (or Valkey), one server or a cluster.
//!
//! ```no_run
//! # async fn start() -> Result<(), otpgate::store::RedisSetupError> {
//! use otpgate::store::RedisStore;
//!
//! let store = RedisStore::connect("redis://127.0.0.1:6379/0").await?;
//! # Ok(()) }
//! ```
//!
//! # One call, one step
//!
//! Each verb of [`Store`] is one Lua script, and each call one round trip. All keys of a realm carry
//! one hash tag, `{` realm in base64url `}`, so they live in one slot of a cluster: a realm is on one
//! node, several realms spread over all. Calls share one connection and overlap on it.
//!
//! | key after the tag | holds | until |
//! |---|---|---|
//! | `e` | the partition's epoch and sequence | for ever |
//! | `s` + subject | its meters and marks, packed in one string | the last of them is over, or some time later |
//! | `c` + challenge | digests, attempts, deadlines | it closes |
//! | `n` + nonce | a deadline | the deadline |
//! | `r` + 13 bits of a call's identifier | the calls remembered, each with its deadline | the last of them is over |
//! | `v`, `d` + document | version, content | for ever |
//! | `j`, `l` + journal | the latest number; entries of the last minutes | for ever; twice their life |
//!
//! The values have a format, which `e` names. This version writes format 2 and reads format 1, in
//! which each call had a key of its own. A realm in a later format is
//! [`Corrupt`](super::StoreErrorKind::Corrupt), as is one in format 2 for a gate that knows only the
//! first, and nothing of it changes.
//!
//! "Until" is a time to live of what is left by the caller's `now`, plus
//! [`GRACE`](super::GRACE). The server's clock sweeps, and a call
//! that is further from it than its [`ClockCheck`](super::ClockCheck) allows is refused. A server whose
//! clock leaps forward by more than `GRACE` sweeps too early.
//!
//! # A deployment over several partitions
//!
//! With [`RedisOptions::partitions`] above 1 a deployment's numbers are spread by their
//! [`Home`](super::Home) over as many partitions, each with a hash tag of its own. A call is one script
//! on the partition of its home. Of what homes have in common (budgets, quotas of countries and networks)
//! each partition keeps its share of the limit; a charge that does not fit there is made at another partition
//! that has room, in two steps more. No limit is ever exceeded. A charge is refused too early only
//! while partitions are lost, which stop their own numbers and no others, and for a second after all of
//! them had no room; set `cluster-require-full-coverage no`, or the cluster stops all.
//!
//! Documents and the journal stand in a place of their own, the hub. While its node is lost, texts are
//! sent, but controls cannot be changed, gates hear nothing of each other, and a process that starts has
//! to wait. While a partition is lost, a front-end token can be spent once in each of the others.
//!
//! The number of partitions is laid down by the first call, and a store with another one is refused
//! ([`Corrupt`](super::StoreErrorKind::Corrupt)) until [`RedisStore::repartition`] has changed it. Slots are moved
//! between nodes with the cluster's own tools, so a small multiple of the primaries leaves room. More partitions
//! than a limit has units make every second charge ask elsewhere: sixteen are plenty.
//!
//! | key after a partition's tag | holds | until |
//! |---|---|---|
//! | `g` + document | the version there was, and when | an hour |
//! | `e`, once it is closed | the same, in format 3 | for ever |
//! | `e` after the deployment's own tag | how many partitions there are, of which generation, and a change under way; format 3 | for ever |
//! | `h`, `q` after the deployment's own tag | the hub's `e` and `r`, where everything was in one place before | as those |
//!
//! # What survives what
//!
//! | event | what is lost | what that can be used for |
//! |---|---|---|
//! | a gate crashes, a connection is cut | nothing | nothing: the repeated identifier is recognised |
//! | `SCRIPT FLUSH` | nothing | nothing: the text is sent again, once |
//! | the server restarts, `appendfsync always` | nothing that was acknowledged | nothing; codes in flight have to be sent anew |
//! | the server restarts, `appendfsync everysec` | at most the last second or two | limits may be exceeded by what that time admitted |
//! | the server restarts from a snapshot, a backup is restored | all since the snapshot | limits may be exceeded by what was admitted since |
//! | a fail-over to a replica | what was not replicated yet | as above; bound it with `min-replicas-to-write 1` and `min-replicas-max-lag 10` |
//!
//! In none of these is a code accepted that was used, void or locked before. That is what the
//! **epoch** is for. A challenge belongs to the epoch it was opened in, and a script starts a new
//! epoch, in which every earlier challenge is unknown, when
//!
//! 1. the server process is another than the one that wrote the partition last. Each connection
//!    asks once who answers (`run_id`), and a connection does not outlive the process; or
//! 2. the partition's epoch, or its sequence of writing calls, is behind what the caller has seen.
//!
//! The first covers restart, restore and fail-over and needs no gate to have survived it. The
//! second covers data that were exchanged under a running process, if one of the gates that saw a
//! later state is the first to call; a gate that saw none cannot know. A proxy that keeps the
//! gate's connection while it changes the server behind it hides the first: put none in between, or
//! one that passes connections through.
//!
//! The price is that a restart voids the codes in flight: their owners ask for another. Nonces
//! written since the snapshot are forgotten, so that a front-end token may be spent a second time
//! within its life of minutes; what it buys is still subject to every limit.
//!
//! # The server
//!
//! - `maxmemory-policy noeviction` is required, and checked on each connection, whatever
//!   `maxmemory` is. A server at its `maxmemory` answers
//!   [`Full`](super::StoreErrorKind::Full), and nothing has changed.
//! - `appendonly yes` with `appendfsync always` loses nothing that was acknowledged;
//!   `everysec` (Redis' default when on) about a second.
//! - Commands used: `EVALSHA`, `EVAL`, `SCRIPT LOAD`, `INFO`; within scripts `TIME`, `MGET`, `SET`,
//!   `SETRANGE`, `RPUSH`, `LPOP`, `LINDEX`, `LLEN`, `LRANGE`, `PEXPIRE`; `SELECT` if the URL names a database other than
//!   0; `CLUSTER SLOTS` in a cluster; `SCAN` by [`RedisStore::repartition`] alone. Keys match `{*`. Each connection asks whether the user may run
//!   them; `docs/stores.md` has the ACL.
//! - In a cluster, the realms of a slot that is being moved are
//!   [`Unavailable`](super::StoreErrorKind::Unavailable) until it has arrived, and then, as after a
//!   fail-over, in a new epoch: no node runs a script of which some keys are elsewhere.
//!
//! Digests are compared within Lua, which has no constant-time comparison. They are outputs of an
//! HMAC under a key that the guesser does not have, so a prefix that agrees tells nothing.

mod answer;
mod call;
#[cfg(feature = "redis-cluster")]
mod cluster;
mod failure;
mod keys;
mod layout;
mod message;
mod moves;
mod node;
mod pack;
mod permission;
mod place;
mod setup;
mod spread;
mod tag;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::base::id::Pseudonym;
use crate::base::time::Timestamp;

use super::{
    Admission, Admitted, Redeemed, Redemption, Settlement, Store, StoreError, StoreErrorKind,
    Tallies, TallyQuery,
};

use answer::{Reply, Seen};
use call::Call;
#[cfg(feature = "redis-cluster")]
use cluster::Cluster;
use failure::{LaterFormat, Malformed};
use node::Node;
use setup::{Mode, parsed};
use spread::Spread;
use tag::HashTag;

pub use setup::{RedisOptions, RedisSetupError, Repartition};

/// More partitions than any cluster has use for.
const MOST_PARTITIONS: u16 = 1_024;
/// What stands in place of a partition that serves no more, as its deployment is spread otherwise.
const SPREAD_FORMAT: u64 = 3;
/// What a partition is said to be in that was to be closed and is not.
const REOPENED: u64 = 0;

/// A [`Store`] in Redis. See the [module](self) for what it promises.
///
/// One per process is enough: calls share a connection, and a connection that is lost is made anew
/// by the next call.
pub struct RedisStore {
    route: Arc<Route>,
    /// How deployments are spread, if they are.
    spread: Arc<Spread>,
    /// How far each realm was when last heard of: 32 bytes for each realm, of which a host has few.
    seen: Arc<Mutex<HashMap<Pseudonym, Seen>>>,
}

enum Route {
    Single(Box<Node>),
    #[cfg(feature = "redis-cluster")]
    Cluster(Cluster),
}

impl RedisStore {
    /// Connects to the server at `url`: `redis://[user:password@]host[:port][/db]`, `rediss://` for
    /// TLS (feature `redis-tls`), or `redis+unix:///path`.
    ///
    /// # Errors
    ///
    /// [`RedisSetupError`] if the server cannot be reached, may evict live state, or is a replica
    /// or a cluster's.
    pub async fn connect(url: &str) -> Result<Self, RedisSetupError> {
        Self::connect_with(url, RedisOptions::default()).await
    }

    /// As [`connect`](Self::connect), with other time-outs.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: RedisOptions) -> Result<Self, RedisSetupError> {
        let node = Node::new(parsed(url)?, Mode::Single, options)?;
        node.open().await?;
        Ok(Self::over(Route::Single(Box::new(node)), options))
    }

    /// Connects to the cluster that the nodes at `urls` belong to; one that answers is enough.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), for each primary of the cluster.
    #[cfg(feature = "redis-cluster")]
    pub async fn cluster<I>(urls: I) -> Result<Self, RedisSetupError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::cluster_with(urls, RedisOptions::default()).await
    }

    /// As [`cluster`](Self::cluster), with other time-outs.
    ///
    /// # Errors
    ///
    /// As [`cluster`](Self::cluster).
    #[cfg(feature = "redis-cluster")]
    pub async fn cluster_with<I>(urls: I, options: RedisOptions) -> Result<Self, RedisSetupError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let seeds = urls.into_iter().map(|url| parsed(url.as_ref()));
        let seeds = seeds.collect::<Result<Vec<_>, _>>()?;
        Ok(Self::over(Route::Cluster(Cluster::connect(seeds, options).await?), options))
    }

    fn over(route: Route, options: RedisOptions) -> Self {
        let spread = Spread::new(options.partitions.min(MOST_PARTITIONS));
        Self { route: Arc::new(route), spread: Arc::new(spread), seen: Arc::default() }
    }

    /// The same store, for a call on a task of its own.
    fn shared(&self) -> Self {
        let (route, spread) = (Arc::clone(&self.route), Arc::clone(&self.spread));
        Self { route, spread, seen: Arc::clone(&self.seen) }
    }

    /// Changes into how many partitions `deployment` is spread, while gates go on. Call it from one place,
    /// with every node up, and again (every hour, say) until it is [`Done`](Repartition::Done).
    ///
    /// `deployment` is what [`Gate::deployment`](crate::Gate::deployment) says. Gates follow by themselves;
    /// those of a version that cannot are refused ([`Corrupt`](StoreErrorKind::Corrupt)). No limit is lost
    /// and none exceeded, codes stay good, what was spent stays spent. What was kept before is fetched by
    /// the call that first asks for it; until all of it was or has ended, calls that name something
    /// new make some commands more, and number and limits of a lost node are not served. `docs/stores.md`
    /// has the procedure.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if a node gave no answer. Nothing is lost by that: make the call again.
    ///
    /// ```no_run
    /// # async fn grow(gate: &otpgate::Gate, now: otpgate::Timestamp)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// use otpgate::store::{RedisStore, Repartition};
    ///
    /// let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
    /// match store.repartition(gate.deployment(), 6, now).await? {
    ///     Repartition::Done => println!("six partitions, and nothing is left of those before"),
    ///     Repartition::Moving { keys } => println!("six partitions; {keys} keys are not fetched yet"),
    ///     _ => {}
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn repartition(
        &self,
        deployment: Pseudonym,
        partitions: u16,
        now: Timestamp,
    ) -> Result<Repartition, StoreError> {
        spread::repartition(self, deployment, partitions.clamp(1, MOST_PARTITIONS), now).await
    }

    /// How many keys a partition has that end.
    async fn keys_left(&self, tag: Pseudonym) -> Result<u64, StoreError> {
        let tag = HashTag::of(tag);
        let mut pattern = tag.bytes().to_vec();
        pattern.extend(b"[scnr]*");
        match &*self.route {
            Route::Single(node) => node.count(&pattern).await.map_err(StoreError::from),
            #[cfg(feature = "redis-cluster")]
            Route::Cluster(cluster) => cluster.count(&tag, &pattern).await,
        }
    }

    /// Makes `call`, and notes how far the partition is.
    async fn run(&self, call: Call) -> Result<Reply, StoreError> {
        let seen = self.seen(call.realm);
        let bytes = match &*self.route {
            Route::Single(node) => node.call(&call, seen).await?,
            #[cfg(feature = "redis-cluster")]
            Route::Cluster(cluster) => cluster.call(&call, seen).await?,
        };
        let reply = Reply(bytes);
        if let Some(server) = reply.refused_by_clock()? {
            // By the numbers that the script had: it compares whole milliseconds too.
            call.clock.judge(call.now, server)?;
            return Err(Malformed.into());
        }
        if let Some(format) = reply.refused_by_format()? {
            let error = match format {
                SPREAD_FORMAT => StoreError::new(StoreErrorKind::Corrupt, failure::Spread),
                REOPENED => StoreError::new(StoreErrorKind::Corrupt, failure::Reopened),
                _ => StoreError::new(StoreErrorKind::Corrupt, LaterFormat { format }),
            };
            return Err(error);
        }
        self.see(call.realm, reply.seen()?);
        Ok(reply)
    }

    fn seen(&self, realm: Pseudonym) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&realm).copied().unwrap_or_default()
    }

    /// Answers overtake one another; the furthest counts.
    fn see(&self, realm: Pseudonym, now: Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let held = seen.entry(realm).or_default();
        *held = now.max(*held);
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.make(admission).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        self.make(settlement).await
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Redeemed, StoreError> {
        self.make(redemption).await
    }

    async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        self.make(query).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RedisStore");
        match &*self.route {
            Route::Single(node) => f.field("node", node),
            #[cfg(feature = "redis-cluster")]
            Route::Cluster(cluster) => f.field("cluster", cluster),
        };
        f.finish_non_exhaustive()
    }
}
