//! [`MessageFormatBuilder`]: the parts of a format, checked whole.

use std::num::NonZeroU8;

use crate::message::app_hash::AppHash;
use crate::message::brand::Brand;
use crate::message::error::MessageFormatError;
use crate::message::messages::Messages;
use crate::message::origin::OriginHost;
use crate::message::parse::{Frame, LastLine};
use crate::message::registration::Registrations;
use crate::otp::CodeFormat;

use super::{EncodingPolicy, MessageFormat};

/// Collects the parts of a [`MessageFormat`].
///
/// A text that would not fit later does not build:
///
/// ```
/// use std::num::NonZeroU8;
/// use otpgate::message::{Language, MessageFormat, MessageFormatError, Messages, Template};
///
/// let long = Template::compile(&format!("{{code}} {}", "and so on ".repeat(16)))?;
/// let messages = Messages::new(Language::new("en")?, long)?;
/// let format = MessageFormat::builder("Example").messages(messages);
/// let error = format.clone().build().unwrap_err();
/// assert!(matches!(error, MessageFormatError::Segments { count: 2, limit: 1, .. }));
/// assert!(format.max_segments(NonZeroU8::new(2).unwrap()).build().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MessageFormatBuilder {
    brand: Result<Brand, MessageFormatError>,
    origin: Option<Result<OriginHost, MessageFormatError>>,
    embedded: Option<(Result<OriginHost, MessageFormatError>, char)>,
    app_hash: Option<AppHash>,
    messages: Messages,
    codes: CodeFormat,
    limit: NonZeroU8,
    encoding: EncodingPolicy,
    transactions: bool,
    registrations: Registrations,
}

impl MessageFormatBuilder {
    pub(super) fn of(brand: Result<Brand, MessageFormatError>) -> Self {
        Self {
            brand,
            origin: None,
            embedded: None,
            app_hash: None,
            messages: Messages::default(),
            codes: CodeFormat::default(),
            limit: NonZeroU8::MIN,
            encoding: EncodingPolicy::default(),
            transactions: false,
            registrations: Registrations::new(),
        }
    }

    /// Takes the templates from `messages` instead of the built-in set.
    pub fn messages(mut self, messages: Messages) -> Self {
        self.messages = messages;
        self
    }

    /// The format of the codes. Default: six digits. It must be the one they are drawn in.
    ///
    /// Texts are measured with codes of this format. If you shorten it, a verification that is open
    /// keeps its longer codes, and is over where one would take a text more segments than
    /// [`max_segments`](Self::max_segments): its reader starts anew.
    pub fn codes(mut self, codes: CodeFormat) -> Self {
        self.codes = codes;
        self
    }

    /// Ends every text with the origin-bound line `@host #code`, by which a browser offers the code on
    /// this site only: an [`OriginHost`], or its text, which [`build`](Self::build) checks. Name the
    /// very host of the page: Chrome looks no further ([`OriginHost`]).
    pub fn origin(
        mut self,
        host: impl TryInto<OriginHost, Error: Into<MessageFormatError>>,
    ) -> Self {
        self.origin = Some(host.try_into().map_err(Into::into));
        self
    }

