//! One request's verdict. Reads the state that events left; creates no node.

use super::detector::Detector;
use super::level::{BlockLevel, NodeId, Subject};
use super::memory::Found;
use super::node::State;
use super::path::level_at;
use super::reason::{Assessment, Judgement, Reason, Rule, Strength};
use super::session::session_key;
use super::table::NONE;
use super::tuning::Tuning;
use crate::base::time::Timestamp;

/// How long a request is held when too many step-ups are unanswered.
const HOLD_MS: u64 = 30_000;

impl Detector {
    /// What to do about a request, before anything is sent. `passed`: the client has just passed the
    /// step-up this detector asked for.
    pub fn assess(&mut self, now: Timestamp, subject: &Subject, passed: bool) -> Assessment {
        self.advance(now.as_millis());
        let known = self.memory.is_known(subject, self.now);
        self.judge(subject, known, known, passed)
    }

    /// The same, of a number as if it had never verified: what may be seen of a known one.
    pub(crate) fn assess_as_stranger(
        &mut self,
        now: Timestamp,
        subject: &Subject,
        passed: bool,
    ) -> Assessment {
        self.advance(now.as_millis());
        let known = self.memory.is_known(subject, self.now);
        self.judge(subject, false, known, passed)
    }

    /// Judges a request as one of a known number or of a stranger; `is_known` is what the number is,
    /// remembered for the event that follows.
    fn judge(
        &mut self,
        subject: &Subject,
        known: bool,
        is_known: bool,
        passed: bool,
    ) -> Assessment {
        let now = self.now;
        let away = self.memory.is_away(subject, now);
        let far = away && self.memory.has_no_neighbour(subject, now);
        self.memory.keep(Found { subject: *subject, at: now, known: is_known, away, far });
        let local = self.local(now, subject.region);
        let path = self.find_path(now, subject, known);
        for (place, slot) in path.into_iter().enumerate().filter(|(_, slot)| *slot != NONE) {
            if let Some(hint) = self.hint.get_mut(level_at(place).index()) {
                *hint = slot;
            }
        }
        let rates = self.release_ended(now, &path, &local);
        let mut reasons = Vec::new();
        let mut refuse: Option<u64> = None;
        let mut ask: Option<Strength> = None;
        let (mut asking, mut refusing) = (0_u16, 0_u16);

        if !known && let Some((node, until)) = self.operator_block(now, subject) {
            refuse = Some(until);
            reasons.push(Reason {
                node: Some(node),
                rule: Rule::Operator,
                value: 0.0,
                threshold: 0.0,
            });
        }
        let asks =
            if self.memory.is_young() { self.terms.tuning.young_asks } else { Strength::Human };
        let trusted = self.is_trusted_client(&path);
        for (place, slot) in path.iter().enumerate() {
            let level = level_at(place);
            // What is thought of an address counts known numbers and stops none.
            if *slot == NONE || (known && level.is_address()) {
                continue;
            }
            let rate = rates.get(place).copied().unwrap_or(0.0);
            let Some(node) = self.table.at(*slot) else { continue };
            let id = NodeId::from_bits(node.id);
            if self.forbidden(node.id) {
                reasons.push(Reason {
                    node: id,
                    rule: Rule::Forbidden,
                    value: 0.0,
                    threshold: 0.0,
                });
                continue;
            }
            let is_wide = matches!(place, 3..=8 | 12 | 13);
            let at_home =
                !far && self.spares_home(node, place, &path, &local, subject.price_microusd);
            let spared = at_home || (trusted && node.share_until < now && is_wide);
            match node.state {
                State::Refusing if !known && !spared => {
                    refuse = Some(refuse.unwrap_or(0).max(node.until));
                    refusing |= 1 << level.index();
                    reasons.push(Reason {
                        node: id,
                        rule: Rule::Evidence,
                        value: node.evidence() + node.asked,
                        threshold: self.threshold(&path, place),
                    });
                }
                State::Refusing | State::Asking => {
                    ask = ask.max(Some(asks));
                    asking |= u16::from(node.state == State::Asking) << level.index();
                    let share = node.share_until > now;
                    reasons.push(Reason {
                        node: id,
                        rule: if share { Rule::Share } else { Rule::Evidence },
                        value: if share { node.share } else { node.evidence() },
                        threshold: if share {
                            self.terms.tuning.share_at
                        } else {
                            self.terms.tuning.ask_at
                        },
                    });
                }
                State::Open => {}
            }
            if !self.terms.tuning.parts.in_flight {
                continue;
            }
            let window = self.window_of(node, level, rate);
            let out = f32::from(node.pending) + 1.0;
            if out > window {
                ask = ask.max(Some(Strength::Work));
                reasons.push(Reason {
                    node: id,
                    rule: Rule::InFlight,
                    value: out,
                    threshold: window,
                });
            }
            let room = Tuning::of(&self.terms.tuning.asked_window, level)
                + 2.0 * node.passed
                + node.verified_quarter;
            if !known
                && !passed
                && !at_home
                && f32::from(node.asking) >= room
                && !self.is_spared(node.evidence())
            {
                refuse = Some(refuse.unwrap_or(0).max(now.saturating_add(HOLD_MS)));
                reasons.push(Reason {
                    node: id,
                    rule: Rule::StepUpsOut,
                    value: f32::from(node.asking),
                    threshold: room,
                });
            }
        }
        let outage = self.memory.is_outage(now, local.country);
        self.number_rule(now, subject, known, outage, &path, &mut refuse, &mut ask, &mut reasons);
        let verdict = match (refuse, ask) {
            (Some(until_ms), _) => Judgement::Refuse { until_ms },
            (None, Some(strength)) if !passed => Judgement::StepUp(strength),
            (None, Some(_)) => {
                reasons.push(Reason {
                    node: None,
                    rule: Rule::StepUpPassed,
                    value: 0.0,
                    threshold: 0.0,
                });
                Judgement::Allow
            }
            (None, None) => Judgement::Allow,
        };
        let acting = match verdict {
            Judgement::Allow => 0,
            Judgement::StepUp(_) => asking,
            Judgement::Refuse { .. } => refusing,
        };
        Assessment { verdict, acting, asks, reasons }
    }

