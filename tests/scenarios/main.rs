//! The abuse suite: what an attacker does, what goes wrong, and what the gate promises all the same.
//!
//! One module a scenario. What passes is judged by what the carrier got and what the log says, not
//! by the gate's own counters.

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]
#![allow(clippy::arithmetic_side_effects)]

#[path = "../support/clocks.rs"]
mod clocks;
#[path = "../support/house.rs"]
mod support;

mod a01_double_consume;
mod a02_limit_overrun;
mod a03_resend_resets;
mod a04_send_burst;
mod a05_spend_ceiling;
mod a06_cross_binding;
mod a07_weird_codes;
mod a08_ip_forgery;
mod a09_number_aliases;
mod a10_memory_flood;
mod a12_guess_spray;
mod a13_secret_scan;
mod a14_replay;
mod a15_oracle_scan;
mod a16_victim_lockout;
mod a17_restart_amnesia;
mod a18_clock_games;
mod a18_skew;
mod a19_token_abuse;
mod a20_transport_chaos;
mod a21_cancel_everywhere;
mod a21_cancel_the_rest;
mod a22_store_lies;
mod a23_garbage_flood;

mod above_the_site;
mod alerts;
mod anonymisers;
mod authenticator;
mod beside_the_point;
mod bought_places;
mod budget;
mod callers;
mod ceiling;
mod channels;
mod code_in_disguise;
mod config;
mod controls;
mod counted_by_eye;
mod crowd_at_the_address;
mod decoy;
mod flow;
mod forged_in_quotes;
mod forgive;
mod framed;
mod garbage_with_a_past;
mod healed_twice;
mod human_once;
mod hundred_by_any_lane;
mod hung_up;
mod megabytes;
mod mutated;
mod number_faults;
mod other_doors;
mod policies_change;
mod presets;
mod pumped;
mod put_back;
mod quiet;
mod quotas;
mod ready;
mod receipts;
mod registered;
mod release;
mod renewals_outside_quotas;
mod resend;
mod resend_evidence;
mod restart_detector;
mod rotation;
mod sealed_and_named;
mod separation;
mod shadow;
mod signals;
mod step_up;
mod street;
mod surges;
mod test_numbers;
mod texts_by_any_means;
mod waivers;
