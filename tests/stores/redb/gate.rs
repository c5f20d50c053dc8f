//! Whole gates on one file: two gates of a process are one, and a gate that starts again knows all
//! that the one before knew.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use otpgate::store::RedbStore;
use support::{clocks, gates};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_on_one_file_are_one() {
    let folder = std::env::temp_dir().join(format!("otpgate-redb-gate-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = Cell::new(0);
    let stores = async || {
        next.set(next.get() + 1);
        let store = RedbStore::open(folder.join(format!("{}.redb", next.get()))).unwrap();
        let store = Arc::new(store);
        (Arc::clone(&store), store)
    };
    gates::two_gates_are_one(stores).await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_spends_nothing_twice_and_shuts_nothing() {
    let folder = std::env::temp_dir().join(format!("otpgate-redb-clocks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = Cell::new(0);
    let stores = async || {
        next.set(next.get() + 1);
        Arc::new(RedbStore::open(folder.join(format!("{}.redb", next.get()))).unwrap())
    };
    clocks::a_wrong_clock_spends_nothing_twice_and_shuts_nothing(stores).await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_with_a_wrong_clock() {
    let folder = std::env::temp_dir().join(format!("otpgate-redb-days-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = Cell::new(0);
    let stores = async |clock| {
        next.set(next.get() + 1);
        let builder = RedbStore::builder().clock(clock);
        Arc::new(builder.open(folder.join(format!("{}.redb", next.get()))).unwrap())
    };
    clocks::three_days_with_a_wrong_clock(stores, |_| ()).await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_leading_gate_spent_stays_spent() {
    let folder = std::env::temp_dir().join(format!("otpgate-redb-spent-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = Cell::new(0);
    let stores = async |clock| {
        next.set(next.get() + 1);
        let builder = RedbStore::builder().clock(clock);
        Arc::new(builder.open(folder.join(format!("{}.redb", next.get()))).unwrap())
    };
    clocks::what_a_leading_gate_spent_stays_spent(stores, async |_| ()).await;
    fs::remove_dir_all(&folder).unwrap();
}
