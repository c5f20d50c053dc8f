//! Every constant of the detector, in one place, each with its reason.

use super::level::{BlockLevel, LEVELS};
use super::reason::Strength;

/// The detector's constants. [`Tuning::default`] is what the measurements in `docs` were made with.
///
/// Times are seconds, rates are sessions an hour, evidence is in nats (natural logarithm of the
/// odds against the null hypothesis), money is US dollars.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tuning {
    /// Evidence at which a node starts to ask for a step-up. `e^5.5 ≈ 245`: under the worst null at
    /// most one false start per 245 sends of that node (none measured in ordinary traffic); a
    /// step-up costs an honest person seconds.
    pub ask_at: f32,
    /// Evidence at which a node may refuse: at least `e^12 ≈ 163 000` sends lie between false
    /// refusals of a node under the worst null.
    pub refuse_at: f32,
    /// Refusal threshold of a block *inside* a region, country or pool that is itself under alarm and
    /// where step-ups fail. The rigorous threshold was already paid by the ancestor; among its
    /// children the prior odds are no longer one in many thousands.
    pub refuse_in_context: f32,
    /// Evidence of a coarser node from which what lies inside it is judged by `refuse_in_context` even
    /// if step-ups are passed there: the threshold of a refusal, which that node has paid and does not
    /// act on, since too many people live in it. Bots that solve would else have each block judged
    /// anew. Infinite: never.
    pub proved_at: f32,
    /// Evidence against those from home alone from which a node that refuses refuses them too. As
    /// `refuse_in_context`: the rigorous threshold was paid by the node.
    pub home_at: f32,
    /// Evidence at which a block starts to ask while many blocks are under alarm together and nothing
    /// coarser acts: about two texts that its customers do not explain.
    pub ask_together: f32,
    /// A node stops asking when its evidence has fallen this far below the mark at which it
    /// asks, or to half of that mark (hysteresis).
    pub ask_hysteresis: f32,
    /// A block that ends (time or silence) re-opens this many nats under its refusal threshold, so
    /// that one or two bad sessions close it again and one verified code opens it fully.
    pub half_open_gap: f32,
    /// Share of a flagged node's further evidence that still flows to coarser nodes: the smallest
    /// block that explains the evidence is the one acted on, while several flagged children still
    /// flag their parent (discounted hierarchical heavy hitters).
    pub pass_up: f32,
    /// Prior mean of the conversion of a country never seen before. Public figures run from .55 to
    /// .85; taking .62 puts the day-one null at .46, below a market that always converted at 40 %
    /// only by what a step-up can correct.
    pub prior_conversion: f32,
    /// Weight of that prior in sessions.
    pub prior_weight: f32,
    /// The null conversion is this share of the learnt one: real markets wobble.
    pub null_share: f32,
    /// Lowest and highest null conversion.
    pub null_range: (f32, f32),
    /// Bets of each level, aggressive then moderate: the factor a verified session multiplies the
    /// e-value by. Coarse nodes need a small bet because honest and fraudulent traffic mix there.
    pub bets: [(f32, f32); LEVELS],
    /// Sends an hour that need no explanation at all, per level.
    pub floor: [f32; LEVELS],
    /// Multiple of the lagged verified volume that still counts as ordinary, per level.
    pub tolerance: [f32; LEVELS],
    /// Share of the parent's tolerated rate that a child may use, per level.
    pub inherit: [f32; LEVELS],
    /// In-flight window of a cold node, per level: how many unanswered sessions may be out before a
    /// first verified code "acknowledges" the traffic.
    pub window: [f32; LEVELS],
    /// Step-ups that may be unanswered at once before further requests are held, per level.
    pub asked_window: [f32; LEVELS],
    /// Assumed share of honest people who fail or abandon a step-up; the null of the step-up bet.
    pub honest_failure: f32,
    /// Factor of a passed step-up. Close to one, so that solving farms cannot wash evidence away.
    pub pass_factor: f32,
    /// Bounds of the step-up evidence: how far passes can go into credit, and failures into debt.
    /// Little credit: bots that solve would buy texts with it, and people at home are spared
    /// anyway.
    pub asked_range: (f32, f32),
    /// A node goes on asking while at least this share of its step-ups of the last quarter of an hour
    /// was not passed. Above what honest people fail, below what a mixture with bots shows.
    pub failing_share: f32,
    /// Half-life of the step-up evidence.
    pub asked_half_life: f32,
    /// Seconds after which an unanswered step-up counts as abandoned, in three steps.
    pub asked_stages: [f32; 3],
    /// Evidence of the share detector at which a block starts to ask.
    pub share_at: f32,
    /// Multiple of its lagged share of the country that a block may reach.
    pub share_tolerance: f32,
    /// Prior share of its country for a block of a million numbers, and the factor per finer level.
    pub share_prior: (f32, f32),
    /// Credit of a verified session in the share detector. Small: the attacker verifies.
    pub share_credit: f32,
    /// What a session counts in the share detector when it comes from an address that several people
    /// verified from, in a network of their country: a company that signs its staff up is one. A fake
    /// converter's many proxies are not, and with one address in the country he gains some forty
    /// messages.
    pub share_home: f32,
    /// What one from far multiplies the share detector's evidence by, where another doubles it: of a
    /// block's share no larger part is from far than [`share_tolerance`](Self::share_tolerance) times
    /// that of the country's people, or half. Fakes pay for each code with a text, and come through
    /// proxies.
    pub share_far: f32,
    /// Seconds a share alarm keeps asking.
    pub share_hold: f32,
    /// Outage control: no evidence grows when known people verify at less than this share of normal,
    /// and full evidence grows from `outage_full` on.
    pub outage_none: f32,
    /// See `outage_none`.
    pub outage_full: f32,
    /// What is left of growing evidence in the worst outage. Not zero: an attacker who requests codes
    /// for other people's numbers makes the control group look like an outage.
    pub outage_floor: f32,
    /// Samples of the control group needed before it is believed.
    pub outage_samples: f32,
    /// Weight of a session from home whose delivery failed.
    pub undelivered_weight: f32,
    /// Weight, at the blocks and pools of its number, of a session that the host answered without a
    /// text, in a range where nobody had verified before yesterday: there it must look like one with a
    /// text, or the next answer would tell. Elsewhere it weighs nothing there. A gate without a human
    /// check takes this as 0 in a realm with history: who is asked gets no text there, for the sake of
    /// people who mistyped.
    pub unsent_weight: f32,
    /// Expected honest refusals a block may cost before it must be probed again: of those who are not
    /// spared for their addresses.
    pub block_harm: f32,
    /// Expected honest refusals for which a block may stay silent before it is lifted, where that is
    /// longer than ten minutes.
    pub quiet_harm: f32,
    /// Shortest and longest block, seconds.
    pub block_range: (f32, f32),
    /// A block is lifted after this many mean gaps of silence, within `silence_range` seconds.
    pub silence_gaps: f32,
    /// See `silence_gaps`.
    pub silence_range: (f32, f32),
    /// Numbers that must have verified before a realm has a history: each once, more than a day ago,
    /// of one day at most half of them, of a block of 100 000 at most sixteen. Until then what would
    /// refuse asks, or a few dozen texts would close a country to a realm on its first day. 0
    /// switches this off.
    pub young_numbers: usize,
    /// Evidence at which a node of a realm without history may refuse all the same, from texts alone:
    /// at least 57 more than its customers explain, in a block of numbers.
    pub young_refuse_at: f32,
    /// What a realm without history asks for. A gate without a human check takes work.
    pub young_asks: Strength,
    /// Longest first block of a node of a realm without history, and longest block, seconds: nobody
    /// can say how many people it turns away.
    pub young_block: (f32, f32),
    /// Unverified sends to one number (8 h decay) from which a step-up is asked, and refused.
    pub number_limits: (f32, f32),
    /// The same limits where an alarm already covers the number.
    pub number_limits_in_context: (f32, f32),
    /// Step-ups not passed for one number from which it is refused where an alarm covers it and the
    /// client is away. Not fewer: strangers fail them too, and its owner on a journey is then refused.
    pub number_failures: f32,
    /// Seconds after its first verification before a number counts as known, and until when after its last:
    /// then it is forgotten, and within 32 days no row of it is kept.
    pub known_age: (f32, f32),
    /// Seconds after its first verification before a wide network counts as seen for a country, and
    /// until when after its last. A day, as for every baseline: what an attacker verifies today opens
    /// nothing today.
    pub place_age: (f32, f32),
    /// Hard cap on nodes.
    pub max_nodes: usize,
    /// Hard cap on remembered verified numbers (8 bytes each).
    pub max_known: usize,
    /// Hard cap on remembered pairs of wide network and country (8 bytes each).
    pub max_places: usize,
    /// Hard cap on open sessions, and on numbers with recent unverified sends. Seven eighths of a power
    /// of two, as many as a hash map holds before it doubles.
    pub max_sessions: usize,
    /// Switches for ablation; all on in production.
    pub parts: Parts,
}

