//! Where the gate only observes, and what is said of it.

use super::View;
use crate::policy::{Mode, ModePolicy};
use crate::pumping::{Action, NodeView};
use crate::recipient::Region;
use crate::web::console::html::Html;

/// Whether what is decided is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shadow {
    /// It is done.
    No,
    /// For some purposes or countries it is only observed.
    Partly,
    /// It is only observed.
    Yes,
}

impl Shadow {
    /// Whether it is so in a place: of the country `region`, or of all.
    fn of(mode: &ModePolicy, region: Option<Region>) -> Self {
        let own = region.and_then(|region| mode.countries.get(&region));
        let usual = *own.unwrap_or(&mode.general);
        // A country's mode is that of all purposes.
        let purposes = mode.purposes.values().filter(|_| own.is_none());
        let countries = mode.countries.values().filter(|_| region.is_none());
        match (purposes.chain(countries).any(|other| *other != usual), usual) {
            (true, _) => Self::Partly,
            (false, Mode::Enforce) => Self::No,
            (false, Mode::Observe) => Self::Yes,
        }
    }

    /// What the detector does to a place, in words.
    pub(super) const fn action(self, action: Action) -> &'static str {
        match (self, action) {
            (_, Action::Pass) => "Passes",
            (Self::No, Action::Ask) => "Asks",
            (Self::No, Action::Refuse) => "Refuses",
            (Self::Partly, Action::Ask) => "Asks in part",
            (Self::Partly, Action::Refuse) => "Refuses in part",
            (Self::Yes, Action::Ask) => "Would ask",
            (Self::Yes, Action::Refuse) => "Would refuse",
        }
    }
}

impl View<'_> {
    /// Whether what the detector decides about a place is only observed. What an entry decides is done.
    pub(super) fn shadow_at(&self, place: &NodeView) -> Shadow {
        match (&self.snapshot, place.entry) {
            (Ok(now), None) => {
                let letters = place.region.map(|letters| letters.map(char::from));
                let region = letters.and_then(|it| it.iter().collect::<String>().parse().ok());
                Shadow::of(&now.mode, region)
            }
            _ => Shadow::No,
        }
    }

    /// Whether it is so everywhere.
    pub(super) fn shadow(&self) -> Shadow {
        self.snapshot.as_ref().map_or(Shadow::No, |now| Shadow::of(&now.mode, None))
    }
}

/// That what is shown as decided is not done, and where.
pub(super) fn shadow(html: &mut Html, view: &View<'_>) {
    let Ok(now) = &view.snapshot else { return };
    let (mode, goes) = (&now.mode, "What limits and the detector would refuse or ask for goes out");
    match view.shadow() {
        Shadow::No => return,
        Shadow::Yes => html.raw("<p class=\"banner bad\"><b>Shadow mode.</b> ").raw(goes).raw("."),
        Shadow::Partly => {
            html.raw("<p class=\"banner bad\"><b>Shadow mode in part.</b> ").raw(goes);
            html.raw(if mode.general == Mode::Observe { ", but not for" } else { " for" });
            let purposes = mode.purposes.iter().filter(|(_, of)| **of != mode.general);
            let countries = mode.countries.iter().filter(|(_, of)| **of != mode.general);
            let names = purposes.map(|(purpose, _)| purpose.as_str().to_owned());
            let names = names.chain(countries.map(|(region, _)| format!("country {region}")));
            html.raw(" ").text(names.collect::<Vec<_>>().join(", ")).raw(".")
        }
    };
    html.raw(" Entries of operators hold all the same.</p>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Purpose;

    #[test]
    fn a_place_is_observed_where_every_request_to_it_is() {
        let mut mode = ModePolicy::default();
        assert_eq!(Shadow::of(&mode, Some(Region::UZ)), Shadow::No);
        mode.countries.insert(Region::UZ, Mode::Observe);
        assert_eq!(Shadow::of(&mode, Some(Region::UZ)), Shadow::Yes);
        assert_eq!(Shadow::of(&mode, Some(Region::DE)), Shadow::No);
        assert_eq!(Shadow::of(&mode, None), Shadow::Partly);
        mode.purposes.insert(Purpose::LOG_IN, Mode::Observe);
        assert_eq!(Shadow::of(&mode, Some(Region::DE)), Shadow::Partly);
        assert_eq!(Shadow::of(&mode, Some(Region::UZ)), Shadow::Yes);
        mode.general = Mode::Observe;
        assert_eq!(Shadow::of(&mode, None), Shadow::Yes);
        mode.countries.insert(Region::UZ, Mode::Enforce);
        assert_eq!(Shadow::of(&mode, Some(Region::UZ)), Shadow::No);
        assert_eq!(Shadow::of(&mode, Some(Region::DE)), Shadow::Yes);
    }
}
