//! Where an operator's word about the detector's own blocks reaches.

use crate::access::{Brake, ControlBook, Network, Query, Target};
use crate::base::time::Timestamp;
use crate::pumping::{Assessment, Judgement, NodeView};

/// Whether `target` covers the block, country or network that the detector acts on.
pub(super) fn covers(target: &Target, acting: &NodeView) -> bool {
    match target {
        Target::Everything => true,
        Target::Country(region) => acting.region.is_some_and(|own| own == region.letters()),
        // A block is written with its leading digits first.
        Target::Prefix(prefix) => acting.node.to_string().starts_with(&prefix.to_string()),
        Target::Network(network) => acting
            .node
            .expose_network()
            .and_then(|(address, length)| Network::new(address, length).ok())
            .is_some_and(|own| network.covers(&own)),
        _ => false,
    }
}

/// Applies what operators said about automatic blocks: the narrowest entry on the number's ladder
/// counts, then the client's network.
pub(super) fn brake(assessment: &mut Assessment, book: &ControlBook, query: &Query<'_>) {
    let region = query.recipient.line_region();
    let on_range = query
        .recipient
        .ladder()
        .map(|rung| book.brake_on_range(&rung, region, query.purpose, query.now))
        .filter(|brake| *brake != Brake::AsDetected)
        .last();
    let brake = on_range
        .unwrap_or_else(|| book.brake_on_network(&query.client.prefix(), query.purpose, query.now));
    match brake {
        Brake::Forbidden(_) => assessment.verdict = Judgement::Allow,
        Brake::Extended(by) => {
            let until_ms = by.until().unwrap_or(Timestamp::MAX).as_millis();
            assessment.verdict = Judgement::Refuse { until_ms };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pumping::{Action, BlockLevel, ClientNet, NodeId};
    use crate::recipient::Region;

    /// A node as the detector shows it.
    fn view(level: BlockLevel, region: Region, digits: u64, client: &str) -> NodeView {
        let letters = region.letters();
        let node = match level {
            BlockLevel::Country => NodeId::region(level, letters),
            BlockLevel::Host | BlockLevel::Network => {
                NodeId::address(level, ClientNet::of(client.parse().unwrap()))
            }
            BlockLevel::Everyone => NodeId::pool(level),
            _ => NodeId::block(level, digits),
        };
        NodeView {
            node,
            region: level.is_regional().then_some(letters),
            action: Action::Ask,
            evidence: 6.0,
            step_up_evidence: 0.0,
            share_evidence: 0.0,
            unanswered: 9,
            verified_daily: 0.0,
            verified_lately: 0.0,
            since_ms: 0,
            until_ms: 0,
            strikes: 0,
        }
    }

    #[test]
    fn a_country_covers_its_own_blocks_and_not_its_neighbour_s_of_the_same_calling_code() {
        let russia = view(BlockLevel::Million, Region::RU, 79_123_456_789, "192.0.2.7");
        let kazakhstan = view(BlockLevel::Million, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::RU), &russia));
        assert!(!covers(&Target::Country(Region::RU), &kazakhstan));
        let whole = view(BlockLevel::Country, Region::KZ, 77_012_345_678, "192.0.2.7");
        assert!(covers(&Target::Country(Region::KZ), &whole));
        assert!(!covers(
            &Target::Country(Region::KZ),
            &view(BlockLevel::Everyone, Region::KZ, 77_012_345_678, "192.0.2.7")
        ));
        assert!(covers(&Target::Everything, &whole));
    }

    #[test]
    fn a_prefix_covers_finer_blocks_only() {
        let block = view(BlockLevel::TenThousand, Region::DE, 4_915_112_345_678, "192.0.2.7");
        let target = |digits: &str| Target::Prefix(digits.parse().unwrap());
        assert!(covers(&target("+49151"), &block));
        assert!(!covers(&target("+49152"), &block));
        assert!(!covers(&target("+49151123456"), &block), "the block is wider than that");
    }

    #[test]
    fn a_network_covers_the_clients_in_it() {
        for (client, inside, outside) in [
            ("203.0.113.7", "203.0.113.0/24", "203.0.112.0/24"),
            ("2001:db8:1:2::5", "2001:db8:1::/48", "2001:db8:2::/48"),
            ("2a00:db8:1:2::5", "2a00:db8::/32", "2a00:db9::/32"),
        ] {
            for level in [BlockLevel::Host, BlockLevel::Network] {
                let node = view(level, Region::DE, 4_915_112_345_678, client);
                assert!(covers(&Target::Network(inside.parse().unwrap()), &node), "{client}");
                assert!(!covers(&Target::Network(outside.parse().unwrap()), &node), "{client}");
            }
        }
    }
}
