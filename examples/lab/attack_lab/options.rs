//! The command line.

use std::path::PathBuf;

use crate::rivals::Rival;
use crate::support::lab::scenario::{ALL, Kind, Scenario};
use crate::support::lab::worlds::World;

pub const USAGE: &str = "\
usage: attack_lab [options]
  --daily N           honest codes a day (20000)
  --world NAME        plain; nowhere: addresses tell nothing; small: one country (plain)
  --seeds N or A,B,…  the first N seeds, or these (1)
  --scenarios LIST    names, or A*, B*, H*, N*, T*, X*, Y* (all)
  --against LIST      otpgate, naive, prefix, conversion35, authgear, authgear-tuned; all or none (all)
  --policy FILE       a host's own policy, as for the replay
  --gates N           gates on one store, requests dealt in turn (1)
  --solves X          share of step-ups that attackers pass (0.2)
  --out FOLDER        where report.html, report.json and traces/ go (target/attack_lab)
  --no-traces         writes no traces
  --images FOLDER     also writes the plots of the pages on pumping there
  --explain           prints each honest request that got no text at once, with the reason
for work on the detector:
  --bare              the detector alone, without a gate around it
  --late N            it decides without its last N events (0), as where many threads meet
  --set K=V,…         changes its constants: ask refuse context up harm passf gap shareat nf value ref
                      asklow asktogether quiet homeat proved (inf switches it off) sharefar sharehome, and the switches
                      notogether nocold noshare noflight noasked nooutage noaddress nocontext noaway nofar nohome
                      noafar noknown nonumber noproved nostepsout noyoung";

#[derive(Clone, Debug)]
pub struct Options {
    pub daily: f64,
    pub world: World,
    pub seeds: Vec<u64>,
    pub scenarios: Vec<Scenario>,
    pub against: Vec<Rival>,
    pub policy: Option<PathBuf>,
    pub gates: usize,
    pub solves: f64,
    pub out: PathBuf,
    pub traces: bool,
    pub images: Option<PathBuf>,
    pub explain: bool,
    pub bare: bool,
    pub late: usize,
    pub set: Vec<(String, f32)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            daily: 20_000.0,
            world: World::Plain,
            seeds: vec![1],
            scenarios: ALL.to_vec(),
            against: Rival::ALL.to_vec(),
            policy: None,
            gates: 1,
            solves: 0.2,
            out: "target/attack_lab".into(),
            traces: true,
            images: None,
            explain: false,
            bare: false,
            late: 0,
            set: Vec::new(),
        }
    }
}

impl Options {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--daily" => options.daily = number(&word, &value()?, 10.0, 10_000_000.0)?,
                "--world" => options.world = World::named(&value()?)?,
                "--seeds" => options.seeds = seeds(&value()?)?,
                "--scenarios" => options.scenarios = scenarios(&value()?)?,
                "--against" => options.against = Rival::list(&value()?)?,
                "--policy" => options.policy = Some(value()?.into()),
                "--gates" => options.gates = number(&word, &value()?, 1.0, 64.0)? as usize,
                "--solves" => options.solves = number(&word, &value()?, 0.0, 1.0)?,
                "--out" => options.out = value()?.into(),
                "--no-traces" => options.traces = false,
                "--images" => options.images = Some(value()?.into()),
                "--explain" => options.explain = true,
                "--bare" => options.bare = true,
                "--late" => options.late = number(&word, &value()?, 0.0, 1_000.0)? as usize,
                "--set" => options.set = changes(&value()?)?,
                _ => return Err(format!("unknown option {word}\n{USAGE}")),
            }
        }
        if !options.set.is_empty() && !options.bare {
            return Err("--set changes the detector's constants and needs --bare".to_owned());
        }
        if options.late > 0 && !options.bare {
            return Err("--late delays what the detector alone is told and needs --bare".to_owned());
        }
        if options.bare && options.policy.is_some() {
            return Err("--bare runs no gate, so a policy means nothing to it".to_owned());
        }
        Ok(options)
    }
}

fn number(name: &str, text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    value.ok_or(format!("{name} `{text}` is not {least} to {most}"))
}

fn seeds(text: &str) -> Result<Vec<u64>, String> {
    let wrong = || format!("--seeds `{text}` is neither a count nor a list");
    let list: Vec<u64> = text
        .split(',')
        .map(|seed| seed.trim().parse::<u64>().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    match list.as_slice() {
        [count] if !text.contains(',') && (1..=1_000).contains(count) => Ok((1..=*count).collect()),
        [_] if !text.contains(',') => Err(wrong()),
        _ => Ok(list),
    }
}

fn scenarios(text: &str) -> Result<Vec<Scenario>, String> {
    let asked: Vec<&str> = text.split(',').map(str::trim).collect();
    let fits = |pattern: &str, scenario: &Scenario| match pattern.strip_suffix('*') {
        Some(start) => scenario.name.starts_with(start),
        None => scenario.name == pattern,
    };
    if let Some(unknown) = asked.iter().find(|word| !ALL.iter().any(|one| fits(word, one))) {
        let names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        return Err(format!("no scenario `{unknown}`; there are {}", names.join(" ")));
    }
    Ok(ALL.into_iter().filter(|one| asked.iter().any(|word| fits(word, one))).collect())
}

fn changes(text: &str) -> Result<Vec<(String, f32)>, String> {
    text.split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "1"));
            let value =
                value.parse().map_err(|_| format!("--set {key}: `{value}` is no number"))?;
            Ok((key.to_owned(), value))
        })
        .collect()
}

/// The word for a kind in the report.
pub fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Attack => "Attacks, families A1 to A14",
        Kind::Further => "Further attacks",
        Kind::HeldOut => "Attacks that nobody tuned on",
        Kind::Anomaly => "Innocent anomalies",
    }
}
