//! What is learnt per country: conversion, the shape of the day, and the outage control group.

use super::level::NodeId;
use super::node::{DAY, day_of, fade};
use super::table::mix;
use super::tuning::Tuning;
use crate::base::network::NetworkCode;

const REMEMBERED: usize = 32;
/// Networks of a country whose receipts are told apart; most countries have fewer.
const NETWORKS: usize = 8;
/// What is left at midnight of the receipts of the days before: the last five days or so count.
const RECEIPTS_KEPT: f32 = 0.8;
/// Delivered of a hundred texts at most, on ordinary days.
const ARRIVES: f32 = 0.95;

/// Learnt state of one country. What feeds a null hypothesis is at least a day old, but for what receipts
/// usually say: there today's count at once, so that a new country has an outage on its first day. What is
/// lost in an outage makes it look smaller, never larger.
#[derive(Clone, Debug)]
pub(super) struct Country {
    pub(super) region: [u8; 2],
    /// New sessions ever, wrapping: the clock of the share detector.
    pub(super) sessions: u32,
    /// Settled and verified sessions: today, yesterday, weekly mean per day.
    pub(super) conversion: [[f32; 2]; 3],
    /// Verified sessions by hour of the day: today, and weekly mean.
    pub(super) hours: [[f32; 24]; 2],
    pub(super) day: u16,
    pub(super) days: u8,
    /// Control group of people seen before: verified and asked, 20 min decay.
    pub(super) control: [f32; 2],
    /// The same for delivery receipts in ranges with customers.
    pub(super) receipts: [f32; 2],
    /// Those of them that name their network, by network. They are forgotten within the hour and in no
    /// snapshot.
    networks: [Option<(NetworkCode, [f32; 2])>; NETWORKS],
    pub(super) control_at: u64,
    /// Long-run conversion of the control group.
    pub(super) control_base: [f32; 2],
    /// Such receipts of the last days, today's included: how many of them say "delivered", and all.
    pub(super) receipt_base: [f32; 2],
    /// What follows from all this in the present hour.
    hour: Hour,
    sampled: [u64; REMEMBERED],
    /// New people who verified from home, and all; fading.
    at_home: [f32; 2],
    /// New people's sessions from home: entered, and all; the last few. In no snapshot.
    pub(super) answers_at_home: [f32; 2],
}

/// What of a country holds for an hour: a request asks for it several times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    number: u64,
    /// See [`Country::season`].
    pub(super) season: f32,
    /// See [`Country::conversion`].
    pub(super) conversion: f32,
    /// See [`Country::null`].
    pub(super) null: f32,
}

impl Country {
    pub(super) fn new(region: [u8; 2], now: u64) -> Self {
        Self {
            region,
            sessions: 0,
            conversion: [[0.0; 2]; 3],
            hours: [[0.0; 24]; 2],
            day: day_of(now),
            days: 0,
            control: [0.0; 2],
            receipts: [0.0; 2],
            networks: [None; NETWORKS],
            control_at: now,
            // people who have verified before mostly do it again; weight of twenty sessions
            control_base: [15.0, 20.0],
            // whether a network confirms texts at all is not known before it does
            receipt_base: [0.0; 2],
            hour: Hour { number: u64::MAX, season: 1.0, conversion: 0.0, null: 0.0 },
            sampled: [0; REMEMBERED],
            // people whose addresses say nothing, until it is known; weight of twenty sessions
            at_home: [0.0, 20.0],
            answers_at_home: [0.0; 2],
        }
    }

    /// The present hour's figures. Days are folded at the turn of an hour, so within one nothing of
    /// it changes.
    pub(super) fn hour(&mut self, now: u64, tuning: &Tuning) -> Hour {
        let number = now / 3_600_000;
        if self.hour.number != number {
            self.turn_day(day_of(now));
            self.hour = Hour {
                number,
                season: self.season(now),
                conversion: self.conversion(tuning),
                null: self.null(tuning),
            };
        }
        self.hour
    }

