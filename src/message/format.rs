//! The message format: built once, checked whole, and then only filled in.

use std::num::NonZeroU8;

use zeroize::Zeroizing;

use super::app_hash::AppHash;
use super::brand::Brand;
use super::error::{MessageFormatError, RenderError};
use super::gsm;
use super::language::Language;
use super::messages::Messages;
use super::origin::OriginHost;
use super::outbound::OutboundText;
use super::parse::{Expected, LastLine};
use super::registration::{Registration, Registrations};
use super::segments::{Encoding, Segments};
use super::template::{Field, Part, Template};
use crate::otp::{Amount, Binding, CodeFormat, Passcode, Payee};
use crate::recipient::Region;

/// Which encodings a text may need.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use otpgate::message::{Brand, EncodingPolicy, Language, MessageFormat, Messages, Template};
///
/// let greek = Template::compile("{code}: ο κωδικός σας")?;
/// let messages = Messages::new(Language::new("el")?, greek)?;
/// let format = MessageFormat::builder(Brand::new("Example")?).messages(messages);
/// assert!(format.clone().build().is_err());
/// assert!(format.encoding(EncodingPolicy::AllowUcs2).build().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum EncodingPolicy {
    /// GSM-7 only; a text with any other character is refused, and the error names the character.
    /// This is the default, because one smart quote in a template would silently more than double
    /// the bill.
    #[default]
    Gsm7Only,
    /// UCS-2 where GSM-7 does not suffice: for languages and payees in other scripts.
    AllowUcs2,
}

/// How the messages of a gate look: brand, templates, last line, and the limits they keep.
///
/// ```
/// use otpgate::SystemEntropy;
/// use otpgate::message::{Brand, Language, MessageFormat, OriginHost, RenderFields};
/// use otpgate::otp::{Binding, CodeFormat, Passcode};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let format = MessageFormat::builder(Brand::new("Example")?)
///     .origin(OriginHost::new("example.com")?)
///     .build()?;
/// let code = Passcode::draw(&CodeFormat::default(), &SystemEntropy)?;
/// let text = format.render(&RenderFields {
///     language: &Language::new("de-AT")?,
///     code: &code,
///     binding: &Binding::none(),
///     minutes: 5,
/// })?;
/// let code = code.expose_secret();
/// assert_eq!(
///     text.expose_text(),
///     format!(
///         "{code} ist Ihr Example-Code, gültig 5 Min. Geben Sie ihn niemals weiter.\n\
///          @example.com #{code}"
///     )
/// );
/// assert_eq!(text.segments().count, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MessageFormat {
    brand: Brand,
    messages: Messages,
    codes: CodeFormat,
    last: LastLine,
    limit: NonZeroU8,
    encoding: EncodingPolicy,
    transactions: bool,
    registrations: Registrations,
}

impl MessageFormat {
    /// The host that only a developer can open, if a text names one.
    pub(crate) fn development_host(&self) -> Option<&str> {
        let LastLine::Origin { host, embedded } = &self.last else { return None };
        let mut hosts = [Some(host), embedded.as_ref()].into_iter().flatten();
        hosts.find(|host| host.is_development()).map(OriginHost::as_str)
    }

    /// Starts a format for `brand`: the built-in messages, codes of six digits, no last line for
    /// software, one segment, GSM-7 only, no payments.
    pub fn builder(brand: Brand) -> MessageFormatBuilder {
        MessageFormatBuilder {
            origin: None,
            embedded: None,
            app_hash: None,
            format: Self {
                brand,
                messages: Messages::default(),
                codes: CodeFormat::default(),
                last: LastLine::None,
                limit: NonZeroU8::MIN,
                encoding: EncodingPolicy::default(),
                transactions: false,
                registrations: Registrations::new(),
            },
        }
    }

    /// The format of the codes it was built for.
    #[must_use]
    pub const fn codes(&self) -> CodeFormat {
        self.codes
    }

    /// Fills in the template of the language, or the one for payments if the binding is a payment,
    /// and reads the result back with a second parser: exactly one code, exactly the shape of the
    /// template, exactly the last line. It is pure, so call it before you charge anything.
    ///
    /// # Errors
    ///
    /// [`RenderError`] if a field does not fit or the text does not read back. Nothing is sent then.
    pub fn render(&self, fields: &RenderFields<'_>) -> Result<OutboundText, RenderError> {
        self.render_for(None, fields)
    }

