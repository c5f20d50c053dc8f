//! Reading a policy file.

use std::fs;
use std::path::Path;

use otpgate::{Money, Policy};
use serde::Deserialize;

use super::host::Choices;

/// A policy file: what a host would hand to the gate's builder. Everything may be left out.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    /// The most a realm may spend in 24 hours, in dollars. Default: no bound.
    daily_budget: Money,
    /// Whether there is a CAPTCHA to ask for. Default: yes.
    human_check: bool,
    /// Whether numbers get texts that the numbering table calls unassigned or no mobile. Default: no.
    any_number: bool,
    costs: Costs,
    policy: Policy,
}

/// What a wrong decision costs, in dollars.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Costs {
    user_value: f32,
    reference_daily: f32,
    challenge_cost: f32,
}

impl Default for File {
    fn default() -> Self {
        let choices = Choices::default();
        Self {
            daily_budget: choices.daily_budget,
            human_check: choices.human_check,
            any_number: choices.any_number,
            costs: Costs::default(),
            policy: choices.policy,
        }
    }
}

impl Default for Costs {
    fn default() -> Self {
        let costs = otpgate::pumping::Costs::default();
        Self {
            user_value: costs.user_value,
            reference_daily: costs.reference_daily,
            challenge_cost: costs.challenge_cost,
        }
    }
}

pub fn read(path: &Path) -> Result<Choices, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    let file: File = toml::from_str(&text).map_err(|error| named(&error))?;
    file.policy.check().map_err(|error| named(&error))?;
    let mut costs = otpgate::pumping::Costs::default();
    costs.user_value = file.costs.user_value;
    costs.reference_daily = file.costs.reference_daily;
    costs.challenge_cost = file.costs.challenge_cost;
    Ok(Choices {
        policy: file.policy,
        daily_budget: file.daily_budget,
        costs,
        human_check: file.human_check,
        any_number: file.any_number,
        ..Choices::default()
    })
}
