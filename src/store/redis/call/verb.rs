//! [`Verb`]: the scripts.

/// One of the scripts: of the four verbs, and of what partitions do for one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store::redis) enum Verb {
    Admit,
    Settle,
    Redeem,
    Tally,
    Peer,
    Claim,
    Layout,
    Close,
    Present,
    Export,
    Import,
}

impl Verb {
    pub(in crate::store::redis) const ALL: [Self; 11] = [
        Self::Admit,
        Self::Settle,
        Self::Redeem,
        Self::Tally,
        Self::Peer,
        Self::Claim,
        Self::Layout,
        Self::Close,
        Self::Present,
        Self::Export,
        Self::Import,
    ];

    /// The script's text: the shared parts, then its own.
    pub(in crate::store::redis) const fn script(self) -> &'static str {
        match self {
            Self::Admit => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../calls.lua"),
                include_str!("../copies.lua"),
                include_str!("../admit.lua"),
                include_str!("../write.lua"),
                include_str!("../grant.lua")
            ),
            Self::Settle => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../calls.lua"),
                include_str!("../restore.lua"),
                include_str!("../settle.lua"),
                include_str!("../write.lua"),
                include_str!("../settled.lua")
            ),
            Self::Redeem => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../restore.lua"),
                include_str!("../redeem.lua"),
                include_str!("../write.lua"),
                include_str!("../redeemed.lua")
            ),
            Self::Tally => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../tally.lua")
            ),
            Self::Peer => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../restore.lua"),
                include_str!("../copies.lua"),
                include_str!("../peer.lua"),
                include_str!("../write.lua"),
                include_str!("../told.lua")
            ),
            Self::Claim => include_str!("../claim.lua"),
            Self::Layout => include_str!("../layout.lua"),
            Self::Close => include_str!("../close.lua"),
            Self::Present => include_str!("../present.lua"),
            Self::Export => concat!(
                include_str!("../closed.lua"),
                include_str!("../prelude.lua"),
                include_str!("../export.lua")
            ),
            Self::Import => concat!(
                include_str!("../format.lua"),
                include_str!("../prelude.lua"),
                include_str!("../import.lua")
            ),
        }
    }

    pub(in crate::store::redis) const fn index(self) -> usize {
        self as usize
    }
}
