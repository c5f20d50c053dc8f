//! The life of a challenge: open, renew, expire, close, lock, consume.

use std::time::Duration;

use super::bench::{Bench, Checked, Opened, T0, at, same};
use super::{Case, case};
use crate::base::mac::Tag;
use crate::store::{Admission, Admitted, ChallengeState, ChallengeWrite, Verdict};

pub(super) const CASES: &[Case] = &[
    case!(open_twice, "a challenge of that name must not exist, whatever became of it"),
    case!(renew_keeps_previous, "with `keep_previous` the newest earlier code stays good"),
    case!(renew_replaces, "without `keep_previous` the earlier code is void at once"),
    case!(renew_with_the_same_code, "the newest code's own digest replaces it, not the one before"),
    case!(two_codes_at_most, "two digests at the most are live for one challenge"),
    case!(previous_code_expires, "the earlier code stays good until its own expiry"),
    case!(resend_resets_nothing, "attempts are carried over: another code gives no fresh guesses"),
    case!(renew_needs_a_live_challenge, "renewed is what is neither consumed, locked nor closed"),
    case!(renew_after_expiry, "a challenge whose code expired can be renewed until it closes"),
    case!(opened_again_after_closing, "a challenge is remembered until it closes, then forgotten"),
];

fn renew(bench: &mut Bench, key: Opened, now: u64, keep_previous: bool) -> (Admission, Tag) {
    let digest = bench.digest();
    let mut admission = bench.admission(now);
    admission.challenge = Some(ChallengeWrite::Renew {
        key: key.key,
        digest,
        expires: at(now) + Duration::from_secs(300),
        keep_previous,
    });
    (admission, digest)
}

fn accepted(attempts: u32, opened: u64) -> Verdict {
    Verdict::Accepted { attempts, opened: at(opened) }
}

async fn open_twice(bench: Bench) -> Checked {
    for fate in ["live", "locked", "consumed"] {
        let opened = bench.open(T0, 1).await?;
        let wrong = bench.digest();
        match fate {
            "locked" => drop(bench.guess(opened.key, wrong, T0).await?),
            "consumed" => drop(bench.guess(opened.key, opened.digest, T0).await?),
            _ => {}
        }
        let mut again = bench.admission(T0 + 599_999);
        again.challenge = Some(opened.write(T0 + 599_999, 9));
        let what = format!("opening one that is {fate}");
        same(&what, bench.admit(&again).await?, Admitted::ChallengeGone)?;
    }
    Ok(())
}

async fn renew_keeps_previous(mut bench: Bench) -> Checked {
    for use_first in [true, false] {
        let opened = bench.open(T0, 5).await?;
        let (admission, second) = renew(&mut bench, opened, T0 + 1_000, true);
        bench.grant("renewing", &admission).await?;
        let digest = if use_first { opened.digest } else { second };
        let verdict = bench.guess(opened.key, digest, T0 + 2_000).await?;
        same("either code", verdict, accepted(1, T0))?;
        let other = if use_first { second } else { opened.digest };
        let verdict = bench.guess(opened.key, other, T0 + 2_000).await?;
        same("the other code afterwards", verdict, Verdict::Consumed)?;
    }
    Ok(())
}

async fn renew_replaces(mut bench: Bench) -> Checked {
    let opened = bench.open(T0, 5).await?;
    let (admission, second) = renew(&mut bench, opened, T0 + 1_000, false);
    bench.grant("renewing", &admission).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 1_000).await?;
    same("the replaced code", verdict, Verdict::Mismatch { left: 4 })?;
    let verdict = bench.guess(opened.key, second, T0 + 1_000).await?;
    same("the new code", verdict, accepted(2, T0))
}

async fn two_codes_at_most(mut bench: Bench) -> Checked {
    let opened = bench.open(T0, 5).await?;
    let mut codes = vec![opened.digest];
    for after in [1_000, 2_000] {
        let (admission, digest) = renew(&mut bench, opened, T0 + after, true);
        bench.grant("renewing", &admission).await?;
        codes.push(digest);
    }
    for (code, expected) in codes.iter().zip([Verdict::Mismatch { left: 4 }, accepted(2, T0)]) {
        let verdict = bench.guess(opened.key, *code, T0 + 3_000).await?;
        same("the first, then the second of three codes", verdict, expected)?;
    }
    Ok(())
}

async fn renew_with_the_same_code(mut bench: Bench) -> Checked {
    for keep in [true, false] {
        let opened = bench.open(T0, 5).await?;
        let (mut admission, second) = renew(&mut bench, opened, T0 + 1_000, true);
        bench.grant("renewing", &admission).await?;
        for after in [200_000, 250_000] {
            let (again, _) = renew(&mut bench, opened, T0 + after, keep);
            let Some(ChallengeWrite::Renew { expires, .. }) = again.challenge else { continue };
            admission = again;
            admission.challenge = Some(ChallengeWrite::Renew {
                key: opened.key,
                digest: second,
                expires,
                keep_previous: keep,
            });
            bench.grant("renewing with the same code", &admission).await?;
        }
        let verdict = bench.guess(opened.key, opened.digest, T0 + 299_999).await?;
        let expected = if keep { accepted(1, T0) } else { Verdict::Mismatch { left: 4 } };
        same("the code before, within its life", verdict, expected)?;
        if !keep {
            let verdict = bench.guess(opened.key, second, T0 + 549_999).await?;
            same("the same code, whose expiry moved", verdict, accepted(2, T0))?;
        }
    }
    Ok(())
}

