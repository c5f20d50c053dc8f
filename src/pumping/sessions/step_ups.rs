//! [`StepUps`]: what was asked and not yet answered.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::session::{OpenStepUp, session_key};
use super::super::table::KeyMap;

/// Step-ups out at once that are remembered; beyond it, new ones are asked but not counted.
const STEP_UPS: usize = 16_384;

/// Open step-ups, and when each grows older.
#[derive(Clone, Debug)]
pub(in crate::pumping) struct StepUps {
    open: KeyMap<OpenStepUp>,
    /// One queue a stage: when, which, and whether it is still the same one.
    queues: [VecDeque<(u64, u64, u32)>; 3],
    /// How long after the question each stage is reached, ms.
    stages: [u64; 3],
    generation: u32,
}

impl StepUps {
    pub(super) fn new(stages: [f32; 3]) -> Self {
        Self {
            open: KeyMap::default(),
            queues: Default::default(),
            stages: stages.map(|seconds| (seconds * 1_000.0) as u64),
            generation: 0,
        }
    }

    /// Whether one more of this session is counted: none is out, and there is room.
    pub(in crate::pumping) fn has_room_for(&self, key: u64) -> bool {
        !self.open.contains_key(&key) && self.open.len() < STEP_UPS
    }

    /// A step-up was asked, or is put back from a snapshot with the stages that it has behind it.
    pub(in crate::pumping) fn add(&mut self, mut step_up: OpenStepUp) {
        self.generation = self.generation.wrapping_add(1);
        step_up.generation = self.generation;
        let key = session_key(&step_up.subject);
        for (stage, (queue, after)) in self.queues.iter_mut().zip(self.stages).enumerate() {
            if usize::from(step_up.stage) <= stage {
                let at = step_up.asked_at.saturating_add(after);
                queue.push_back((at, key, step_up.generation));
            }
        }
        self.open.insert(key, step_up);
    }

    /// A step-up of a session.
    pub(in crate::pumping) fn get(&self, key: u64) -> Option<&OpenStepUp> {
        self.open.get(&key)
    }

    /// Every open one, by the key of its session.
    pub(in crate::pumping) fn iter(&self) -> impl Iterator<Item = (u64, &OpenStepUp)> {
        self.open.iter().map(|(key, open)| (*key, open))
    }

    /// How many are in the order of asking, some that were answered among them.
    pub(in crate::pumping) fn queued(&self) -> usize {
        let [.., last] = &self.queues;
        last.len()
    }

    /// Some of these: which, and its generation.
    pub(in crate::pumping) fn queue(
        &self,
        places: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (u64, u32)> {
        let [.., last] = &self.queues;
        last.range(places).map(|(_, key, generation)| (*key, *generation))
    }

    /// It is answered.
    pub(in crate::pumping) fn take(&mut self, key: u64) -> Option<OpenStepUp> {
        self.open.remove(&key)
    }

    /// It has reached a stage.
    pub(in crate::pumping) fn grow(&mut self, key: u64, stage: u8) {
        if let Some(open) = self.open.get_mut(&key) {
            open.stage = stage;
        }
    }

    /// The next that reaches the end of `stage` by `now`: when, and which.
    pub(super) fn fall_due(&mut self, stage: usize, now: u64) -> Option<(u64, u64, OpenStepUp)> {
        let queue = self.queues.get_mut(stage)?;
        while let Some((at, key, generation)) = queue.front().copied()
            && at <= now
        {
            queue.pop_front();
            if let Some(open) = self.open.get(&key).copied()
                && open.generation == generation
            {
                return Some((at, key, open));
            }
        }
        None
    }

    pub(super) fn take_back(&mut self, now: u64) {
        for open in self.open.values_mut() {
            open.asked_at = open.asked_at.min(now);
        }
        for (queue, span) in self.queues.iter_mut().zip(self.stages) {
            let last = now.saturating_add(span);
            queue.iter_mut().for_each(|(at, ..)| *at = last.min(*at));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.open.capacity().saturating_mul(const { size_of::<(u64, OpenStepUp)>() })
    }

    #[cfg(test)]
    pub(super) fn latest(&self) -> u64 {
        self.queues.iter().flatten().map(|(at, ..)| *at).max().unwrap_or(0)
    }
}
