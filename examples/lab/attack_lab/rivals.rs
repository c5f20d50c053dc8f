//! Who is measured.

use crate::bare::Bare;
use crate::options::Options;
use crate::support::host::{Choices, Host, prices};
use crate::support::judge::{Judge, Learning};
use crate::support::lab::baselines::{Authgear, Naive, Prefix};
use crate::support::policy;
use crate::support::trace::Trace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    Otpgate,
    Naive,
    Prefix,
    Conversion,
    Authgear,
    AuthgearTuned,
}

impl Rival {
    pub const ALL: [Self; 6] = [
        Self::Otpgate,
        Self::Naive,
        Self::Prefix,
        Self::Conversion,
        Self::Authgear,
        Self::AuthgearTuned,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Otpgate => "otpgate",
            Self::Naive => "naive",
            Self::Prefix => "prefix",
            Self::Conversion => "conversion35",
            Self::Authgear => "authgear",
            Self::AuthgearTuned => "authgear-tuned",
        }
    }

    /// What it is, for a reader who does not know the names.
    pub fn title(self) -> &'static str {
        match self {
            Self::Otpgate => "this crate",
            Self::Naive => "limits for each number and address",
            Self::Prefix => "prefix block on volume and conversion",
            Self::Conversion => "conversion at or below 35 %",
            Self::Authgear => "country ratio, as authgear publishes it",
            Self::AuthgearTuned => "country ratio, tuned",
        }
    }

    /// Reads a list; this crate is always in it, and first.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        if text == "all" {
            return Ok(Self::ALL.to_vec());
        }
        let mut rivals = vec![Self::Otpgate];
        for word in text.split(',').filter(|word| *word != "none") {
            let found = Self::ALL.into_iter().find(|rival| rival.name() == word);
            let rival = found.ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("--against `{word}` is none of {names}, all, none")
            })?;
            if !rivals.contains(&rival) {
                rivals.push(rival);
            }
        }
        Ok(rivals)
    }

    /// One who has seen nothing yet.
    pub fn judge(
        self,
        options: &Options,
        trace: &Trace,
        begins_ms: u64,
    ) -> Result<Box<dyn Judge>, String> {
        // A rule with a history would refuse on its first day what it does not know yet.
        fn learning(judge: impl Judge + 'static, until_ms: u64) -> Box<dyn Judge> {
            Box::new(Learning { judge, until_ms })
        }
        Ok(match self {
            Self::Otpgate if options.bare => Box::new(Bare::new(options)?),
            Self::Otpgate => {
                let mut choices = match &options.policy {
                    Some(file) => policy::read(file)?,
                    None => Choices::default(),
                };
                choices.gates = options.gates;
                let start = trace.rows.first().map_or(0, |row| row.at_ms);
                Box::new(Host::new(&choices, &prices(trace), start)?)
            }
            Self::Naive => learning(Naive::default(), begins_ms),
            Self::Prefix => learning(Prefix::twilio_like(), begins_ms),
            Self::Conversion => learning(Prefix::conversion_35(), begins_ms),
            Self::Authgear => learning(Authgear::published(), begins_ms),
            Self::AuthgearTuned => learning(Authgear::tuned(), begins_ms),
        })
    }
}