    /// The host of the frame in which the code is entered, if the page of `origin` embeds another
    /// site for it: the line becomes `@host #code @embedded`, as the WICG draft and Chrome have it.
    ///
    /// Chrome offers the code to the frame then, and to no other page; without the third part it
    /// offers it to the page around the frame. Apple documents `%` in place of the second `@`
    /// ([issue 18 of the draft](https://github.com/WICG/sms-one-time-codes/issues/18), open). Whether
    /// iOS takes `@` there too is unproven, so try it on the phones that you support; people can type
    /// the code in any case. [`embedded_as_apple`](Self::embedded_as_apple) writes the other form.
    ///
    /// ```
    /// # use otpgate::message::{Language, MessageFormat, RenderFields};
    /// # use otpgate::otp::{Binding, CodeFormat, Passcode};
    /// let format = MessageFormat::builder("Bank")
    ///     .origin("shop.example") // what the address bar shows
    ///     .embedded("bank.example") // whose frame asks for the code
    ///     .build()?;
    /// # let code = Passcode::draw(&CodeFormat::default(), &otpgate::SystemEntropy)?;
    /// # let (language, binding) = (Language::new("en")?, Binding::none());
    /// # let fields = RenderFields { language: &language, code: &code, binding: &binding, minutes: 5 };
    /// # let text = format.render(&fields)?;
    /// let last = format!("\n@shop.example #{} @bank.example", code.expose_secret());
    /// assert!(text.expose_text().ends_with(&last));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn embedded(
        mut self,
        host: impl TryInto<OriginHost, Error: Into<MessageFormatError>>,
    ) -> Self {
        self.embedded = Some((host.try_into().map_err(Into::into), '@'));
        self
    }

    /// As [`embedded`](Self::embedded), in the form that Apple documents: `@host #code %embedded`.
    ///
    /// **Chrome does not read it:** it finds no frame in the line and offers the code to the page
    /// around it, so take it for texts that only Apple's devices get.
    ///
    /// ```
    /// use otpgate::message::{MessageFormat, parse_origin_bound};
    ///
    /// let format = MessageFormat::builder("Bank").origin("shop.example");
    /// assert!(format.embedded_as_apple("bank.example").build().is_ok());
    /// let found = parse_origin_bound("@shop.example #747723 %bank.example").unwrap();
    /// assert_eq!(found.embedded, Some("bank.example"));
    /// ```
    pub fn embedded_as_apple(
        mut self,
        host: impl TryInto<OriginHost, Error: Into<MessageFormatError>>,
    ) -> Self {
        self.embedded = Some((host.try_into().map_err(Into::into), '%'));
        self
    }

    /// Ends every text with the hash of an Android app, and keeps it within 140 bytes.
    pub fn app_hash(mut self, hash: AppHash) -> Self {
        self.app_hash = Some(hash);
        self
    }

    /// How many segments a text may take; the default is 1, since each is paid for.
    pub fn max_segments(mut self, limit: NonZeroU8) -> Self {
        self.limit = limit;
        self
    }

    /// Which encodings a text may need; GSM-7 only unless said otherwise.
    pub fn encoding(mut self, encoding: EncodingPolicy) -> Self {
        self.encoding = encoding;
        self
    }

    /// Allows codes that are bound to a payment. The default language then needs a template for them,
    /// and the longest amount and payee must fit the segment limit.
    pub fn transactions(mut self) -> Self {
        self.transactions = true;
        self
    }

    /// What carriers and regulators have on file about the texts. [`build`](Self::build) compares
    /// each with what its template makes, so you never pay for a text that a carrier would drop.
    pub fn registrations(mut self, registrations: Registrations) -> Self {
        self.registrations = registrations;
        self
    }

    /// Checks everything that can be known before the first message.
    ///
    /// # Errors
    ///
    /// [`MessageFormatError`] names the rule, the language and the measure.
    pub fn build(self) -> Result<MessageFormat, MessageFormatError> {
        let frame = match self.embedded {
            Some((host, sign)) => Some(Frame { host: host?, sign }),
            None => None,
        };
        let last = match (self.origin.transpose()?, frame, self.app_hash) {
            (Some(_), _, Some(_)) => return Err(MessageFormatError::OriginAndAppHash),
            (None, Some(_), _) => return Err(MessageFormatError::EmbeddedAlone),
            (Some(host), frame, None) => LastLine::Origin { host, frame },
            (None, None, Some(hash)) => LastLine::App(hash),
            (None, None, None) => LastLine::None,
        };
        let format = MessageFormat {
            brand: self.brand?,
            messages: self.messages,
            codes: self.codes,
            last,
            limit: self.limit,
            encoding: self.encoding,
            transactions: self.transactions,
            registrations: self.registrations,
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