async fn previous_code_expires(mut bench: Bench) -> Checked {
    for (after, expected) in [(299_999, accepted(1, T0)), (300_000, Verdict::Mismatch { left: 4 })]
    {
        let opened = bench.open(T0, 5).await?;
        let (admission, _) = renew(&mut bench, opened, T0 + 200_000, true);
        bench.grant("renewing", &admission).await?;
        let verdict = bench.guess(opened.key, opened.digest, T0 + after).await?;
        same(&format!("the earlier code {after} ms after it was made"), verdict, expected)?;
    }
    Ok(())
}

async fn resend_resets_nothing(mut bench: Bench) -> Checked {
    for keep in [true, false] {
        let opened = bench.open(T0, 3).await?;
        for (after, left) in [(1_000, 2), (2_000, 1), (3_000, 0)] {
            let wrong = bench.digest();
            let verdict = bench.guess(opened.key, wrong, T0 + after).await?;
            same(&format!("guess at {after} after a resend"), verdict, Verdict::Mismatch { left })?;
            let (admission, _) = renew(&mut bench, opened, T0 + after, keep);
            let answer = bench.admit(&admission).await?;
            let granted = matches!(answer, Admitted::Granted { .. });
            same("a resend is granted while attempts are left", granted, left > 0)?;
        }
        let verdict = bench.guess(opened.key, opened.digest, T0 + 4_000).await?;
        same("a guess when no attempts are left", verdict, Verdict::Locked)?;
    }
    Ok(())
}

async fn renew_needs_a_live_challenge(mut bench: Bench) -> Checked {
    let unknown = Opened { key: bench.name(), digest: bench.digest() };
    let (admission, _) = renew(&mut bench, unknown, T0, true);
    same("unknown", bench.admit(&admission).await?, Admitted::ChallengeGone)?;

    let consumed = bench.open(T0, 3).await?;
    same("consuming", bench.guess(consumed.key, consumed.digest, T0).await?, accepted(1, T0))?;
    let (admission, _) = renew(&mut bench, consumed, T0, true);
    same("consumed", bench.admit(&admission).await?, Admitted::ChallengeGone)?;

    let closed = bench.open(T0, 3).await?;
    let (admission, _) = renew(&mut bench, closed, T0 + 599_999, true);
    bench.grant("one millisecond before it closes", &admission).await?;
    let (admission, _) = renew(&mut bench, closed, T0 + 600_000, true);
    same("closed", bench.admit(&admission).await?, Admitted::ChallengeGone)
}

async fn renew_after_expiry(mut bench: Bench) -> Checked {
    let opened = bench.open(T0, 3).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 300_000).await?;
    same("an expired code", verdict, Verdict::Expired)?;
    let (admission, second) = renew(&mut bench, opened, T0 + 300_000, true);
    bench.grant("renewing after the code expired", &admission).await?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 300_000).await?;
    same("the expired code", verdict, Verdict::Mismatch { left: 2 })?;
    let state = bench.state(opened.key, T0 + 300_000).await?;
    let live =
        ChallengeState::Live { left: 2, expires: at(T0 + 600_000), closes: at(T0 + 600_000) };
    same("its state", state, live)?;
    same("the new code", bench.guess(opened.key, second, T0 + 300_000).await?, accepted(2, T0))
}

async fn opened_again_after_closing(bench: Bench) -> Checked {
    let opened = bench.open(T0, 1).await?;
    same("consuming", bench.guess(opened.key, opened.digest, T0).await?, accepted(1, T0))?;
    same("its tombstone", bench.state(opened.key, T0 + 599_999).await?, ChallengeState::Consumed)?;
    let verdict = bench.guess(opened.key, opened.digest, T0 + 599_999).await?;
    same("a replay until it closes", verdict, Verdict::Consumed)?;
    let later = T0 + 600_000;
    same("its state when closed", bench.state(opened.key, later).await?, ChallengeState::Unknown)?;
    let verdict = bench.guess(opened.key, opened.digest, later).await?;
    same("a replay after it closed", verdict, Verdict::Unknown)?;
    let mut again = bench.admission(later);
    again.challenge = Some(Opened { digest: bench.digest(), ..opened }.write(later, 2));
    bench.grant("opening a closed one", &again).await?;
    let verdict = bench.guess(opened.key, opened.digest, later).await?;
    same("the old code on the new challenge", verdict, Verdict::Mismatch { left: 1 })
}
