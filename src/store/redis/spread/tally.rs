//! [`tally`](crate::store::Store::tally) over several partitions.

use crate::store::{MeterQuery, Reading, StoreError, Tallies, TallyQuery};

use super::super::call::Call;
use super::Run;

impl Run<'_> {
    /// Own meters, marks and challenges from the home's partition; common meters from all, added up;
    /// documents and journal from the hub.
    pub(in super::super) async fn tally(&self, query: &TallyQuery) -> Result<Tallies, StoreError> {
        let home = self.layout.part_of(query.home.name().unwrap_or(query.realm));
        let is_common = |meter: &MeterQuery| !query.home.owns(meter.key.subject);
        let mut tallies = Tallies::default();
        tallies.meters.resize(query.meters.len(), Reading::default());
        let common = query.meters.iter().any(is_common);
        for part in 0..self.layout.tags.len() {
            let whole = part == home;
            let asked: Vec<usize> = (query.meters.iter().enumerate())
                .filter(|(_, meter)| whole || is_common(meter))
                .map(|(index, _)| index)
                .collect();
            let nothing = asked.is_empty() && query.marks.is_empty() && query.challenges.is_empty();
            // Whoever asks for nothing learns at least whether his clock is right.
            let elsewhere = !query.documents.is_empty() || query.journal.is_some();
            if (nothing && elsewhere) || (!whole && !common) {
                continue;
            }
            let mut there = TallyQuery::new(query.now, query.realm);
            (there.clock, there.home) = (query.clock, query.home);
            there.meters =
                asked.iter().filter_map(|index| query.meters.get(*index).copied()).collect();
            if whole {
                (there.marks, there.challenges) = (query.marks.clone(), query.challenges.clone());
            }
            let call = Call::tally(&there, &self.layout.place(part, query.home));
            let read = self.send(call).await?.tallied(&there)?;
            for (index, reading) in asked.iter().zip(&read.meters) {
                let own = query.meters.get(*index).is_none_or(|meter| !is_common(meter));
                let Some(sum) = tallies.meters.get_mut(*index) else { continue };
                sum.count = sum.count.saturating_add(reading.count);
                // It fits as soon as it fits anywhere.
                let first = own || part == 0;
                sum.retry_after = match first {
                    true => reading.retry_after,
                    false => sum.retry_after.min(reading.retry_after),
                };
            }
            if whole {
                (tallies.marks, tallies.challenges) = (read.marks, read.challenges);
            }
        }
        if !query.documents.is_empty() || query.journal.is_some() {
            let mut there = TallyQuery::new(query.now, query.realm);
            there.clock = query.clock;
            (there.documents, there.journal) = (query.documents.clone(), query.journal);
            let call = Call::tally(&there, &self.layout.hub());
            let read = self.send(call).await?.tallied(&there)?;
            (tallies.documents, tallies.news) = (read.documents, read.news);
        }
        Ok(tallies)
    }
}