    /// As [`render`](Self::render), for a number in `region`: where the country has
    /// [registered texts](Registrations) the text is one of them, character for character.
    ///
    /// # Errors
    ///
    /// As [`render`](Self::render); [`RenderError::NotAsRegistered`] names the first character that
    /// differs, and never the code.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use otpgate::message::{Brand, Language, MessageFormat, Messages, RenderFields, Template};
    /// # use otpgate::otp::{Binding, CodeFormat, Passcode};
    /// use otpgate::Region;
    /// use otpgate::message::{Registration, Registrations};
    ///
    /// let (english, german) = (Language::new("en")?, Language::new("de")?);
    /// let dlt = Registration::dlt("1201", "1107", "{#numeric#} is your Example code.")?;
    /// let format = MessageFormat::builder(Brand::new("Example")?)
    ///     .messages(
    ///         Messages::new(english.clone(), Template::compile("{code} is your {brand} code.")?)?
    ///             .with(german.clone(), Template::compile("{code} ist Ihr {brand}-Code.")?)?,
    ///     )
    ///     .registrations(Registrations::new().with(Region::IN, english, dlt)?)
    ///     .build()?;
    /// # let code = Passcode::draw(&CodeFormat::default(), &otpgate::SystemEntropy)?;
    /// # let binding = Binding::none();
    /// # let fields = RenderFields { language: &german, code: &code, binding: &binding, minutes: 5 };
    /// // `fields` ask for German, and India has registered the English text only.
    /// let text = format.render_for(Some(Region::IN), &fields)?;
    /// assert!(text.expose_text().ends_with(" is your Example code."));
    /// assert_eq!(text.registration().and_then(Registration::template_id), Some("1107"));
    /// assert!(format.render(&fields)?.expose_text().ends_with(" ist Ihr Example-Code."));
    /// # Ok(())
    /// # }
    /// ```
    pub fn render_for(
        &self,
        region: Option<Region>,
        fields: &RenderFields<'_>,
    ) -> Result<OutboundText, RenderError> {
        if fields.code.format() != self.codes {
            return Err(RenderError::CodeFormat);
        }
        if !(1..=99).contains(&fields.minutes) {
            return Err(RenderError::Minutes { minutes: fields.minutes });
        }
        let payment = fields.binding.payment().is_some();
        if payment && !self.transactions {
            return Err(RenderError::NoTransactions);
        }
        let rows = &self.registrations;
        let closed = region.filter(|region| rows.is_closed(*region));
        let registered = |language: &Language| {
            let row = closed.and_then(|region| rows.find(region, language, payment));
            closed.is_none() || row.is_some_and(|row| row.text().is_some())
        };
        let found = self.messages.template(fields.language, payment, registered);
        let (language, template) = found.ok_or(match closed {
            Some(region) => RenderError::NotRegistered { region },
            None => RenderError::NoTransactions,
        })?;
        let text = self.fill(template, fields)?;
        let row = region.and_then(|region| rows.find(region, language, payment));
        let compared = row.and_then(|row| as_registered(row, text.expose_text()));
        compared.unwrap_or(Ok(()))?;
        Ok(text.registered(row))
    }

    fn fill(
        &self,
        template: &Template,
        fields: &RenderFields<'_>,
    ) -> Result<OutboundText, RenderError> {
        let amount = fields.binding.payment().map(|(amount, _)| amount.to_string());
        let payment =
            amount.as_deref().zip(fields.binding.payment().map(|(_, payee)| payee.as_str()));
        let text = self.write(template, fields, payment);
        Expected {
            template,
            codes: self.codes,
            code: fields.code.expose_secret(),
            brand: self.brand.as_str(),
            minutes: fields.minutes,
            payment,
            last: &self.last,
        }
        .check(&text)?;
        let segments = Segments::of(&text);
        if segments.encoding != Encoding::Gsm7 && self.encoding == EncodingPolicy::Gsm7Only {
            return Err(RenderError::NotGsm { characters: gsm::strangers(&text) });
        }
        if segments.count > usize::from(self.limit.get()) {
            return Err(RenderError::Segments { count: segments.count, limit: self.limit.get() });
        }
        Ok(OutboundText::new(text, segments))
    }

