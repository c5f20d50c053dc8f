//! The cases, listed as data.

use super::{Behaviour, Case, Received, Stage};
use crate::testing::case::{Fault, check, found};
use crate::testing::schedule::{BoxFuture, join_all};
use crate::testing::secrets::Needles;
use crate::transport::{Handoff, HandoffError, HandoffErrorKind, OutboundSms};

const NUMBER: &str = "+4915123456789";
const TEXT: &str = "041673 is your code.\n\n@example.com #041673";

macro_rules! case {
    ($run:ident, $clause:literal) => {
        Case { name: stringify!($run), clause: $clause, run: |stage| Box::pin($run(stage)) }
    };
    ($name:ident: $behaviour:ident fails $kind:ident, $clause:literal) => {
        Case {
            name: stringify!($name),
            clause: $clause,
            run: |stage| {
                let kind = HandoffErrorKind::$kind;
                Box::pin(async move { stage.fails(Behaviour::$behaviour, kind).await })
            },
        }
    };
}

const CASES: &[Case] = &[
    case!(accepted_is_ok, "returns when the provider has accepted the text"),
    case!(text_unchanged, "MUST send the text unchanged"),
    case!(number_in_full, "MUST send to `expose_number`"),
    case!(once_a_call, "at most once a call"),
    case!(key_is_stable, "the idempotency key is the same for every attempt at one text"),
    case!(calls_do_not_mix, "each call sends its own text, also when calls run at once"),
    case!(refused_number: RefuseNumber fails Refused, "Refused only if the provider said no for good"),
    case!(refused_account: RefuseAccount fails NotSent, "NotSent: the provider provably did not accept it"),
    case!(throttled: Throttle fails NotSent, "NotSent: a queue that refused it"),
    case!(unreachable: Unreachable fails NotSent, "NotSent: no connection"),
    case!(failed: Fail fails Indeterminate, "everything else is Indeterminate: an error after the text was read"),
    case!(cut: Cut fails Indeterminate, "everything else is Indeterminate: a connection cut after the text was read"),
    case!(silent: Silent fails Indeterminate, "MUST end by itself; a time-out is Indeterminate"),
    case!(garbled, "an answer that cannot be read proves nothing: never NotSent or Refused"),
    case!(errors_tell_nothing, "MUST put neither the number nor the text into an error"),
    case!(debug_tells_nothing, "MUST put neither the number nor the text into a log"),
    case!(recovers, "a failure leaves the transport usable"),
];

/// Every case, in the order in which they are run.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter()
}

type Checked<T = ()> = Result<T, Fault<Behaviour>>;

fn sms(text: &str, key: u8) -> OutboundSms {
    OutboundSms::for_test(NUMBER, text, [key; 16])
}

impl Stage {
    async fn behave(&self, behaviour: Behaviour) -> Checked {
        if self.provider.behave(behaviour).await { Ok(()) } else { Err(Fault::Skipped(behaviour)) }
    }

    async fn accepted(&self, sms: &OutboundSms) -> Checked<Handoff> {
        let answer = self.transport.hand_off(sms).await;
        answer.or_else(|error| found(format!("expected Ok, saw {:?}", error.kind())))
    }

    async fn refused(&self, behaviour: Behaviour) -> Checked<HandoffError> {
        self.behave(behaviour).await?;
        match self.transport.hand_off(&sms(TEXT, 1)).await {
            Err(error) => Ok(error),
            Ok(_) => found(format!("{behaviour:?}: expected an error, saw Ok")),
        }
    }

    async fn fails(&self, behaviour: Behaviour, kind: HandoffErrorKind) -> Checked {
        let seen = self.refused(behaviour).await?.kind();
        check(seen == kind, &format!("{behaviour:?}: expected {kind:?}, saw {seen:?}"))?;
        self.no_blind_retry(behaviour).await
    }

    /// More than one delivery is right only if the provider can see that they are the same.
    async fn no_blind_retry(&self, behaviour: Behaviour) -> Checked {
        let received = self.provider.received().await;
        let key = sms(TEXT, 1);
        let same =
            received.iter().all(|one| one.key.as_deref() == Some(key.idempotency_key().as_str()));
        let what = format!(
            "{behaviour:?}: one call reached the provider {} times without one idempotency key",
            received.len()
        );
        check(received.len() <= 1 || same, &what)
    }

    async fn one(&self) -> Checked<Received> {
        let mut received = self.provider.received().await;
        match (received.pop(), received.len()) {
            (Some(one), 0) => Ok(one),
            (_, more) => found(format!(
                "expected one text at the provider, saw {}",
                more.saturating_add(usize::from(more > 0))
            )),
        }
    }
}

async fn accepted_is_ok(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    let handoff = stage.accepted(&sms(TEXT, 1)).await?;
    check(
        handoff.message_id.as_deref() != Some(""),
        "an empty message identifier: leave it out, or receipts will match nothing",
    )
}