    /// An address several people verified from and where step-ups do not fail. Inside a refused
    /// operator or country its people are asked instead: that is where honest newcomers are. Not
    /// inside finer blocks, where an attacker's own verified numbers could buy the same favour.
    pub(super) fn is_trusted_client(&self, path: &[u32; super::session::PATH]) -> bool {
        let host = path.get(BlockLevel::Host.index()).and_then(|slot| self.table.at(*slot));
        host.is_some_and(|host| {
            host.verified_days() >= 2.0 && host.asked <= 0.5 && host.evidence() < 1.0
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn number_rule(
        &self,
        now: u64,
        subject: &Subject,
        known: bool,
        outage: bool,
        path: &[u32; super::session::PATH],
        refuse: &mut Option<u64>,
        ask: &mut Option<Strength>,
        reasons: &mut Vec<Reason>,
    ) {
        const WAIT_MS: u64 = 3_600_000;
        let (sends, tries) = self.sessions.number(subject.digits, now);
        let covered = self.terms.tuning.parts.context
            && !known
            && path
                .iter()
                .any(|slot| self.table.at(*slot).is_some_and(|node| node.state != State::Open));
        let failures = self.sessions.failures(subject.digits, now);
        // in context only a session whose code went unanswered counts against its number
        let unanswered = self.sessions.is_unanswered(session_key(subject), now);
        let (mut ask_at, mut refuse_at) = self.terms.tuning.number_limits;
        if covered && unanswered {
            let (ask, refuse) = self.terms.tuning.number_limits_in_context;
            ask_at = ask;
            // one impatient person in an outage is one session and passes the step-up
            if tries > 1 || failures >= 1.0 {
                refuse_at = refuse;
            }
        }
        let mut limit = None;
        // strangers fail step-ups for a number; its owner comes from where his country's people do
        if failures >= self.terms.tuning.number_failures
            && !known
            && self.memory.is_away(subject, now)
            && (covered || ask.is_some() || sends >= ask_at)
        {
            *refuse = Some(refuse.unwrap_or(0).max(now.saturating_add(WAIT_MS)));
            limit = Some(self.terms.tuning.number_failures);
        }
        if sends >= refuse_at && !known && !outage {
            *refuse = Some(refuse.unwrap_or(0).max(now.saturating_add(WAIT_MS)));
            limit = Some(refuse_at);
        } else if sends >= ask_at {
            *ask = (*ask).max(Some(Strength::Human));
            limit = Some(ask_at);
        }
        if let Some(threshold) = limit {
            reasons.push(Reason { node: None, rule: Rule::Number, value: sends, threshold });
        }
    }
}