    fn write(
        &self,
        template: &Template,
        fields: &RenderFields<'_>,
        payment: Option<(&str, &str)>,
    ) -> Zeroizing<String> {
        let (amount, payee) = payment.unwrap_or_default();
        // As long as the text can become: growing would leave copies of the code behind, and what
        // is beyond the text is wiped like the text.
        let fixed = template.parts().iter().map(|part| match part {
            Part::Literal(literal) => literal.len(),
            Part::Field(_) => 0,
        });
        let last = match &self.last {
            LastLine::None => 0,
            LastLine::App(hash) => hash.as_str().len(),
            LastLine::Origin { host, embedded } => {
                let embedded = embedded.as_ref().map_or(0, |host| host.as_str().len());
                host.as_str().len().saturating_add(embedded)
            }
        };
        let values = [self.brand.as_str().len(), amount.len(), payee.len(), last];
        // The code twice, the minutes and the signs of the last line.
        let length = fixed.chain(values).fold(48, usize::saturating_add);
        let mut text = Zeroizing::new(String::with_capacity(length));
        for part in template.parts() {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(Field::Code) => text.push_str(fields.code.expose_secret()),
                Part::Field(Field::Brand) => text.push_str(self.brand.as_str()),
                Part::Field(Field::Minutes) => push_number(&mut text, fields.minutes),
                Part::Field(Field::Amount) => text.push_str(amount),
                Part::Field(Field::Payee) => text.push_str(payee),
            }
        }
        match &self.last {
            LastLine::None => {}
            LastLine::Origin { host, embedded } => {
                text.push_str("\n@");
                text.push_str(host.as_str());
                text.push_str(" #");
                text.push_str(fields.code.expose_secret());
                if let Some(embedded) = embedded {
                    text.push_str(" %");
                    text.push_str(embedded.as_str());
                }
            }
            LastLine::App(hash) => {
                text.push('\n');
                text.push_str(hash.as_str());
            }
        }
        text
    }

    /// The language of a message for which none is named.
    #[must_use]
    pub const fn default_language(&self) -> &Language {
        self.messages.default_language()
    }

    /// Renders the longest text of every template, so that none can fail for its length later.
    fn try_all(&self) -> Result<(), MessageFormatError> {
        let letter = match self.encoding {
            EncodingPolicy::Gsm7Only => 'x',
            EncodingPolicy::AllowUcs2 => 'ж',
        };
        let payment = Binding::transaction(Amount::longest(), Payee::longest(letter));
        for (language, template) in self.messages.all_plain() {
            self.try_one(language, template, &Binding::none())?;
        }
        if self.transactions {
            for (language, template) in self.messages.all_transaction() {
                self.try_one(language, template, &payment)?;
            }
        }
        Ok(())
    }

    /// Compares every registered text with what its template makes, of the shortest fields and of the
    /// longest, and asks for one that every reader can fall back to.
    fn try_registered(&self) -> Result<(), MessageFormatError> {
        let rows = &self.registrations;
        for (region, language, payment) in rows.languages() {
            let made = self.messages.speaks(language, payment) && (self.transactions || !payment);
            if !made {
                let language = language.clone();
                return Err(MessageFormatError::UnusedRegistration { region, language });
            }
        }
        let default = self.messages.default_language();
        for (region, language, payment, row) in rows.texts() {
            let kinds = [false, true].into_iter().filter(|payment| self.transactions || !payment);
            for payment in kinds {
                let row = rows.find(region, default, payment);
                if row.is_none_or(|row| row.text().is_none()) {
                    let language = default.clone();
                    return Err(MessageFormatError::NotRegistered { region, language, payment });
                }
            }
            let Some((_, template)) = self.messages.template(language, payment, |_| true) else {
                continue;
            };
            for (last, minutes) in [(false, 1), (true, 99)] {
                let code = Passcode::sample_at(&self.codes, last);
                let binding = match (payment, last) {
                    (false, _) => Binding::none(),
                    (true, false) => Binding::transaction(Amount::shortest(), Payee::shortest()),
                    (true, true) => Binding::transaction(Amount::longest(), Payee::longest('x')),
                };
                let fields = RenderFields { language, code: &code, binding: &binding, minutes };
                let paid = binding.payment().map(|(amount, payee)| (amount.to_string(), payee));
                let paid = paid.as_ref().map(|(amount, payee)| (amount.as_str(), payee.as_str()));
                let text = self.write(template, &fields, paid);
                if let Some(Err(RenderError::NotAsRegistered { position, .. })) =
                    as_registered(row, &text)
                {
                    let language = language.clone();
                    return Err(MessageFormatError::NotAsRegistered { region, language, position });
                }
            }
        }
        Ok(())
    }

    fn try_one(
        &self,
        language: &Language,
        template: &Template,
        binding: &Binding,
    ) -> Result<(), MessageFormatError> {
        let code = Passcode::sample(&self.codes);
        let fields = RenderFields { language, code: &code, binding, minutes: 99 };
        let language = language.clone();
        if let LastLine::App(_) = self.last {
            let payment = binding.payment().map(|(amount, payee)| (amount.to_string(), payee));
            let payment = payment.as_ref().map(|(amount, payee)| (amount.as_str(), payee.as_str()));
            let bytes = self.write(template, &fields, payment).len();
            if bytes > AppHash::LONGEST_MESSAGE {
                return Err(MessageFormatError::TooLongForApp { language, bytes });
            }
        }
        match self.fill(template, &fields) {
            Ok(_) => Ok(()),
            Err(RenderError::NotGsm { characters }) => {
                Err(MessageFormatError::NotGsm { language, characters })
            }
            Err(RenderError::Segments { count, limit }) => {
                Err(MessageFormatError::Segments { language, count, limit })
            }
            Err(RenderError::Misread(reason)) => {
                Err(MessageFormatError::Misread { language, reason })
            }
            // `fill` looks neither at the format of the code, nor at the minutes, nor for a template,
            // nor at registrations.
            Err(
                RenderError::CodeFormat
                | RenderError::Minutes { .. }
                | RenderError::NoTransactions
                | RenderError::NotAsRegistered { .. }
                | RenderError::NotRegistered { .. },
            ) => Ok(()),
        }
    }
}

