//! The cases, listed as data.

use super::{Behaviour, Case, Stage};
use crate::human::{
    HumanCheckError, HumanCheckErrorKind, HumanFailure, HumanPass, HumanRequest, HumanResponse,
    HumanVerdict,
};
use crate::testing::case::{Fault, check, found};
use crate::testing::schedule::{BoxFuture, join_all};
use crate::testing::secrets::Needles;

const CLIENT: [u8; 4] = [203, 0, 113, 77];

macro_rules! case {
    ($run:ident, $clause:literal) => {
        Case { name: stringify!($run), clause: $clause, run: |stage| Box::pin($run(stage)) }
    };
    ($name:ident: $behaviour:ident $seen:ident $kind:expr, $clause:literal) => {
        Case {
            name: stringify!($name),
            clause: $clause,
            run: |stage| Box::pin(async move { stage.$seen(Behaviour::$behaviour, $kind).await }),
        }
    };
}

use HumanCheckErrorKind::{Misconfigured, Unavailable};
use HumanFailure::{NotHuman, WrongSite};

const CASES: &[Case] = &[
    case!(a_yes_passes, "asks the service itself; Passed on its explicit yes"),
    case!(one_name_for_one_response, "names what it passed by something that the page cannot vary"),
    case!(a_no_fails: Script fails NotHuman, "a script is Failed(NotHuman)"),
    case!(used_before: Spent fails HumanFailure::Spent, "a response passes once: Failed(Spent)"),
    case!(too_old: Old fails HumanFailure::Spent, "MUST refuse a response older than the gate remembers: Failed(Spent)"),
    case!(another_host: OtherHost fails WrongSite, "MUST compare the host name: Failed(WrongSite)"),
    case!(a_longer_host: LongerHost fails WrongSite, "the whole name is compared, not its end"),
    case!(another_action: OtherAction fails WrongSite, "MUST compare the action: Failed(WrongSite)"),
    case!(wrong_credentials: RefuseAccount errs Misconfigured, "a check that cannot be made is an Err: Misconfigured"),
    case!(throttled: Throttle errs Unavailable, "a check that cannot be made is an Err: Unavailable"),
    case!(unreachable: Unreachable errs Unavailable, "a check that cannot be made is an Err: Unavailable"),
    case!(failed: Fail errs Unavailable, "a check that cannot be made is an Err: Unavailable"),
    case!(cut: Cut errs Unavailable, "a check that cannot be made is an Err: Unavailable"),
    case!(silent: Silent errs Unavailable, "MUST set its own deadline: Unavailable"),
    case!(unreadable, "an answer that cannot be read is an error"),
    case!(a_redirect_leads_nowhere, "MUST ask the service itself: no redirect is followed"),
    case!(one_question, "MUST NOT retry a response after an unclear outcome"),
    case!(calls_do_not_mix, "each call is answered for its own response"),
    case!(the_address_stays, "the client's address is passed only if the host said so"),
    case!(errors_tell_nothing, "MUST NOT log the response; errors hold no secret"),
    case!(debug_tells_nothing, "MUST NOT log the response; Debug holds no secret"),
    case!(recovers, "an outage leaves the check usable"),
];

/// Every case, in the order in which they are run.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter()
}

type Checked<T = ()> = Result<T, Fault<Behaviour>>;
type Answer = Result<HumanVerdict, HumanCheckError>;

fn shown(answer: &Answer) -> String {
    match answer {
        Ok(HumanVerdict::Passed(_)) => "Passed".to_owned(),
        Ok(HumanVerdict::Failed(failure)) => format!("Failed({failure:?})"),
        Err(error) => format!("Err({:?})", error.kind()),
    }
}

impl Stage {
    async fn behave(&self, behaviour: Behaviour) -> Checked {
        if self.service.behave(behaviour).await { Ok(()) } else { Err(Fault::Skipped(behaviour)) }
    }

    fn response(&self, second: bool) -> Checked<HumanResponse> {
        let [one, two] = &self.question.responses;
        let text = if second { two } else { one };
        HumanResponse::parse(text).or_else(|error| found(error.to_string()))
    }

    async fn ask(&self, response: &HumanResponse) -> Answer {
        let Self { question, .. } = self;
        let request = HumanRequest::new(response, &question.action, question.now);
        self.check.check(request.from_client(CLIENT.into())).await
    }

    async fn answer(&self, behaviour: Behaviour) -> Checked<Answer> {
        self.behave(behaviour).await?;
        Ok(self.ask(&self.response(false)?).await)
    }

    async fn passed(&self, second: bool) -> Checked<HumanPass> {
        self.behave(Behaviour::Pass).await?;
        match self.ask(&self.response(second)?).await {
            Ok(HumanVerdict::Passed(pass)) => Ok(pass),
            other => found(format!("expected Passed, saw {}", shown(&other))),
        }
    }

    async fn fails(&self, behaviour: Behaviour, failure: HumanFailure) -> Checked {
        let answer = self.answer(behaviour).await?;
        let what = format!("expected Failed({failure:?}), saw {}", shown(&answer));
        check(matches!(answer, Ok(HumanVerdict::Failed(seen)) if seen == failure), &what)
    }

