//! A zoo of wrong stores. Each animal has one bug as it occurs in the wild, and the suite must fail
//! it in the case that names the bug; the model it is made from passes everything.
//!
//! An animal keeps its state in a [`ModelStore`] and does the one thing wrong around it. Where the
//! bug is a gap between reading and writing, a `pause` stands where a real store waits for its
//! backend.

mod animal;
mod capped;

use otpgate::testing::store::{Suite, capacity, conformance};
use otpgate::testing::{ModelStore, block_on};

use animal::Animal;
use capped::Capped;

/// One bug. What an animal does not do itself it leaves to the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bug {
    /// Reads the counters, decides in the application, writes them back.
    GetThenSetAdmit,
    /// Compares the code first and counts the failure after (garrison 0.9, pylon-auth 0.3).
    CompareBeforeCharge,
    /// Reads the code, compares, then deletes it (the get-and-set shape of a DAO).
    GetThenDeleteConsume,
    /// Relies on the backend's expiry; its clock does not move with `now` (CVE-2024-7318).
    TtlOnlyExpiry,
    /// Charges one after the other until one refuses, and keeps what it charged.
    ChargeBeforeCheck,
    /// A resend is a new record with fresh attempts (django-phone-verify 3.3).
    ResetOnResend,
    /// Burns the front-end token although the admission is refused.
    NonceBurntOnRefusal,
    /// Reads whether a nonce was used, then writes that it is.
    GetThenSetNonce,
    /// Gives back as often as it is asked.
    RefundTwice,
    /// Takes a mark for live whether or not its time has come or gone.
    IgnoresWaiverBounds,
    /// A counter for each minute of the clock: twice the limit passes around the turn.
    FixedWindow,
    /// Takes a repeated identifier for a new call.
    NoIdempotency,
    /// Leaves the realm out of its keys.
    RealmLeakage,
    /// Names the first charge that does not fit, with its wait.
    FirstInsteadOfLongest,
    /// Does not count what it refuses.
    RefusalsUnseen,
    /// Answers with the attempts left without locking: the right code still works afterwards.
    NeverLocks,
    /// Forgets a consumed challenge, so that its name can be opened again.
    NoTombstone,
    /// Counts by the call's clock even when it was set back.
    TrustsTheClockSetBack,
    /// Charges the subject for guesses at handles that do not exist: a way to lock others out.
    ChargesSubjectForUnknown,
    /// Reads a document's version, then writes it.
    GetThenSetDocument,
    /// Compares all digests but the last it was given.
    FirstDigestOnly,
    /// Gives back waived charges.
    RefundsWaived,
    /// Takes any `now`, however far from its own clock.
    AnyClock,
    /// Holds a clock that leads to the bound, and not one that lags.
    OnlyLeads,
    /// Takes whatever date it finds for true, however far ahead (otpgate before its meters healed).
    NeverHeals,
    /// Takes a meter that is dated ahead for fresh.
    HealsByEmptying,
    /// Takes a bucket that is dated ahead for as full as the limit at hand allows, which is less than
    /// the next call's.
    HealsToTheLimitAtHand,
    /// Heals, and forgets it where the call is refused: shut until the date, a span at a time.
    HealsInVain,
}

