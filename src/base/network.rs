//! [`NetworkCode`]: which mobile network.

use std::fmt;
use std::str::FromStr;

/// A mobile network by its MCC and MNC (ITU-T E.212): the country's three digits, and two or three of the
/// network's own.
///
/// Providers name it in receipts. `26202` and `262002` are two codes: some countries have networks of
/// both lengths.
///
/// ```
/// use otpgate::transport::NetworkCode;
///
/// let network: NetworkCode = "26202".parse()?;
/// assert_eq!(network.to_string(), "262-02");
/// assert!("02".parse::<NetworkCode>().is_err());
/// # Ok::<(), otpgate::transport::NetworkCodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkCode {
    mcc: u16,
    mnc: u16,
    /// Whether the network's own digits are three.
    long: bool,
}

impl NetworkCode {
    /// From the two parts that some providers write apart: `310` and `240`.
    #[must_use]
    pub fn of(mcc: &str, mnc: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if mcc.len() != 3 || !(2..=3).contains(&mnc.len()) || !digits(mcc) || !digits(mnc) {
            return None;
        }
        let (code, own) = (mcc.parse().ok()?, mnc.parse().ok()?);
        // Below 200 no country has a code, and none is what a provider writes as zeros.
        (code >= 200).then_some(Self { mcc: code, mnc: own, long: mnc.len() == 3 })
    }

    /// As bits, never zero.
    pub(crate) fn to_bits(self) -> u32 {
        u32::from(self.mcc) << 16 | u32::from(self.long) << 15 | u32::from(self.mnc)
    }

    /// From bits; `None` if they are of no network.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        let (mcc, rest) = (u16::try_from(bits >> 16).ok()?, u16::try_from(bits & 0xFFFF).ok()?);
        let (long, mnc) = (rest >> 15 == 1, rest & 0x7FFF);
        let most = if long { 999 } else { 99 };
        let real = (200..=999).contains(&mcc) && mnc <= most;
        real.then_some(Self { mcc, mnc, long })
    }
}

impl FromStr for NetworkCode {
    type Err = NetworkCodeError;

    fn from_str(text: &str) -> Result<Self, NetworkCodeError> {
        let (mcc, mnc) = text.split_at_checked(3).ok_or(NetworkCodeError)?;
        Self::of(mcc, mnc).ok_or(NetworkCodeError)
    }
}

impl fmt::Display for NetworkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = if self.long { 3 } else { 2 };
        write!(f, "{:03}-{:0length$}", self.mcc, self.mnc)
    }
}

impl fmt::Debug for NetworkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkCode({self})")
    }
}

/// Text that is no [`NetworkCode`].
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mobile network; write MCC and MNC together, five or six digits, as in 26202")]
pub struct NetworkCodeError;

crate::base::sentence::debug_as_sentence!(NetworkCodeError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_from_text_and_bits() {
        for text in ["26202", "310240", "262002", "90128", "99999", "999999", "20000", "200000"] {
            let code: NetworkCode = text.parse().unwrap();
            assert_eq!(code.to_string().replace('-', ""), text);
            assert_eq!(NetworkCode::from_bits(code.to_bits()), Some(code));
            assert_ne!(code.to_bits(), 0);
        }
        let (short, long): (NetworkCode, NetworkCode) =
            ("26202".parse().unwrap(), "262002".parse().unwrap());
        assert_ne!(short, long);
        for bad in
            ["", "262", "2620", "2620200", "26a02", "2620é", "+26202", "00000", "00101", " 26202"]
        {
            assert!(bad.parse::<NetworkCode>().is_err(), "{bad}");
        }
        // No network: none, and the bits of an address that an older gate would have written there.
        for bits in [0, 1, 0xC000_0201, 262 << 16 | 100, 262 << 16 | 0x83E8, 199 << 16 | 1] {
            assert_eq!(NetworkCode::from_bits(bits), None, "{bits:x}");
        }
    }
}
