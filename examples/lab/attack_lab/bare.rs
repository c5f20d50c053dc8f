//! The detector alone, for whoever works on it: no gate, no store, no limits. Several detectors
//! exchange a journal as gates do.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use otpgate::Timestamp;
use otpgate::pumping::{
    ClientNet, Costs, Detector, Judgement, Sighting, SightingKind, Subject, Tuning,
};

use crate::options::Options;
use crate::support::judge::{Decision, Judge};
use crate::support::trace::Row;

pub struct Bare {
    gates: Vec<Detector>,
    /// What each has not been told yet, and how much of that there may be.
    untold: Vec<VecDeque<Sighting>>,
    late: usize,
    log: Vec<(usize, Vec<u8>)>,
    read: Vec<usize>,
    turn: usize,
    requests: u64,
    inside: Duration,
}

impl Bare {
    pub fn new(options: &Options) -> Result<Self, String> {
        let (tuning, costs) = constants(&options.set)?;
        let mut gates: Vec<_> = (1..=options.gates as u64)
            .map(|gate| Detector::with(gate, tuning.clone(), costs))
            .collect();
        if options.gates > 1 {
            gates.iter_mut().for_each(Detector::share);
        }
        Ok(Self {
            read: vec![0; options.gates],
            untold: vec![VecDeque::new(); options.gates],
            late: options.late,
            gates,
            log: Vec::new(),
            turn: 0,
            requests: 0,
            inside: Duration::ZERO,
        })
    }

    fn next(&mut self) -> usize {
        self.turn = (self.turn + 1) % self.gates.len();
        self.turn
    }

    /// What an admission's round trip carries: own events out, the others' in.
    fn exchange(&mut self, gate: usize, at_ms: u64) {
        if self.gates.len() < 2 {
            return;
        }
        let out = self.gates[gate].drain_outbox();
        if !out.is_empty() {
            self.log.push((gate, out));
        }
        for (from, bytes) in &self.log[self.read[gate]..] {
            if *from != gate {
                let absorbed = self.gates[gate].absorb(Timestamp::from_millis(at_ms), bytes);
                debug_assert!(absorbed.is_ok(), "own bytes");
            }
        }
        self.read[gate] = self.log.len();
    }

    /// Tells a gate of an event, or of an earlier one while it may be late.
    fn observe(&mut self, gate: usize, event: Sighting) {
        let untold = &mut self.untold[gate];
        untold.push_back(event);
        if untold.len() <= self.late {
            return;
        }
        if let Some(event) = untold.pop_front() {
            let began = Instant::now();
            self.gates[gate].observe(event);
            self.inside += began.elapsed();
        }
    }

    fn tell(&mut self, gate: usize, kind: SightingKind, row: &Row, at_ms: u64) {
        self.observe(gate, Sighting::of(Timestamp::from_millis(at_ms), kind, &subject(row)));
    }
}

impl Judge for Bare {
    fn request(&mut self, _: usize, row: &Row, at_ms: u64, passed: bool) -> Decision {
        self.requests += 1;
        let gate = self.next();
        let (subject, now) = (subject(row), Timestamp::from_millis(at_ms));
        let began = Instant::now();
        let assessment = self.gates[gate].assess(now, &subject, passed);
        self.inside += began.elapsed();
        let mut event = Sighting::after(now, &subject, &assessment);
        event.passed = passed;
        // As a gate does: what its call carried was there before, and this goes with the next one.
        self.exchange(gate, at_ms);
        self.observe(gate, event);
        match assessment.verdict {
            Judgement::Allow => Decision::Send,
            Judgement::StepUp(_) => Decision::StepUp,
            _ => {
                let reasons: Vec<_> = assessment.reasons.iter().map(ToString::to_string).collect();
                Decision::Refuse(format!("pumping ({})", reasons.join("; ")))
            }
        }
    }

    fn verify(&mut self, _: usize, row: &Row, at_ms: u64) -> bool {
        let gate = self.next();
        self.exchange(gate, at_ms);
        self.tell(gate, SightingKind::Verified, row, at_ms);
        true
    }

    fn receipt(&mut self, _: usize, row: &Row, at_ms: u64) {
        let kind = if row.delivered { SightingKind::Delivered } else { SightingKind::Undelivered };
        let gate = self.next();
        self.tell(gate, kind, row, at_ms);
    }

    fn footprint(&self) -> (usize, usize) {
        let sizes = self.gates.iter().map(|gate| (gate.nodes(), gate.bytes()));
        sizes.fold((0, 0), |most, size| (most.0.max(size.0), most.1.max(size.1)))
    }

    fn nanoseconds_per_request(&self) -> u64 {
        let inside = u64::try_from(self.inside.as_nanos()).unwrap_or(u64::MAX);
        inside.checked_div(self.requests).unwrap_or(0)
    }
}

fn subject(row: &Row) -> Subject {
    Subject {
        region: row.region,
        digits: row.phone,
        known: false,
        purpose: 1,
        price_microusd: row.price_microusd,
        client: ClientNet::of(row.ip),
    }
}

fn constants(changes: &[(String, f32)]) -> Result<(Tuning, Costs), String> {
    let (mut tuning, mut costs) = (Tuning::default(), Costs::default());
    for (key, value) in changes {
        let value = *value;
        match key.as_str() {
            "ask" => tuning.ask_at = value,
            "refuse" => tuning.refuse_at = value,
            "context" => tuning.refuse_in_context = value,
            "up" => tuning.pass_up = value,
            "harm" => tuning.block_harm = value,
            "passf" => tuning.pass_factor = value,
            "proved" => tuning.proved_at = value,
            "asklow" => tuning.asked_range.0 = value,
            "gap" => tuning.half_open_gap = value,
            "shareat" => tuning.share_at = value,
            "nf" => tuning.number_failures = value,
            "value" => costs.user_value = value,
            "ref" => costs.reference_daily = value,
            "nocold" => tuning.parts.cold = false,
            "noshare" => tuning.parts.share = false,
            "noflight" => tuning.parts.in_flight = false,
            "noasked" => tuning.parts.asked_evidence = false,
            "nooutage" => tuning.parts.outage = false,
            "noaddress" => tuning.parts.address = false,
            "nocontext" => tuning.parts.context = false,
            "noaway" => tuning.parts.away = false,
            "noknown" => tuning.known_age.0 = f32::INFINITY,
            "nonumber" => {
                tuning.number_limits = (f32::INFINITY, f32::INFINITY);
                tuning.number_limits_in_context = tuning.number_limits;
                tuning.number_failures = f32::INFINITY;
            }
            "noproved" => tuning.proved_at = f32::INFINITY,
            "nostepsout" => tuning.asked_window = tuning.asked_window.map(|_| f32::INFINITY),
            "noyoung" => tuning.young_numbers = 0,
            "nofar" => tuning.parts.far = false,
            "notogether" => tuning.parts.together = false,
            "asktogether" => tuning.ask_together = value,
            "quiet" => tuning.quiet_harm = value,
            "noafar" => tuning.parts.afar = false,
            "sharefar" => tuning.share_far = value,
            "sharehome" => tuning.share_home = value,
            "nohome" => tuning.parts.home = false,
            "homeat" => tuning.home_at = value,
            other => return Err(format!("--set knows no `{other}`")),
        }
    }
    Ok((tuning, costs))
}
