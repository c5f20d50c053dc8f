//! What "send it again" does to the code already in flight.

/// What a resend does with the code sent before.
///
/// Either way the new text carries a new code, the verification's attempts are shared and never
/// reset (NIST SP 800-63B-4 §3.1.3.2), and at most two codes of one verification are live at a
/// time. Only a policy can choose; a claimant cannot.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shop.rs")); }
/// # shop::open(async |shop| {
/// # let grant = shop.grant().await;
/// # let first = shop.code();
/// # let shop::Shop { gate, client, clock, .. } = shop;
/// # clock.advance(std::time::Duration::from_secs(31));
/// use otpgate::Verified;
///
/// // By default the first code is still good after "send it again".
/// let _sent = gate.resend(&grant, &client).await?;
/// assert!(matches!(gate.verify(&grant, &first, &client).await?, Verified::Accepted(_)));
/// # Ok(())
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ResendCode {
    /// The code already in flight stays good until its own expiry.
    ///
    /// Messages overtake each other, so whoever asks twice may type the first code to arrive. The
    /// price is one more code that a guess may hit, within the same attempt limit: 5 attempts
    /// against 2 codes of 6 digits succeed with 10^-5 instead of 5 · 10^-6.
    #[default]
    KeepPrevious,
    /// Only the newest code is good; the one before is void at once (OWASP's advice).
    ///
    /// For payments, and where delivery is quick and in order. The price: the code before is void from the moment
    /// that another one is asked for, also where that one's text then does not go out.
    Replace,
}
