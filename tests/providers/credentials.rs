//! Credentials that change while adapters hold them: each text goes with those of its time, and none goes
//! without.

use otpgate::transport::HandoffErrorKind;

use crate::adapter::sms;
use crate::every::{Secret, authentication, every};
use support::http_server::{Answer, LocalServer, Play};

#[tokio::test]
async fn credentials_rotate_between_two_texts() {
    let server = LocalServer::plain();
    server.always(Play::Answer(Answer::new(500)));
    let secret = Secret::new();
    for (name, adapter) in every(&server.base_url(), &secret) {
        let before = server.seen().len();
        for now in ["first", "second", "first"] {
            secret.set(now);
            // The server fails: all that counts is what it was asked.
            let error = adapter.hand_off(&sms()).await.unwrap_err();
            assert_eq!(error.kind(), HandoffErrorKind::Indeterminate, "{name}: {error}");
        }
        secret.set("");
        let error = adapter.hand_off(&sms()).await.unwrap_err();
        assert_eq!(error.kind(), HandoffErrorKind::NotSent, "{name}: {error}");
        assert_eq!((error.needs_operator(), error.provider()), (true, Some(name)), "{error}");
        let seen = server.seen();
        let said: Vec<_> = seen[before..].iter().map(authentication).collect();
        let [one, two, again] = &said[..] else { panic!("{name}: {} requests", said.len()) };
        assert_ne!(one, two, "{name} kept the first secret");
        assert_eq!(one, again, "{name}: more than the secret changes");
    }
}
