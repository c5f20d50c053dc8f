//! The journal: news between the gates of a realm.

use super::bench::{Bench, Checked, T0, charge, same, wrong};
use super::{Case, case};
use crate::base::id::Pseudonym;
use crate::limit::Limit;
use crate::store::{Admitted, Exchange, News};

pub(super) const CASES: &[Case] = &[
    case!(
        journal_in_order,
        "entries in order, each with a growing number, the caller's own included"
    ),
    case!(
        journal_after,
        "entries after the number asked for; `latest` is the newest there ever was"
    ),
    case!(journal_from_every_verb, "admit, redeem and settle append; an empty entry is none"),
    case!(journal_on_refusal, "the journal entry is appended whatever the answer"),
    case!(
        journal_ages,
        "entries younger than JOURNAL_LIFE, by `now`; numbers are never used again"
    ),
];

fn exchange(journal: Pseudonym, entry: &[u8], after: u64) -> Option<Exchange> {
    Some(Exchange { journal, append: entry.to_vec(), after })
}

async fn append(bench: &mut Bench, journal: Pseudonym, entry: &[u8], now: u64) -> Checked<News> {
    let mut admission = bench.admission(now);
    admission.exchange = exchange(journal, entry, 0);
    match bench.admit(&admission).await? {
        Admitted::Granted { news, .. } => Ok(news),
        other => wrong("an exchange alone", "Granted", &other),
    }
}

async fn read(bench: &Bench, journal: Pseudonym, after: u64, now: u64) -> Checked<News> {
    let mut query = bench.query(now);
    query.journal = Some((journal, after));
    Ok(bench.tally(&query).await?.news)
}

fn entries(news: &News) -> Vec<&[u8]> {
    news.entries.iter().map(|(_, entry)| entry.as_slice()).collect()
}

fn in_order(news: &News) -> Checked {
    let numbers: Vec<u64> = news.entries.iter().map(|(number, _)| *number).collect();
    let grows = numbers.is_sorted_by(|one, two| one < two);
    let ends = numbers.last().is_none_or(|last| *last == news.latest);
    same(&format!("numbers {numbers:?} grow up to {}", news.latest), grows && ends, true)
}

async fn journal_in_order(mut bench: Bench) -> Checked {
    let (journal, other) = (bench.name(), bench.name());
    same("an empty journal", read(&bench, journal, 0, T0).await?, News::default())?;
    append(&mut bench, other, b"elsewhere", T0).await?;
    let mut expected: Vec<&[u8]> = Vec::new();
    for entry in [&b"one"[..], b"two", b"three", &[0, 255, 10, 13]] {
        let news = append(&mut bench, journal, entry, T0).await?;
        expected.push(entry);
        same("entries", entries(&news), expected.clone())?;
        in_order(&news)?;
    }
    Ok(())
}

async fn journal_after(mut bench: Bench) -> Checked {
    let journal = bench.name();
    let mut numbers = vec![0];
    for entry in [b"a", b"b", b"c"] {
        numbers.push(append(&mut bench, journal, entry, T0).await?.latest);
    }
    let expected: [&[&[u8]]; 4] = [&[b"a", b"b", b"c"], &[b"b", b"c"], &[b"c"], &[]];
    for (after, expected) in numbers.iter().zip(expected) {
        let news = read(&bench, journal, *after, T0).await?;
        same(&format!("entries after {after}"), entries(&news), expected.to_vec())?;
        same("latest", Some(news.latest), numbers.last().copied())?;
    }
    Ok(())
}

async fn journal_from_every_verb(mut bench: Bench) -> Checked {
    let journal = bench.name();
    append(&mut bench, journal, b"admit", T0).await?;
    let (unknown, digest) = (bench.name(), bench.digest());
    let mut redemption = bench.redemption(unknown, digest, T0);
    redemption.exchange = exchange(journal, b"redeem", 0);
    let news = bench.redeem(&redemption).await?.news;
    same("after redeem", entries(&news), vec![&b"admit"[..], b"redeem"])?;
    let admission = bench.admission(T0);
    bench.grant("an admission", &admission).await?;
    let mut settlement = bench.settlement(&admission, T0);
    settlement.exchange = exchange(journal, b"settle", 0);
    bench.settle(&settlement).await?;
    let news = append(&mut bench, journal, b"", T0).await?;
    same("after settle", entries(&news), vec![&b"admit"[..], b"redeem", b"settle"])?;
    in_order(&news)
}

async fn journal_on_refusal(bench: Bench) -> Checked {
    let journal = bench.name();
    let mut refused = bench.charging(T0, vec![charge(bench.meter(), Limit::SHUT, 1)]);
    refused.exchange = exchange(journal, b"refused", 0);
    match bench.admit(&refused).await? {
        Admitted::Exhausted { news, .. } => {
            same("news of the refusal", entries(&news), vec![&b"refused"[..]])?;
        }
        other => return wrong("a shut charge", "Exhausted", &other),
    }
    let news = read(&bench, journal, 0, T0).await?;
    same("entries", entries(&news), vec![&b"refused"[..]])
}

async fn journal_ages(mut bench: Bench) -> Checked {
    let journal = bench.name();
    let first = append(&mut bench, journal, b"old", T0).await?.latest;
    append(&mut bench, journal, b"new", T0 + 60_000).await?;
    let expected: [(u64, &[&[u8]]); 4] =
        [(119_999, &[b"old", b"new"]), (120_000, &[b"new"]), (179_999, &[b"new"]), (180_000, &[])];
    for (after, expected) in expected {
        let news = read(&bench, journal, 0, T0 + after).await?;
        same(&format!("entries {after} ms on"), entries(&news), expected.to_vec())?;
        same("latest has grown", news.latest > first, true)?;
    }
    let before = read(&bench, journal, 0, T0 + 180_000).await?.latest;
    let day = T0 + 86_400_000;
    let news = append(&mut bench, journal, b"next", day).await?;
    same("entries a day later", entries(&news), vec![&b"next"[..]])?;
    same("a number of its own", news.latest > before, true)
}