    /// As [`hour`](Self::hour), and nothing is kept.
    pub(super) fn hour_at(&self, now: u64, tuning: &Tuning) -> Hour {
        let is_kept = self.hour.number == now / 3_600_000;
        if is_kept { self.hour } else { self.clone().hour(now, tuning) }
    }

    /// Learnt conversion, shrunk towards the prior, lagged by a day.
    fn conversion(&self, tuning: &Tuning) -> f32 {
        let [_, _, [settled, verified]] = self.conversion;
        // a week's weight once a week is known; the mean per day times the days it stands for
        let days = f32::from(self.days.saturating_sub(1).min(7));
        (verified * days + tuning.prior_conversion * tuning.prior_weight)
            / (settled * days + tuning.prior_weight)
    }

    /// The null conversion p0.
    fn null(&self, tuning: &Tuning) -> f32 {
        let (low, high) = tuning.null_range;
        (tuning.null_share * self.conversion(tuning)).clamp(low, high)
    }

    /// How much busier than its mean this hour of the day may be: the largest of three
    /// neighbouring hours, 1.5 while unknown.
    fn season(&self, now: u64) -> f32 {
        let [_, weekly] = &self.hours;
        let total: f32 = weekly.iter().sum();
        if total < 48.0 {
            return 1.5;
        }
        let hour = usize::try_from(now % DAY / 3_600_000).unwrap_or(0);
        let at = |h: usize| weekly.get(h % 24).copied().unwrap_or(0.0);
        let peak = at(hour).max(at(hour.saturating_add(1))).max(at(hour.saturating_add(23)));
        (peak * 24.0 / total).clamp(0.3, 3.0)
    }

    /// Counts a session: once when it is settled (`verified` false), and once when it verifies.
    pub(super) fn settled(&mut self, now: u64, verified: bool) {
        self.turn_day(day_of(now));
        let [[settled, good], ..] = &mut self.conversion;
        if verified {
            *good += 1.0;
            let hour = usize::try_from(now % DAY / 3_600_000).unwrap_or(0);
            if let Some(bin) = self.hours.first_mut().and_then(|today| today.get_mut(hour)) {
                *bin += 1.0;
            }
        } else {
            *settled += 1.0;
        }
    }

    /// Folds finished days, one day late.
    pub(super) fn turn_day(&mut self, today: u16) {
        let passed = today.saturating_sub(self.day);
        if passed == 0 {
            return;
        }
        for _ in 0..passed.min(8) {
            self.days = self.days.saturating_add(1);
            let n = f32::from(self.days.saturating_sub(1).min(7));
            let [now, before, week] = &mut self.conversion;
            if n >= 1.0 {
                for (w, y) in week.iter_mut().zip(before.iter()) {
                    *w += (*y - *w) / n;
                }
            }
            *before = *now;
            *now = [0.0; 2];
            let [hours, weekly] = &mut self.hours;
            let m = f32::from(self.days.min(7));
            for (w, h) in weekly.iter_mut().zip(hours.iter_mut()) {
                *w += (*h - *w) / m;
                *h = 0.0;
            }
            self.receipt_base = self.receipt_base.map(|count| count * RECEIPTS_KEPT);
        }
        self.day = today;
    }

    /// A member of the control group verified or did not. One sample per 10^5 block per 20 min, so
    /// that a few numbers an attacker owns cannot fake an outage.
    pub(super) fn control(&mut self, now: u64, block: NodeId, verified: bool) {
        if self.is_fresh(now, block.to_bits()) {
            self.fade_control(now);
            add(&mut self.control, verified, 1.0);
            let [good, all] = &mut self.control_base;
            *good *= 0.998;
            *all *= 0.998;
            add(&mut self.control_base, verified, 1.0);
        }
    }

