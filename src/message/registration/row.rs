//! Registrations as text (feature `serde`): a list of flat tables.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::RegisteredText;
use super::{Registration, RegistrationError, Registrations};
use crate::message::Language;
use crate::recipient::Region;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    country: Region,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Of the text for payments.
    #[serde(default, skip_serializing_if = "is_false")]
    payment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Row {
    fn add_to(self, rows: Registrations) -> Result<Registrations, RegistrationError> {
        let Self { country, language, payment, entity, template, campaign, sender, text } = self;
        let language = match language {
            Some(tag) => Some(Language::new(&tag).map_err(|_| RegistrationError::Language)?),
            None if payment => return Err(RegistrationError::NoLanguage { region: country }),
            None => None,
        };
        let text = text.as_deref().map(RegisteredText::parse).transpose()?;
        let row = Registration { entity, template, campaign, sender: None, text };
        let row = match sender {
            Some(sender) => row.sender(sender),
            None => row,
        };
        rows.add((country, language, payment), row)
    }
}

impl Serialize for Registrations {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.rows.iter().map(|((region, language, payment), row)| Row {
            country: *region,
            language: language.as_ref().map(|tag| tag.as_str().to_owned()),
            payment: *payment,
            entity: row.entity.clone(),
            template: row.template.clone(),
            campaign: row.campaign.clone(),
            sender: row.sender_as_given().map(str::to_owned),
            text: row.text.as_ref().map(|text| text.as_str().to_owned()),
        }))
    }
}

impl<'de> Deserialize<'de> for Registrations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rows = Vec::<Row>::deserialize(from)?;
        let add = |all: Self, row: Row| row.add_to(all);
        rows.into_iter().try_fold(Self::new(), add).map_err(serde::de::Error::custom)
    }
}