async fn text_unchanged(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    // What form encoding, JSON, XML, trimming and "smart" encoders change.
    for (place, text) in [
        TEXT,
        "100% + 1 & more = #5; a/b?c",
        "\"quoted\" 'single' <b>\\n</b> {0} %s $1",
        "  leading, trailing and  double spaces  ",
        "Über €5: ¿señor? ΔΩ [~^{}|\\]",
        "您的验证码是 041673，请勿泄露。",
        "رمزك 041673 🔐 é (combining)",
        "line one\nline two\r\nline three",
    ]
    .into_iter()
    .enumerate()
    {
        stage.accepted(&sms(text, 1)).await?;
        let received = stage.provider.received().await;
        let seen = received.last().map(|one| one.text.as_str());
        check(seen == Some(text), &format!("text {place} arrived changed"))?;
    }
    Ok(())
}

async fn number_in_full(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    for number in ["+4915123456789", "+8613800138000", "+2908123", "+15005550006"] {
        let sms = OutboundSms::for_test(number, TEXT, [1; 16]);
        stage.accepted(&sms).await?;
        let received = stage.provider.received().await;
        let digits = |text: &str| text.trim_start_matches('+').to_owned();
        let seen = received.last().map(|one| digits(&one.number));
        check(seen == Some(digits(number)), "the text went to another number")?;
    }
    Ok(())
}

async fn once_a_call(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    stage.accepted(&sms(TEXT, 1)).await?;
    stage.one().await.map(drop)
}

async fn key_is_stable(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    for key in [1, 1, 2] {
        stage.accepted(&sms(TEXT, key)).await?;
    }
    let received = stage.provider.received().await;
    let [first, again, other] = received.as_slice() else {
        return found(format!("expected three texts at the provider, saw {}", received.len()));
    };
    if first.key.is_none() && again.key.is_none() && other.key.is_none() {
        return Ok(()); // the provider has no place for one
    }
    let expected = sms(TEXT, 1);
    let carried = |one: &Received| {
        one.key.as_deref().is_some_and(|key| key.contains(expected.idempotency_key().as_str()))
    };
    check(carried(first), "the idempotency key did not reach the provider")?;
    check(first.key == again.key, "the same text came under two idempotency keys")?;
    check(first.key != other.key, "two texts came under one idempotency key")
}

async fn calls_do_not_mix(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    let texts: Vec<OutboundSms> = (0..16_u8)
        .map(|racer| {
            let number = format!("+49151234567{racer:02}");
            OutboundSms::for_test(&number, &format!("text of {number}"), [racer; 16])
        })
        .collect();
    let calls: Vec<BoxFuture<'_, Result<Handoff, HandoffError>>> =
        texts.iter().map(|sms| stage.transport.hand_off(sms)).collect();
    for answer in join_all(calls, 7).await {
        check(answer.is_ok(), "one of 16 calls at once failed")?;
    }
    let received = stage.provider.received().await;
    check(received.len() == texts.len(), "expected one text for each of 16 calls at once")?;
    for sms in &texts {
        let digits = sms.expose_number().trim_start_matches('+');
        let own = |one: &&Received| one.number.trim_start_matches('+') == digits;
        let seen = received.iter().filter(own).map(|one| one.text.as_str());
        let right = seen.eq([sms.expose_text()]);
        check(right, "a number got another's text, none, or two")?;
    }
    Ok(())
}

async fn garbled(stage: Stage) -> Checked {
    stage.behave(Behaviour::Garble).await?;
    if let Err(error) = stage.transport.hand_off(&sms(TEXT, 1)).await {
        let kind = error.kind();
        let what = format!("expected Ok or Indeterminate, saw {kind:?}");
        check(kind == HandoffErrorKind::Indeterminate, &what)?;
    }
    stage.no_blind_retry(Behaviour::Garble).await
}

const FAILURES: [Behaviour; 7] = [
    Behaviour::RefuseNumber,
    Behaviour::RefuseAccount,
    Behaviour::Throttle,
    Behaviour::Unreachable,
    Behaviour::Fail,
    Behaviour::Cut,
    Behaviour::Garble,
];

async fn errors_tell_nothing(stage: Stage) -> Checked {
    let needles = secrets();
    for behaviour in FAILURES {
        if !stage.provider.behave(behaviour).await {
            continue;
        }
        if let Err(error) = stage.transport.hand_off(&sms(TEXT, 1)).await {
            let hits = needles.scan_error(&error);
            check(hits.is_empty(), &format!("the error of {behaviour:?} tells: {hits:?}"))?;
        }
    }
    Ok(())
}

async fn debug_tells_nothing(stage: Stage) -> Checked {
    stage.behave(Behaviour::Accept).await?;
    let handoff = stage.accepted(&sms(TEXT, 1)).await?;
    let hits = secrets().scan(format!("{:?} {:#?} {handoff:?}", stage.transport, stage.transport));
    check(hits.is_empty(), &format!("Debug tells: {hits:?}"))
}

async fn recovers(stage: Stage) -> Checked {
    for behaviour in FAILURES {
        if stage.provider.behave(behaviour).await {
            drop(stage.transport.hand_off(&sms(TEXT, 1)).await);
        }
    }
    stage.behave(Behaviour::Accept).await?;
    stage.accepted(&sms(TEXT, 2)).await.map(drop)
}

fn secrets() -> Needles {
    let mut needles = Needles::new();
    needles.sms("the text", &sms(TEXT, 1));
    needles.code("the code", "041673");
    needles
}