    /// A delivery receipt from a range that has customers.
    pub(super) fn receipt(
        &mut self,
        now: u64,
        block: NodeId,
        network: Option<NetworkCode>,
        delivered: bool,
    ) {
        if self.is_fresh(now, !block.to_bits()) {
            self.fade_control(now);
            add(&mut self.receipts, delivered, 1.0);
            add(&mut self.receipt_base, delivered, 1.0);
            if let Some(tally) = network.and_then(|network| self.network(network)) {
                add(tally, delivered, 1.0);
            }
        }
    }

    /// The share of texts that receipts have called delivered in the last five days or so, today's
    /// included: an outage of a day changes it little. `None` while few have, or where most that arrive
    /// bring no such word: failures alone tell of no outage.
    fn usually_delivered(&self, tuning: &Tuning) -> Option<f32> {
        let [delivered, all] = self.receipt_base;
        let usual = delivered / all;
        (delivered >= tuning.outage_samples && usual >= 0.5).then(|| usual.min(ARRIVES))
    }

    /// The tally of a network. The least busy one gives its place to a new one.
    fn network(&mut self, network: NetworkCode) -> Option<&mut [f32; 2]> {
        let busy = |place: &Option<(NetworkCode, [f32; 2])>| match place {
            Some((known, _)) if *known == network => -2.0,
            Some((_, [_, sent])) => *sent,
            None => -1.0,
        };
        let place = self.networks.iter_mut().min_by(|a, b| busy(a).total_cmp(&busy(b)))?;
        match place {
            Some((known, _)) if *known == network => {}
            _ => *place = Some((network, [0.0; 2])),
        }
        place.as_mut().map(|(_, tally)| tally)
    }

    /// Factors on growing evidence, 1 normally and small in an outage: from everything known, and
    /// from delivery receipts alone. The second is for nodes that watch the control group itself.
    pub(super) fn outage_factors(&mut self, now: u64, tuning: &Tuning) -> (f32, f32) {
        if !tuning.parts.outage {
            return (1.0, 1.0);
        }
        self.fade_control(now);
        let [good, all] = self.control;
        let [base_good, base_all] = self.control_base;
        let [delivered, sent] = self.receipts;
        let mut by_receipt = 1.0_f32;
        if sent >= tuning.outage_samples
            && let Some(usual) = self.usually_delivered(tuning)
        {
            by_receipt = delivered / sent / usual;
        }
        let mut ratio = by_receipt;
        if all >= tuning.outage_samples {
            ratio = ratio.min(good / all / (base_good / base_all).max(0.3));
        }
        let factor = |ratio: f32| {
            ((ratio - tuning.outage_none) / (tuning.outage_full - tuning.outage_none))
                .clamp(tuning.outage_floor, 1.0)
        };
        (factor(ratio), factor(by_receipt))
    }

    /// As [`outage_factors`](Self::outage_factors), and nothing is kept.
    pub(super) fn outage_factors_at(&self, now: u64, tuning: &Tuning) -> (f32, f32) {
        self.clone().outage_factors(now, tuning)
    }

    /// Takes back what is dated after `now`.
    pub(super) fn take_back(&mut self, now: u64) {
        self.day = self.day.min(day_of(now));
        self.control_at = self.control_at.min(now);
        self.hour.number = u64::MAX;
        let minute = now / 60_000;
        for slot in &mut self.sampled {
            if *slot & 0xffff_ffff > minute {
                *slot = 0;
            }
        }
    }