/// Whether `text` is the one that `row` has on file; `None` if that has no text.
fn as_registered(row: &Registration, text: &str) -> Option<Result<(), RenderError>> {
    let registered = row.text()?;
    Some(match registered.first_difference(text) {
        None => Ok(()),
        Some(position) => {
            let template = row.template_id().unwrap_or_default().to_owned();
            Err(RenderError::NotAsRegistered { template, position })
        }
    })
}

/// `number` in decimal, without an allocation.
fn push_number(text: &mut String, number: u8) {
    let digit = |value: u8| char::from(b'0'.saturating_add(value % 10));
    for place in [100, 10] {
        if number >= place {
            text.push(digit(number.checked_div(place).unwrap_or(0)));
        }
    }
    text.push(digit(number));
}

/// Collects the parts of a [`MessageFormat`].
///
/// A text that would not fit later does not build:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::num::NonZeroU8;
/// use otpgate::message::{Brand, Language, MessageFormat, MessageFormatError, Messages, Template};
///
/// let long = Template::compile(&format!("{{code}} {}", "and so on ".repeat(16)))?;
/// let messages = Messages::new(Language::new("en")?, long)?;
/// let format = MessageFormat::builder(Brand::new("Example")?).messages(messages);
/// let error = format.clone().build().unwrap_err();
/// assert!(matches!(error, MessageFormatError::Segments { count: 2, limit: 1, .. }));
/// assert!(format.max_segments(NonZeroU8::new(2).unwrap()).build().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MessageFormatBuilder {
    origin: Option<OriginHost>,
    embedded: Option<OriginHost>,
    app_hash: Option<AppHash>,
    format: MessageFormat,
}

impl MessageFormatBuilder {
    /// Takes the templates from `messages` instead of the built-in set.
    pub fn messages(mut self, messages: Messages) -> Self {
        self.format.messages = messages;
        self
    }

