//! The page while somebody pumps.

use otpgate::Money;
use otpgate::pumping::PriceTable;

use super::*;

/// A burst that is held up before any place is under alarm: it must not look like a calm night.
#[tokio::test]
async fn a_burst_that_is_held_up_is_seen() {
    let desk = desk_with(MemoryStore::default(), |builder| {
        builder.policy(quick(Policy::default())).tuning(Tuning::default())
    });
    assert!(desk.page().await.contains("<p class=\"state good\">Calm</p>"));
    let mut asked = 0;
    for index in 0..60 {
        let who = client(1_000 + index as u32 * 3);
        let sent = desk.house.try_send_for(&pumped(index), &Purpose::SIGN_UP, &who).await;
        asked += u32::from(matches!(sent, Sent::StepUp(_)));
    }
    assert!(asked > 30, "{asked}");
    let page = desk.page().await;
    assert!(page.contains(&format!("Watching: {asked} asked to prove more")), "{page}");
    let words = ["Why clients were asked to prove more", "The last one: pumping: ", "unanswered"];
    for words in words {
        assert!(page.contains(words), "{words}: {page}");
    }
    let mut needles = Needles::new();
    (0..60).for_each(|index| needles.number("a pumped number", &pumped(index)));
    assert_eq!(needles.scan(&page), []);
}

/// Where an entry forbids the detector to act, texts go out: nobody is asked for anything there.
#[tokio::test]
async fn a_place_where_the_detector_may_not_act_is_not_watched() {
    let desk = attacked().await;
    let controls = desk.house.gate.controls();
    desk.house.clock.advance(minutes(61));
    let state = async || {
        let page = desk.page().await;
        let (_, state) = page.split_once("<p class=\"state ").unwrap();
        (state.split_once("</p>").unwrap().0.to_owned(), page.matches(">Passes</span>").count())
    };
    let (watching, passing) = state().await;
    assert!(
        watching.starts_with("warn\">Watching: ") && watching.ends_with(" places"),
        "{watching}"
    );
    assert_eq!(passing, 0);
    let (why, ada) = (Reason::new("our own campaign").unwrap(), Actor::new("ada").unwrap());
    let forbid = Effect::ForbidAutomaticBlock;
    controls.enter(Target::Everything, forbid, why, ada, None).await.unwrap();
    let (calm, passing) = state().await;
    assert_eq!(calm, "good\">Calm");
    assert!(passing > 1, "they are still shown");
}

/// The attack is over, and an entry refuses for as long as it lasts.
#[tokio::test]
async fn what_an_entry_refuses_is_no_attack() {
    let desk = attacked().await;
    assert!(desk.page().await.contains("Attack: "));
    desk.done(&entry("extend-auto", "prefix", "+99894", "168", "ticket 4711"), "entered").await;
    desk.house.clock.advance(minutes(100));
    let page = desk.page().await;
    assert!(page.contains("Entry 1 of the controls refuses all texts here."), "{page}");
    assert!(!page.contains("Attack: "), "{page}");
}