    /// The evidence, in nats, that texts to customers do not arrive, as against ordinary days; `None`
    /// while so many arrive that nothing is held to be out of order, and where "delivered" is no usual word.
    ///
    /// Where receipts name their networks, it is about the country only if networks beside `network` lose
    /// texts too, and about `network` alone if they do not.
    pub(super) fn receipt_outage(
        &self,
        network: Option<NetworkCode>,
        tuning: &Tuning,
    ) -> Option<(Option<NetworkCode>, f32)> {
        let usual = self.usually_delivered(tuning)?;
        let of_country = || lost(self.receipts, usual, tuning).map(|evidence| (None, evidence));
        let named = self.networks.iter().flatten().find(|(known, _)| Some(*known) == network);
        let Some((network, own)) = named else { return of_country() };
        let ([delivered, sent], [own_delivered, own_sent]) = (self.receipts, *own);
        let (delivered, sent) = (delivered - own_delivered, sent - own_sent);
        // Half of what is needed to speak of an outage shows whether it is one network's.
        if sent >= tuning.outage_samples / 2.0 && fails([delivered, sent], usual, tuning) {
            let is_well = own_sent >= tuning.outage_samples && !fails(*own, usual, tuning);
            return if is_well { None } else { of_country() };
        }
        lost(*own, usual, tuning).map(|evidence| (Some(*network), evidence))
    }

    /// Somebody new verified. The last two hundred or so count.
    pub(super) fn came_from(&mut self, home: bool) {
        let [at_home, all] = &mut self.at_home;
        *at_home = *at_home * 0.995 + f32::from(u8::from(home));
        *all = *all * 0.995 + 1.0;
    }

    /// The share of new people who verified from home.
    pub(super) fn share_at_home(&self) -> f32 {
        let [at_home, all] = self.at_home;
        at_home / all
    }

    /// The largest part of a block's share that may come from far: the share of the country's people
    /// who do, as many times as a block may exceed its own, and no more than half. `None` until some
    /// have verified from home.
    pub(super) fn share_from_far(&self, tuning: &Tuning) -> Option<f32> {
        let [at_home, _] = self.at_home;
        let far = tuning.share_tolerance * (1.0 - self.share_at_home());
        (at_home >= 5.0).then_some(far.clamp(0.03, 0.5))
    }

    fn fade_control(&mut self, now: u64) {
        let seconds = now.saturating_sub(self.control_at) as f32 / 1_000.0;
        self.control_at = self.control_at.max(now);
        let networks = self.networks.iter_mut().flatten().flat_map(|(_, tally)| tally);
        for value in self.control.iter_mut().chain(&mut self.receipts).chain(networks) {
            fade(value, seconds, 1_200.0);
        }
    }

    /// Whether no session from afar to this block counted in the last twenty minutes.
    pub(super) fn is_fresh_afar(&mut self, now: u64, block: NodeId) -> bool {
        self.is_fresh(now, block.to_bits() ^ 1 << 56)
    }

    fn is_fresh(&mut self, now: u64, name: u64) -> bool {
        let hash = mix(name);
        let minute = now / 60_000;
        let place = usize::try_from(hash).unwrap_or(0) % REMEMBERED;
        let Some(slot) = self.sampled.get_mut(place) else { return false };
        let tag = hash >> 32;
        if *slot >> 32 == tag && minute.saturating_sub(*slot & 0xffff_ffff) < 20 {
            return false;
        }
        *slot = (tag << 32) | (minute & 0xffff_ffff);
        true
    }
}

/// Whether so few of the texts arrive that something is out of order.
fn fails([delivered, sent]: [f32; 2], usual: f32, tuning: &Tuning) -> bool {
    delivered / sent / usual < tuning.outage_full
}

/// The evidence that texts are lost, of those delivered and sent.
fn lost([delivered, sent]: [f32; 2], usual: f32, tuning: &Tuning) -> Option<f32> {
    if sent < tuning.outage_samples || !fails([delivered, sent], usual, tuning) {
        return None;
    }
    let nats = |count: f32, usual: f32| match count > 0.0 {
        true => count * (count / sent / usual).ln(),
        false => 0.0,
    };
    Some(nats(delivered, usual) + nats(sent - delivered, 1.0 - usual))
}

fn add([good, all]: &mut [f32; 2], is_good: bool, weight: f32) {
    *all += weight;
    if is_good {
        *good += weight;
    }
}