    /// The format of the codes. Default: six digits. It must be the one they are drawn in.
    pub fn codes(mut self, codes: CodeFormat) -> Self {
        self.format.codes = codes;
        self
    }

    /// Ends every text with the origin-bound line `@host #code`, by which a browser offers the code on
    /// this site only.
    pub fn origin(mut self, host: OriginHost) -> Self {
        self.origin = Some(host);
        self
    }

    /// The host of the frame in which the code is entered, if the page of `origin` embeds another
    /// site for it: the line becomes `@host #code %embedded`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use otpgate::message::{Brand, Language, MessageFormat, OriginHost, RenderFields};
    /// # use otpgate::otp::{Binding, CodeFormat, Passcode};
    /// let format = MessageFormat::builder(Brand::new("Bank")?)
    ///     .origin(OriginHost::new("shop.example")?) // what the address bar shows
    ///     .embedded(OriginHost::new("bank.example")?) // whose frame asks for the code
    ///     .build()?;
    /// # let code = Passcode::draw(&CodeFormat::default(), &otpgate::SystemEntropy)?;
    /// # let (language, binding) = (Language::new("en")?, Binding::none());
    /// # let fields = RenderFields { language: &language, code: &code, binding: &binding, minutes: 5 };
    /// # let text = format.render(&fields)?;
    /// let last = format!("\n@shop.example #{} %bank.example", code.expose_secret());
    /// assert!(text.expose_text().ends_with(&last));
    /// # Ok(())
    /// # }
    /// ```
    pub fn embedded(mut self, host: OriginHost) -> Self {
        self.embedded = Some(host);
        self
    }

    /// Ends every text with the hash of an Android app, and keeps it within 140 bytes.
    pub fn app_hash(mut self, hash: AppHash) -> Self {
        self.app_hash = Some(hash);
        self
    }

    /// How many segments a text may take; the default is 1, since each is paid for.
    pub fn max_segments(mut self, limit: NonZeroU8) -> Self {
        self.format.limit = limit;
        self
    }

    /// Which encodings a text may need; GSM-7 only unless said otherwise.
    pub fn encoding(mut self, encoding: EncodingPolicy) -> Self {
        self.format.encoding = encoding;
        self
    }

    /// Allows codes that are bound to a payment. The default language then needs a template for them,
    /// and the longest amount and payee must fit the segment limit.
    pub fn transactions(mut self) -> Self {
        self.format.transactions = true;
        self
    }

    /// What carriers and regulators have on file about the texts. [`build`](Self::build) compares
    /// each with what its template makes, so you never pay for a text that a carrier would drop.
    pub fn registrations(mut self, registrations: Registrations) -> Self {
        self.format.registrations = registrations;
        self
    }

    /// Checks everything that can be known before the first message.
    ///
    /// # Errors
    ///
    /// [`MessageFormatError`] names the rule, the language and the measure.
    pub fn build(self) -> Result<MessageFormat, MessageFormatError> {
        let mut format = self.format;
        format.last = match (self.origin, self.embedded, self.app_hash) {
            (Some(_), _, Some(_)) => return Err(MessageFormatError::OriginAndAppHash),
            (None, Some(_), _) => return Err(MessageFormatError::EmbeddedAlone),
            (Some(host), embedded, None) => LastLine::Origin { host, embedded },
            (None, None, Some(hash)) => LastLine::App(hash),
            (None, None, None) => LastLine::None,
        };
        let default = format.messages.default_language();
        if format.transactions && !format.messages.speaks(default, true) {
            return Err(MessageFormatError::NoTransactionTemplate { language: default.clone() });
        }
        format.try_all()?;
        format.try_registered()?;
        Ok(format)
    }
}

/// What one message says.
#[derive(Clone, Copy, Debug)]
pub struct RenderFields<'a> {
    /// The reader's language; falls back as [`Messages`] says.
    pub language: &'a Language,
    /// The code.
    pub code: &'a Passcode,
    /// What it is bound to; a payment is shown.
    pub binding: &'a Binding,
    /// For how long the code is good, in whole minutes, 1 to 99.
    pub minutes: u8,
}
