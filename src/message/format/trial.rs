//! What a format is tried on before it is built: the longest texts, and those that are registered.

use zeroize::Zeroizing;

use crate::message::app_hash::AppHash;
use crate::message::error::{MessageFormatError, Misread, RenderError};
use crate::message::language::Language;
use crate::message::parse::LastLine;
use crate::message::template::Template;
use crate::otp::{Amount, Binding, Passcode, Payee, SubmittedCode};

use super::{EncodingPolicy, MessageFormat, RenderFields, as_registered};

impl MessageFormat {
    /// Renders the longest text of every template, so that none can fail for its length later.
    pub(super) fn try_all(&self) -> Result<(), MessageFormatError> {
        let letter = match self.encoding {
            EncodingPolicy::Gsm7Only => 'x',
            EncodingPolicy::AllowUcs2 => 'ж',
        };
        let longest = Binding::transaction(Amount::longest(), Payee::longest(letter));
        let like_codes = Binding::transaction(Amount::like_code(), Payee::like_code());
        for (language, template) in self.messages.all_plain() {
            self.try_one(language, template, &Binding::none())?;
        }
        if self.transactions {
            for (language, template) in self.messages.all_transaction() {
                self.try_one(language, template, &longest)?;
                self.try_one(language, template, &like_codes)?;
            }
        }
        Ok(())
    }

    /// Compares every registered text with what its template makes, of the shortest fields and of the
    /// longest, and asks for one that every reader can fall back to.
    pub(super) fn try_registered(&self) -> Result<(), MessageFormatError> {
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
                let text = self.made(template, &fields);
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
        let pastes = |minutes| self.pastes(template, &RenderFields { minutes, ..fields });
        let language = language.clone();
        if let LastLine::App(_) = self.last {
            let bytes = self.made(template, &fields).len();
            if bytes > AppHash::LONGEST_MESSAGE {
                return Err(MessageFormatError::TooLongForApp { language, bytes });
            }
        }
        match self.fill(template, &fields) {
            Ok(_) if pastes(9) && pastes(99) => Ok(()),
            Ok(_) => Err(MessageFormatError::Misread { language, reason: Misread::Pasted }),
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

    /// Whether whoever pastes the whole text has entered its code.
    fn pastes(&self, template: &Template, fields: &RenderFields<'_>) -> bool {
        let text = self.made(template, fields);
        let read = SubmittedCode::parse_beside(&text, fields.binding.payment(), &self.codes);
        read.is_ok_and(|read| read.expose_secret() == fields.code.expose_secret())
    }

    fn made(&self, template: &Template, fields: &RenderFields<'_>) -> Zeroizing<String> {
        let payment = fields.binding.payment();
        let payment = payment.map(|(amount, payee)| (amount.to_string(), payee.as_str()));
        let payment = payment.as_ref().map(|(amount, payee)| (amount.as_str(), *payee));
        self.write(template, fields, payment)
    }
}