/// Components that can be switched off to measure what each is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, clippy::struct_excessive_bools)]
pub struct Parts {
    pub cold: bool,
    pub share: bool,
    pub in_flight: bool,
    pub asked_evidence: bool,
    pub outage: bool,
    pub address: bool,
    pub context: bool,
    pub away: bool,
    pub far: bool,
    pub home: bool,
    pub afar: bool,
    pub together: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            cold: true,
            share: true,
            in_flight: true,
            asked_evidence: true,
            outage: true,
            address: true,
            context: true,
            away: true,
            far: true,
            home: true,
            afar: true,
            together: true,
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        // order: B2 B3 B4 B5 B6 country cold-country cold cold-million host net everyone
        // known-country known away-country away
        Self {
            ask_at: 5.5,
            refuse_at: 12.0,
            refuse_in_context: 5.0,
            proved_at: 12.0,
            home_at: 5.0,
            ask_together: 1.0,
            ask_hysteresis: 3.0,
            half_open_gap: 1.2,
            pass_up: 0.50,
            prior_conversion: 0.62,
            prior_weight: 10.0,
            null_share: 0.70,
            null_range: (0.35, 0.62),
            bets: [
                (0.10, 0.65),
                (0.10, 0.65),
                (0.10, 0.65),
                (0.20, 0.65),
                (0.35, 0.65),
                (0.55, 0.80),
                (0.40, 0.65),
                (0.40, 0.65),
                (0.20, 0.65),
                (0.20, 0.65),
                (0.35, 0.65),
                (0.60, 0.80),
                (0.60, 0.80),
                (0.60, 0.80),
                (0.40, 0.65),
                (0.40, 0.65),
            ],
            floor: [
                0.02, 0.04, 0.08, 0.2, 0.5, 1.5, 1.0, 3.0, 1.0, 0.5, 1.0, 6.0, 2.0, 4.0, 1.0, 1.0,
            ],
            tolerance: [
                2.0, 2.0, 2.0, 2.0, 2.0, 1.3, 1.2, 1.2, 1.2, 2.0, 2.0, 0.8, 1.3, 0.8, 1.2, 1.2,
            ],
            inherit: [
                0.12, 0.12, 0.12, 0.12, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            ],
            window: [
                4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 20.0, 30.0, 20.0, 15.0, 25.0, 80.0, 40.0, 60.0,
                40.0, 80.0,
            ],
            asked_window: [
                8.0, 8.0, 8.0, 12.0, 16.0, 24.0, 16.0, 24.0, 16.0, 12.0, 16.0, 1e9, 1e9, 1e9, 24.0,
                1e9,
            ],
            honest_failure: 0.15,
            pass_factor: 0.70,
            asked_range: (-1.0, 12.0),
            failing_share: 0.25,
            asked_half_life: 7_200.0,
            asked_stages: [15.0, 30.0, 60.0],
            share_at: 11.0,
            share_tolerance: 3.0,
            share_prior: (0.10, 0.2),
            share_credit: 0.25,
            share_home: 0.55,
            share_far: 4.0,
            share_hold: 1_800.0,
            outage_none: 0.25,
            outage_full: 0.70,
            outage_floor: 0.15,
            outage_samples: 4.0,
            undelivered_weight: 0.35,
            unsent_weight: 1.0,
            block_harm: 0.5,
            quiet_harm: 0.2,
            block_range: (600.0, 43_200.0),
            silence_gaps: 5.0,
            silence_range: (120.0, 1_800.0),
            young_numbers: 150,
            young_asks: Strength::Human,
            young_block: (3_600.0, 14_400.0),
            young_refuse_at: 50.0,
            number_limits: (3.0, 5.0),
            number_limits_in_context: (0.9, 2.5),
            number_failures: 4.0,
            known_age: (72.0 * 3_600.0, 90.0 * 86_400.0),
            place_age: (24.0 * 3_600.0, 90.0 * 86_400.0),
            max_nodes: 131_072,
            max_known: 1 << 21,
            max_places: 1 << 17,
            max_sessions: 57_344,
            parts: Parts::default(),
        }
    }
}

impl Tuning {
    /// Where customers live a block ends after so many seconds of silence at the latest, unless it hardly
    /// turns one of them away. `silence_range` begins no later.
    pub(crate) const INHABITED_SILENCE: f32 = 500.0;

    /// A constant of one level.
    pub(super) fn of<T: Copy + Default>(table: &[T; LEVELS], level: BlockLevel) -> T {
        table.get(level.index()).copied().unwrap_or_default()
    }
}
