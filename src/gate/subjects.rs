//! The subjects whose meters a request charges.

use super::Gate;
use crate::access::{Around, ClientPrefix};
use crate::base::id::Pseudonym;
use crate::context::{ClientContext, Purpose};
use crate::outcome::{Client, Networks, Subjects};
use crate::recipient::Recipient;

impl Gate {
    /// The subjects whose meters a request charges.
    pub(super) fn subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            client: self.client_meters(client),
            session: Some(names.session(client.session())),
            user: client.user_id().map(|user| names.user(user)),
            ..self.destination_subjects(recipient, number, purpose)
        }
    }

    /// The subjects whose meters a text charges, whoever asked for it.
    pub(super) fn destination_subjects(
        &self,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
    ) -> Subjects {
        let names = self.names();
        Subjects {
            number,
            block: names.block(recipient),
            country: names.country(recipient.region()),
            region: recipient.region(),
            client: Client::Caller,
            session: None,
            user: None,
            device: None,
            caller: None,
            purpose: names.purpose(purpose),
            realm: names.whole(),
            global: self.inner.global,
        }
    }

    fn client_meters(&self, client: &ClientContext) -> Client {
        let names = self.names();
        let name = |network: ClientPrefix| names.client(&network.to_bytes());
        let own = client.ip().prefix();
        match client.ip().around() {
            None => Client::Unknown(name(own)),
            Some(Around::V4 { site, campus, allocation }) => {
                let [campus, allocation] = names.around(campus, allocation);
                let around = Around::V4 { site, campus, allocation };
                Client::Network(Networks { own: name(own), around })
            }
            Some(around) => Client::Network(Networks { own: name(own), around: around.map(name) }),
        }
    }
}
