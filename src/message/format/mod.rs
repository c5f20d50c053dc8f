//! The message format: built once, checked whole, and then only filled in.

mod builder;
mod trial;

use std::num::NonZeroU8;

use zeroize::Zeroizing;

use super::brand::Brand;
use super::error::{MessageFormatError, RenderError};
use super::gsm;
use super::language::Language;
use super::messages::Messages;
use super::origin::OriginHost;
use super::outbound::OutboundText;
use super::parse::{Expected, Frame, LastLine};
use super::registration::{Registration, Registrations};
use super::segments::{Encoding, Segments};
use super::template::{Field, Part, Template};
use crate::otp::{Binding, CodeFormat, Passcode};
use crate::recipient::Region;

pub use builder::MessageFormatBuilder;

/// Which encodings a text may need.
///
/// ```
/// use otpgate::message::{EncodingPolicy, Language, MessageFormat, Messages, Template};
///
/// let greek = Template::compile("{code}: ο κωδικός σας")?;
/// let messages = Messages::new(Language::new("el")?, greek)?;
/// let format = MessageFormat::builder("Example").messages(messages);
/// assert!(format.clone().build().is_err());
/// assert!(format.encoding(EncodingPolicy::AllowUcs2).build().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
/// use otpgate::message::{Language, MessageFormat, RenderFields};
/// use otpgate::otp::{Binding, CodeFormat, Passcode};
///
/// let format = MessageFormat::builder("Example")
///     .origin("example.com")
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
    /// Whether it has texts for payments.
    pub(crate) const fn shows_transactions(&self) -> bool {
        self.transactions
    }

    /// The host that only a developer can open, if a text names one.
    pub(crate) fn development_host(&self) -> Option<&str> {
        self.hosts().find(|host| host.is_development()).map(OriginHost::as_str)
    }

    /// The hosts that the last line is for: of the page, and of the frame inside it.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &OriginHost> {
        let hosts = match &self.last {
            LastLine::Origin { host, frame } => {
                [Some(host), frame.as_ref().map(|frame| &frame.host)]
            }
            _ => [None, None],
        };
        hosts.into_iter().flatten()
    }

    /// Starts a format for `brand`, a [`Brand`] or its text: the built-in messages, codes of six
    /// digits, no last line for software, one segment, GSM-7 only, no payments. What is wrong with
    /// the brand is told by [`build`](MessageFormatBuilder::build).
    pub fn builder(
        brand: impl TryInto<Brand, Error: Into<MessageFormatError>>,
    ) -> MessageFormatBuilder {
        MessageFormatBuilder::of(brand.try_into().map_err(Into::into))
    }

    /// The format of the codes it was built for.
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
    /// # use otpgate::message::{Language, MessageFormat, Messages, RenderFields, Template};
    /// # use otpgate::otp::{Binding, CodeFormat, Passcode};
    /// use otpgate::Region;
    /// use otpgate::message::{Registration, Registrations};
    ///
    /// let (english, german) = (Language::new("en")?, Language::new("de")?);
    /// let dlt = Registration::dlt("1201", "1107", "{#numeric#} is your Example code.")?;
    /// let format = MessageFormat::builder("Example")
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
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render_for(
        &self,
        region: Option<Region>,
        fields: &RenderFields<'_>,
    ) -> Result<OutboundText, RenderError> {
        if fields.code.format() != self.codes {
            return Err(RenderError::CodeFormat);
        }
        self.render_any(region, fields)
    }

    /// As [`render_for`](Self::render_for), for a code of any format: that of a verification which was opened
    /// before the format was changed.
    pub(crate) fn render_any(
        &self,
        region: Option<Region>,
        fields: &RenderFields<'_>,
    ) -> Result<OutboundText, RenderError> {
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
            codes: fields.code.format(),
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
            LastLine::Origin { host, frame } => {
                let frame = frame.as_ref().map_or(0, |frame| frame.host.as_str().len());
                host.as_str().len().saturating_add(frame)
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
            LastLine::Origin { host, frame } => {
                text.push_str("\n@");
                text.push_str(host.as_str());
                text.push_str(" #");
                text.push_str(fields.code.expose_secret());
                if let Some(Frame { host, sign }) = frame {
                    text.push(' ');
                    text.push(*sign);
                    text.push_str(host.as_str());
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
    pub const fn default_language(&self) -> &Language {
        self.messages.default_language()
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