/// Nothing is refused in shadow mode, and nothing says that it is.
#[tokio::test]
async fn in_shadow_mode_nothing_says_that_it_is_refused() {
    let desk = attacked_in(Mode::Observe).await;
    let page = desk.page().await;
    assert_eq!(desk.house.log.count(|kind| matches!(kind, EventKind::Refused { .. })), 0);
    for words in [">Refuses<", ">Asks<", "Refused since", "Attack: "] {
        assert!(!page.contains(words), "{words}: {page}");
    }
    let would = desk.house.log.count(|kind| matches!(kind, EventKind::WouldRefuse { .. }));
    assert!(would > 0);
    for words in [
        ">Would refuse<",
        "It would be refused since",
        "Attack that goes through: ",
        "Would be refused in the last hour</h3><p class=\"figure\">",
        "<b>Shadow mode.</b>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // What an operator extends is no experiment.
    desk.done(&entry("extend-auto", "prefix", "+99894", "168", "ticket 4711"), "entered").await;
    let page = desk.page().await;
    assert!(page.contains(">Refuses<") && page.contains("refuses all texts here"), "{page}");
}

/// Shadow mode for one country or one purpose alone is said of that.
#[tokio::test]
async fn shadow_mode_is_said_of_what_it_is_for() {
    let page = async |change: fn(&mut Policy)| {
        let mut policy = quick(Policy::default());
        change(&mut policy);
        desk_with(MemoryStore::default(), |builder| builder.policy(policy)).page().await
    };
    let words = "Shadow mode";
    assert!(!page(|_| {}).await.contains(words));
    let one = page(|policy| policy.mode.countries.extend([(Region::UZ, Mode::Observe)])).await;
    assert!(one.contains("<b>Shadow mode in part.</b>") && one.contains("country UZ"), "{one}");
    let one = page(|policy| policy.mode.purposes.extend([(Purpose::LOG_IN, Mode::Observe)]));
    let one = one.await;
    assert!(one.contains("<b>Shadow mode in part.</b>") && one.contains("log-in"), "{one}");
}

/// Where an entry decides, the way to change it is to lift the entry.
#[tokio::test]
async fn beside_a_place_where_an_entry_decides_is_the_way_to_lift_it() {
    let desk = attacked().await;
    let page = desk.page().await;
    assert!(page.contains(">Refuse longer</a>") && !page.contains("Lift entry "), "{page}");
    desk.done(&entry("extend-auto", "prefix", "+99894", "168", "ticket 4711"), "entered").await;
    let page = desk.page().await;
    let (_, link) = page.split_once("href=\"/otp-console?lift=1#entries\">").expect(&page);
    assert!(link.starts_with("Lift entry 1</a>"));
    let opened = text(&desk.get_as("ada", "?lift=1").await);
    assert!(opened.contains("<details open><summary>Lift…"), "{opened}");
    desk.done(&[("do", "lift"), ("id", "1"), ("reason", "our own")], "lifted").await;
    assert!(!desk.page().await.contains("Lift entry "));
}

/// Writes the pages into a folder, to look at them in a browser.
#[tokio::test]
async fn pages_to_look_at() {
    let Some(folder) = std::env::var_os("OTPGATE_CONSOLE_PAGES") else { return };
    let folder = std::path::PathBuf::from(folder);
    let empty = desk();
    let attack = attacked().await;
    let page = empty.page().await;
    let style = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let css = empty.ask(Request::get(style).body(String::new()).unwrap()).await;
    let place = folder.join(style.trim_start_matches('/'));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, css.body()).unwrap();
    let write = |name: &str, page: &str| std::fs::write(folder.join(name), page).unwrap();
    write("empty.html", &page);
    let (why, ada) =
        (Reason::new("pumping since 02:40, ticket 4711").unwrap(), Actor::new("ada").unwrap());
    let controls = attack.house.gate.controls();
    let prefix = Target::Prefix("+99894123".parse().unwrap());
    let until = Some(controls.now() + hours(24));
    controls.enter(prefix, Effect::Block, why.clone(), ada.clone(), until).await.unwrap();
    let number = controls.number(&recipient(BOB));
    controls.enter(number, Effect::Allow, why, ada, None).await.unwrap();
    write("attack.html", &attack.page().await);
    write("kept.html", &text(&attack.post(&entry("block", "prefix", "+99894123", "24", "")).await));
    write(
        "question.html",
        &text(
            &attack
                .post(&[
                    ("do", "pause"),
                    ("hours", "2"),
                    ("reason", "toll fraud since 02:40, ticket 4711"),
                ])
                .await,
        ),
    );
    write("trainee.html", &text(&attack.get_as("bob-trainee", "").await));
    attack.house.clock.advance(minutes(100));
    write("calm.html", &attack.page().await);
}

/// Nobody attacks, and nobody gets a text: the page names it, and whose budget it was.
#[tokio::test]
async fn a_budget_that_is_used_up_is_not_calm() {
    let desk_of = |change: fn(&mut Policy), cents: u64| {
        desk_with(MemoryStore::default(), |builder| {
            let mut policy = quick(Policy::default());
            (policy.budget.message, policy.budget.soft_percent) = (Money::cents(10), 100);
            change(&mut policy);
            let prices = PriceTable::builtin().with(*b"DE", Money::cents(10));
            builder.policy(policy).prices(prices).daily_budget(Money::cents(cents))
        })
    };
    for (change, cents, state, tier) in [
        ((|_: &mut Policy| {}) as fn(&mut Policy), 30, "Budget used up", "Budget (realm): 100 "),
        (|_| {}, 35, "Budget: 2 refused in an hour", "Budget (realm): 100 "),
        (
            |policy| policy.budget.global = Some(Money::cents(30)),
            300,
            "Budget of all realms used up",
            "Budget (all realms): 100 ",
        ),
        (
            |policy| policy.budget.country = Some(Money::cents(30)),
            300,
            "Budget: 2 refused in an hour",
            "Budget (country DE): 100 ",
        ),
        (
            |policy| policy.budget.purpose = Some(Money::cents(30)),
            300,
            "Budget: 2 refused in an hour",
            "Budget (purpose sign-up): 100 ",
        ),
    ] {
        let desk = desk_of(change, cents);
        for index in 0..5 {
            let (number, who) = (german(index * 7_919), client(index as u32));
            let _ = desk.house.insist(&number, &Purpose::SIGN_UP, &who).await;
        }
        assert_eq!(desk.house.texts(), 3, "{state}");
        let page = desk.page().await;
        assert!(page.contains(&format!("<p class=\"state bad\">{state}</p>")), "{page}");
        assert!(page.contains(&format!("{tier}percent are used")), "{tier}: {page}");
    }
}
