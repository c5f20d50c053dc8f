//! [`Said`]: what a receipt says of its text, without saying which text.

use crate::base::codec::{Reader, Writer};
use crate::base::network::NetworkCode;
use crate::outcome::Note;
use crate::transport::{DeliveryFault, Handoff, NumberFault, Price, Receipt, ReceiptState};

/// What a receipt says. It can be kept until its send is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) state: ReceiptState,
    pub(super) fault: Option<DeliveryFault>,
    pub(super) price: Option<Price>,
    pub(super) segments: Option<u32>,
    pub(super) network: Option<NetworkCode>,
    /// Whether it was said of a part of the text.
    pub(super) part: bool,
}

/// Beside the state, where the network follows.
const WITH_NETWORK: u8 = 0x80;

/// Faults by the byte that stands for them.
const FAULTS: [DeliveryFault; 10] = [
    DeliveryFault::Handset,
    DeliveryFault::Carrier,
    DeliveryFault::Filtered,
    DeliveryFault::Account,
    DeliveryFault::Unknown,
    DeliveryFault::Number(NumberFault::Invalid),
    DeliveryFault::Number(NumberFault::NotMobile),
    DeliveryFault::Number(NumberFault::Disconnected),
    DeliveryFault::Number(NumberFault::OptedOut),
    DeliveryFault::Number(NumberFault::Barred),
];

impl Said {
    pub(super) fn of(receipt: &Receipt) -> Self {
        let Receipt { state, fault, price, segments, network, .. } = *receipt;
        Self { state, fault, price, segments, network, part: false }
    }

    /// What the answer to a hand-off says of its text.
    pub(super) fn in_answer(handoff: &Handoff) -> Self {
        let Handoff { price, segments, .. } = *handoff;
        let (state, fault, network) = (ReceiptState::Pending, None, None);
        Self { state, fault, price, segments, network, part: false }
    }

    /// Whether it would change nothing.
    pub(super) fn is_idle(&self) -> bool {
        let names_nothing = self.named_price().is_none() && self.segments.is_none();
        self.state == ReceiptState::Pending && names_nothing
    }

    /// The same, said of one message: a text of several segments may be several messages to its
    /// provider, each with its own price.
    pub(super) fn of_message(self, note: &Note) -> Self {
        match note.segments {
            0 | 1 => self,
            _ => Self { segments: None, part: true, ..self },
        }
    }

    /// The same, said of the text, or of a part of it if it counts fewer segments than were reserved.
    pub(super) fn of_text(self, note: &Note) -> Self {
        let fewer = self.segments.is_some_and(|count| count < note.segments.into());
        Self { part: self.part || fewer, ..self }
    }

    /// The price, unless it is zero.
    pub(super) fn named_price(&self) -> Option<Price> {
        self.price.filter(|price| price.as_micros() > 0)
    }

    /// Whether it says that nothing was billed, and may be believed: the text was not delivered.
    pub(super) fn is_unbilled(&self) -> bool {
        let is_zero = self.price.is_some() && self.named_price().is_none();
        is_zero && self.state == ReceiptState::Undelivered && !self.part
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let state = match self.state {
            ReceiptState::Pending => 0,
            ReceiptState::Delivered => 1,
            ReceiptState::Undelivered => 2,
        };
        let place = |fault| FAULTS.iter().position(|known| *known == fault);
        let fault = self.fault.and_then(place).and_then(|place| u8::try_from(place).ok());
        let (micros, currency) = match &self.price {
            Some(price) => (price.as_micros(), price.currency()),
            None => (0, ""),
        };
        let head = match self.network {
            Some(network) => Writer::new().u8(state | WITH_NETWORK).u32(network.to_bits()),
            None => Writer::new().u8(state),
        };
        head.u8(fault.unwrap_or(u8::MAX))
            .u32(self.segments.unwrap_or(0))
            .u64(micros)
            .raw(currency.as_bytes())
            .finish()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let head = fields.u8()?;
        let network = match head & WITH_NETWORK {
            0 => None,
            _ => Some(NetworkCode::from_bits(fields.u32()?)?),
        };
        let state = match head & !WITH_NETWORK {
            0 => ReceiptState::Pending,
            1 => ReceiptState::Delivered,
            2 => ReceiptState::Undelivered,
            _ => return None,
        };
        let fault = FAULTS.get(usize::from(fields.u8()?)).copied();
        let segments = Some(fields.u32()?).filter(|count| *count > 0);
        let micros = fields.u64()?;
        let price = match fields.rest() {
            [] => None,
            currency => Some(Price::from_micros(micros, std::str::from_utf8(currency).ok()?)?),
        };
        Some(Self { state, fault, price, segments, network, part: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_read_back() {
        let price = Price::parse("0.0075", "EUR");
        for (state, fault, price, segments) in [
            (ReceiptState::Pending, None, None, None),
            (ReceiptState::Delivered, None, price, Some(2)),
            (ReceiptState::Undelivered, Some(FAULTS[0]), None, None),
            (ReceiptState::Undelivered, Some(FAULTS[9]), price, Some(1)),
        ] {
            for network in [None, "310240".parse().ok()] {
                let said = Said { state, fault, price, segments, network, part: false };
                assert_eq!(Said::read(&said.write()), Some(said));
            }
        }
        // As it was kept before there were networks.
        let before = Said::read(&[2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((before.state, before.network), (ReceiptState::Undelivered, None));
        for bad in [&[][..], &[3, 0, 0, 0, 0, 0], &[0; 13], &[0x80; 30]] {
            assert_eq!(Said::read(bad), None);
        }
    }
}
