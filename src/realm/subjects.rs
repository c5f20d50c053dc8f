//! The subjects whose meters a request charges.

use super::names::Names;
use crate::access::{Around, ClientPrefix};
use crate::base::id::Pseudonym;
use crate::context::{ClientContext, Purpose};
use crate::outcome::{Client, Networks, Subjects};
use crate::recipient::Recipient;

impl Names<'_> {
    /// The subjects whose meters a request charges; `global` names those of all realms.
    pub(crate) fn subjects(
        &self,
        global: Pseudonym,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
        client: &ClientContext,
    ) -> Subjects {
        Subjects {
            client: self.client_meters(client),
            session: Some(self.session(client.session())),
            user: client.user_id().map(|user| self.user(user)),
            ..self.destination(global, recipient, number, purpose)
        }
    }

    /// The subjects whose meters a text charges, whoever asked for it.
    pub(crate) fn destination(
        &self,
        global: Pseudonym,
        recipient: &Recipient,
        number: Pseudonym,
        purpose: &Purpose,
    ) -> Subjects {
        let region = recipient.line_region();
        Subjects {
            number,
            block: self.block(recipient),
            country: self.country(region),
            region,
            client: Client::Caller,
            session: None,
            user: None,
            device: None,
            caller: None,
            purpose: self.purpose(purpose),
            realm: self.whole(),
            global,
        }
    }

    fn client_meters(&self, client: &ClientContext) -> Client {
        let name = |network: ClientPrefix| self.client(&network.to_bytes());
        let own = client.ip().prefix();
        match client.ip().around() {
            None => Client::Unknown(name(own)),
            Some(Around::V4 { site, campus, allocation }) => {
                let [campus, allocation] = self.around(campus, allocation);
                let around = Around::V4 { site, campus, allocation };
                Client::Network(Networks { own: name(own), around })
            }
            Some(around) => Client::Network(Networks { own: name(own), around: around.map(name) }),
        }
    }
}
