//! Presets, each with the rows it claims.

use super::Policy;

impl Policy {
    /// NIST SP 800-63B-4 for an SMS out-of-band authenticator (§3.1.3, §3.2.2).
    ///
    /// Claims: at least six digits from an approved generator, good for at most 10 minutes, used
    /// once, at most 100 consecutive failures per number that a new code does not reset, growing
    /// delays near the cap. It is the default policy: the default was made to hold it.
    ///
    /// ```
    /// use otpgate::Policy;
    ///
    /// // A preset is a start; `check`, and so `build`, keeps changes within the bounds it claims.
    /// let mut policy = Policy::nist_63b4();
    /// policy.code.life = std::time::Duration::from_secs(900);
    /// assert!(policy.check().unwrap_err().to_string().contains("NIST SP 800-63B-4"));
    /// ```
    #[must_use]
    pub fn nist_63b4() -> Self {
        Self::default()
    }

    /// OWASP ASVS 5.0.0, level 2, chapters V6.5 and V6.6 for out-of-band codes.
    ///
    /// Claims: codes used once (6.5.1), not stored in clear (6.5.2), from a secure generator
    /// (6.5.3), of 20 bits or six digits (6.5.4), good for at most 10 minutes (6.5.5), bound to the
    /// request (6.6.2), rate-limited against guessing (6.6.3). Clause 6.6.1 is yours: offer a
    /// stronger alternative beside SMS and tell users about its risk. The authenticator app is in
    /// the crate.
    #[must_use]
    pub fn asvs_l2() -> Self {
        Self::default()
    }

    /// EU 2018/389 (PSD2), Articles 4 and 5, for payments.
    ///
    /// Claims: at most five failed attempts (4(3)(b)), no hint which element was wrong (4(3)(a)),
    /// no code derivable from another (4(2)(b)), a code bound to amount and payee (5(1)). Stricter
    /// than the default in three things: a send without a transaction is an error, so give it to the
    /// purpose of payments ([`GateBuilder::purpose`](crate::GateBuilder::purpose)); a new code voids the
    /// one before, so that exactly one code belongs to the payment on the screen; and no test number
    /// has a fixed one. It has no optional budgets: copy those of your general policy, or
    /// [`build`](crate::GateBuilder::build) names the one that is missing.
    ///
    /// ```
    /// use otpgate::Policy;
    /// use otpgate::otp::ResendCode;
    ///
    /// let policy = Policy::psd2();
    /// assert_eq!((policy.code.attempts, policy.code.resend), (5, ResendCode::Replace));
    /// assert!(policy.code.bound);
    /// assert!(policy.check().is_ok());
    /// ```
    #[must_use]
    pub fn psd2() -> Self {
        let mut policy = Self::default();
        policy.code.resend = crate::otp::ResendCode::Replace;
        policy.code.bound = true;
        policy.test.numbers = 0;
        policy
    }
}