    async fn errs(&self, behaviour: Behaviour, kind: HumanCheckErrorKind) -> Checked {
        let answer = self.answer(behaviour).await?;
        let what = format!("{behaviour:?}: expected Err({kind:?}), saw {}", shown(&answer));
        check(matches!(answer, Err(error) if error.kind() == kind), &what)
    }

    fn needles(&self) -> Checked<Needles> {
        let mut needles = Needles::new();
        needles.key("the response", self.response(false)?.expose_response().as_bytes());
        for secret in &self.question.secrets {
            needles.key("a secret", secret.as_bytes());
        }
        Ok(needles)
    }
}

async fn a_yes_passes(stage: Stage) -> Checked {
    stage.passed(false).await?;
    let asked = stage.service.asked().await;
    check(asked.len() == 1, "expected one question at the service")
}

async fn one_name_for_one_response(stage: Stage) -> Checked {
    let (first, again) = (stage.passed(false).await?, stage.passed(false).await?);
    check(first == again, "one response has two names, and passes twice")?;
    let other = stage.passed(true).await?;
    check(first != other, "two responses have one name, and one of them never passes")
}

async fn unreadable(stage: Stage) -> Checked {
    use Behaviour::{Empty, Garble, SayNothing, Truthy};
    for behaviour in [Garble, Empty, SayNothing, Truthy] {
        let answer = stage.answer(behaviour).await?;
        let what = format!("{behaviour:?}: expected an error, saw {}", shown(&answer));
        check(answer.is_err(), &what)?;
    }
    Ok(())
}

async fn a_redirect_leads_nowhere(stage: Stage) -> Checked {
    let answer = stage.answer(Behaviour::Redirect).await?;
    check(answer.is_err(), &format!("expected an error, saw {}", shown(&answer)))?;
    let asked = stage.service.asked().await;
    check(asked.len() == 1, "the question went on to where the redirect led")
}

const OUTAGES: [Behaviour; 6] = [
    Behaviour::RefuseAccount,
    Behaviour::Throttle,
    Behaviour::Fail,
    Behaviour::Cut,
    Behaviour::Garble,
    Behaviour::Unreachable,
];

async fn one_question(stage: Stage) -> Checked {
    let mut questions = 0_usize;
    for behaviour in OUTAGES {
        if !stage.service.behave(behaviour).await {
            continue;
        }
        drop(stage.ask(&stage.response(false)?).await);
        let asked = stage.service.asked().await.len();
        let what = format!("{behaviour:?}: one call asked more than once");
        check(asked <= questions.saturating_add(1), &what)?;
        questions = asked;
    }
    Ok(())
}

async fn calls_do_not_mix(stage: Stage) -> Checked {
    let names = [stage.passed(false).await?, stage.passed(true).await?];
    let responses = [stage.response(false)?, stage.response(true)?];
    let calls: Vec<BoxFuture<'_, Answer>> = (0..16_usize)
        .filter_map(|racer| responses.get(racer % 2))
        .map(|response| Box::pin(stage.ask(response)) as BoxFuture<'_, Answer>)
        .collect();
    for (racer, answer) in join_all(calls, 11).await.into_iter().enumerate() {
        let own = names.get(racer % 2);
        let right = matches!(&answer, Ok(HumanVerdict::Passed(pass)) if Some(pass) == own);
        check(right, &format!("one of 16 calls at once: {}", shown(&answer)))?;
    }
    Ok(())
}

async fn the_address_stays(stage: Stage) -> Checked {
    stage.passed(false).await?;
    let [a, b, c, d] = CLIENT;
    let address = format!("{a}.{b}.{c}.{d}");
    let told = stage
        .service
        .asked()
        .await
        .iter()
        .any(|asked| asked.windows(address.len()).any(|window| window == address.as_bytes()));
    check(!told, "the service was told the client's address, and the host did not say so")
}

async fn errors_tell_nothing(stage: Stage) -> Checked {
    let needles = stage.needles()?;
    for behaviour in OUTAGES {
        if !stage.service.behave(behaviour).await {
            continue;
        }
        if let Err(error) = stage.ask(&stage.response(false)?).await {
            let hits = needles.scan_error(&error);
            check(hits.is_empty(), &format!("the error of {behaviour:?} tells: {hits:?}"))?;
        }
    }
    Ok(())
}

async fn debug_tells_nothing(stage: Stage) -> Checked {
    let pass = stage.passed(false).await?;
    let hits = stage.needles()?.scan(format!("{:?} {:#?} {pass:?}", stage.check, stage.check));
    check(hits.is_empty(), &format!("Debug tells: {hits:?}"))
}

async fn recovers(stage: Stage) -> Checked {
    for behaviour in OUTAGES {
        if stage.service.behave(behaviour).await {
            drop(stage.ask(&stage.response(false)?).await);
        }
    }
    stage.passed(true).await.map(drop)
}