/// What must fail for which bug. At least these; most bugs fail more.
const EXPECTED: &[(Bug, &[&str])] = &[
    (Bug::AnyClock, &["clock_ahead_of_the_store", "clock_behind_the_store"]),
    (Bug::OnlyLeads, &["clock_behind_the_store"]),
    (
        Bug::NeverHeals,
        &[
            "dated_ahead_heals_when_refused",
            "dated_ahead_reads_healed",
            "dated_ahead_heals_everywhere",
            "challenge_dated_ahead",
            "mark_dated_ahead",
            "journal_dated_ahead",
        ],
    ),
    (Bug::HealsByEmptying, &["dated_ahead_heals_when_refused", "dated_ahead_keeps_its_units"]),
    (Bug::HealsToTheLimitAtHand, &["dated_ahead_keeps_its_units"]),
    (Bug::HealsInVain, &["dated_ahead_heals_when_refused"]),
    (Bug::GetThenSetAdmit, &["racers_share_a_limit", "racers_charge_all_or_nothing"]),
    (Bug::CompareBeforeCharge, &["charge_before_compare", "hidden_hit"]),
    (Bug::GetThenDeleteConsume, &["one_winner_consumes"]),
    (Bug::TtlOnlyExpiry, &["expiry_by_now"]),
    (Bug::ChargeBeforeCheck, &["all_or_nothing", "duplicate_keys", "forty_charges"]),
    (Bug::ResetOnResend, &["resend_resets_nothing", "resends_race_guesses"]),
    (Bug::NonceBurntOnRefusal, &["refusal_burns_no_nonce", "all_or_nothing"]),
    (Bug::GetThenSetNonce, &["one_winner_spends_a_nonce"]),
    (Bug::RefundTwice, &["refunds_once", "refunds_race"]),
    (Bug::IgnoresWaiverBounds, &["waivers"]),
    (Bug::FixedWindow, &["window_slides"]),
    (Bug::NoIdempotency, &["repeated_admission", "repeats_race", "lost_acknowledgements"]),
    (Bug::RealmLeakage, &["realms_apart"]),
    (Bug::FirstInsteadOfLongest, &["longest_wait_is_named"]),
    (Bug::RefusalsUnseen, &["refused_is_observed"]),
    (Bug::NeverLocks, &["right_code_after_lock", "charge_before_compare"]),
    (Bug::NoTombstone, &["open_twice", "consumed_is_remembered"]),
    (Bug::TrustsTheClockSetBack, &["clock_back_limits"]),
    (Bug::ChargesSubjectForUnknown, &["dead_challenges_charge_the_client"]),
    (Bug::GetThenSetDocument, &["one_winner_writes_a_document"]),
    (Bug::FirstDigestOnly, &["several_digests"]),
    (Bug::RefundsWaived, &["waived_is_not_refunded"]),
];

#[test]
fn the_suite_fails_every_animal_in_the_case_that_names_its_bug() {
    let sound = block_on(conformance(|| async { ModelStore::new() }));
    sound.assert();
    let mut missed = Vec::new();
    for (bug, cases) in EXPECTED {
        let report = block_on(conformance(|| async { Animal::new(*bug) }));
        for case in *cases {
            if !report.failed(case) {
                missed.push(format!("{bug:?} passed {case}:\n{report}"));
            }
        }
        // A bug of one kind must not fail everything, or the case says nothing about it.
        let failed = report.failures().count();
        if failed * 2 > report.lines().len() {
            missed.push(format!("{bug:?} failed {failed} cases: it is not one bug"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn races_are_found_whatever_the_seed() {
    let races = [
        (Bug::GetThenSetAdmit, "racers_share_a_limit"),
        (Bug::CompareBeforeCharge, "charge_before_compare"),
        (Bug::GetThenDeleteConsume, "one_winner_consumes"),
        (Bug::GetThenSetNonce, "one_winner_spends_a_nonce"),
        (Bug::GetThenSetDocument, "one_winner_writes_a_document"),
    ];
    for (bug, case) in races {
        for seed in 0..10 {
            let suite = Suite::new().seed(seed).only(case);
            let report = block_on(suite.run(|| async { Animal::new(bug) }));
            assert!(report.failed(case), "{bug:?} passed {case} with seed {seed}");
        }
    }
}

#[test]
fn a_store_that_evicts_live_state_fails_the_capacity_check() {
    let evicting = block_on(capacity(|| async { Capped::new(20, true) }, 20));
    assert!(evicting.failed("live_state_is_never_evicted"), "{evicting}");
    block_on(capacity(|| async { Capped::new(20, false) }, 20)).assert();
}
