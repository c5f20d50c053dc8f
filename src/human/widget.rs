//! [`Widget`]: what a page shows to get a response.

/// What a page needs to get a response from a service: for the answer of `preflight`, a hosted page and
/// the header `Content-Security-Policy`.
///
/// ```
/// use otpgate::human::Widget;
///
/// let widget = Widget::new("example", "site-key", "sign-up", "answer")
///     .script("https://captcha.example/api.js")
///     .policy(&[("script-src", "https://captcha.example"), ("frame-src", "https://captcha.example")]);
/// assert_eq!(widget.script, Some("https://captcha.example/api.js"));
/// let frames: Vec<_> = widget.sources("frame-src").collect();
/// assert_eq!(frames, ["https://captcha.example"]);
/// assert_eq!(widget.sources("worker-src").count(), 0);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Widget {
    /// Which service, by the name of its adapter: `turnstile`.
    pub provider: &'static str,
    /// The public key of the site. Empty where there is none.
    pub site_key: String,
    /// The name that the page gives the action. Not always the purpose: services differ in the letters
    /// that they take.
    pub action: String,
    /// The form field that the service's script fills in.
    pub field: &'static str,
    /// The service's script. `None` if the host serves the widget itself.
    pub script: Option<&'static str>,
    /// Whether it works on a challenge of the host's own
    /// ([`Gate::human_challenge`](crate::Gate::human_challenge)).
    pub challenges: bool,
    /// What the page's policy has to allow: directive and source.
    pub policy: &'static [(&'static str, &'static str)],
}

impl Widget {
    /// A widget without a script of the service's.
    #[must_use]
    pub fn new(
        provider: &'static str,
        site_key: impl Into<String>,
        action: impl Into<String>,
        field: &'static str,
    ) -> Self {
        let (site_key, action) = (site_key.into(), action.into());
        Self { provider, site_key, action, field, script: None, challenges: false, policy: &[] }
    }

    /// The service's script.
    #[must_use]
    pub fn script(mut self, url: &'static str) -> Self {
        self.script = Some(url);
        self
    }

    /// It works on a challenge of the host's own.
    #[must_use]
    pub fn challenges(mut self) -> Self {
        self.challenges = true;
        self
    }

    /// What the page's policy has to allow.
    #[must_use]
    pub fn policy(mut self, policy: &'static [(&'static str, &'static str)]) -> Self {
        self.policy = policy;
        self
    }

    /// The sources that `directive` has to allow beside the page's own.
    pub fn sources(&self, directive: &str) -> impl Iterator<Item = &'static str> {
        let policy = self.policy.iter().filter(move |(name, _)| *name == directive);
        policy.map(|(_, source)| *source)
    }
}
