//! The emergency stop beside other entries that switch SMS off: later, for one purpose, or not for
//! long enough.

use otpgate::access::Draft;

use super::*;

/// Says yes to the second question of a page.
async fn yes(desk: &Desk, question: &Response<Bytes>) -> Response<Bytes> {
    assert_eq!(question.status(), StatusCode::OK, "{}", text(question));
    let page = text(question);
    let names = ["token", "what", "reason", "hours", "entries", "confirmation"];
    let mut fields = vec![("do", "confirm")];
    fields.extend(names.map(|name| (name, hidden(&page, name))));
    desk.send("ada", OWN, encoded(&fields)).await
}

async fn pause(desk: &Desk, hours: &str) -> Response<Bytes> {
    let asked = desk.post(&[("do", "pause"), ("hours", hours), ("reason", "toll fraud")]).await;
    assert!(text(&asked).contains("Pause all SMS?"), "{}", text(&asked));
    yes(desk, &asked).await
}

async fn resume(desk: &Desk) -> Response<Bytes> {
    let asked = desk.post(&[("do", "resume"), ("reason", "over")]).await;
    yes(desk, &asked).await
}

fn leads_to(response: &Response<Bytes>, place: &str) {
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "{}", text(response));
    assert_eq!(response.headers()["location"], format!("/otp-console?done={place}"));
}

/// Whether somebody gets a text; everybody asks from an address of their own.
async fn goes_out(desk: &Desk, person: u32, purpose: &Purpose) -> bool {
    let (number, who) = (german(u64::from(person) * 7_919), client(500_000 + person));
    matches!(desk.house.try_send_for(&number, purpose, &who).await, Sent::Issued(_))
}

fn sms_off(reason: &str) -> Draft {
    let (why, bob) = (Reason::new(reason).unwrap(), Actor::new("bob").unwrap());
    Draft::new(Target::Everything, Effect::SmsOff, why, bob).unwrap()
}

fn shows_a_pause(page: &str) -> bool {
    let (state, switch) =
        (page.contains("All SMS paused"), page.contains("All SMS is paused</h2>"));
    assert_eq!(state, switch, "the state says what the switch does");
    state
}

#[tokio::test]
async fn a_pause_of_tomorrow_keeps_nobody_from_pausing_tonight() {
    let desk = desk();
    let controls = desk.house.gate.controls();
    let (from, until) = (controls.now() + hours(24), controls.now() + hours(30));
    let later = sms_off("the provider's maintenance").since(from).until(until);
    let tomorrow = controls.enter_draft(later).await.unwrap();
    assert!(goes_out(&desk, 1, &Purpose::SIGN_UP).await);
    assert!(!shows_a_pause(&desk.page().await));
    let nothing = desk.post(&[("do", "resume"), ("reason", "over")]).await;
    assert!(text(&nothing).contains("SMS is not paused"), "{}", text(&nothing));

    leads_to(&pause(&desk, "2").await, "paused");
    assert!(shows_a_pause(&desk.page().await));
    assert!(!goes_out(&desk, 2, &Purpose::SIGN_UP).await);

    // Tonight's is over, and tomorrow's stands.
    leads_to(&resume(&desk).await, "resumed");
    assert!(goes_out(&desk, 3, &Purpose::SIGN_UP).await);
    let entries = desk.entries().await;
    assert_eq!(entries.iter().map(Control::id).collect::<Vec<_>>(), [tomorrow]);
    // To lift what stops nobody yet resumes nothing.
    let id = tomorrow.to_string();
    desk.done(&[("do", "lift"), ("id", &id), ("reason", "postponed")], "lifted").await;
    assert!(desk.entries().await.is_empty());
}

#[tokio::test]
async fn sms_off_for_one_purpose_is_no_pause() {
    let desk = desk();
    let fields = entry("sms-off", "everything", "", "6", "sign-ups are closed");
    desk.done(&[&fields[..], &[("purpose", "sign-up")]].concat(), "entered").await;
    let entries = desk.entries().await;
    assert_eq!((entries.len(), entries[0].purpose()), (1, Some("sign-up")));
    assert!(!goes_out(&desk, 1, &Purpose::SIGN_UP).await);
    assert!(goes_out(&desk, 1, &Purpose::RESET).await, "the other purposes go on");
    let page = desk.page().await;
    assert!(!shows_a_pause(&page) && page.contains("for sign-up only"));
    let bad = desk.post(&[&fields[..], &[("purpose", "no purpose")]].concat()).await;
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY, "{}", text(&bad));

    leads_to(&pause(&desk, "2").await, "paused");
    assert!(!goes_out(&desk, 2, &Purpose::RESET).await);
    leads_to(&resume(&desk).await, "resumed");
    assert!(goes_out(&desk, 3, &Purpose::RESET).await);
    assert!(!goes_out(&desk, 3, &Purpose::SIGN_UP).await, "what was off before stays off");
    let id = entries[0].id().to_string();
    desk.done(&[("do", "lift"), ("id", &id), ("reason", "open again")], "lifted").await;
    assert!(goes_out(&desk, 4, &Purpose::SIGN_UP).await);
}

/// "Prefer one hour, twice, to no end."
#[tokio::test]
async fn a_pause_is_prolonged_and_resumed_as_one() {
    let desk = desk();
    leads_to(&pause(&desk, "1").await, "paused");
    let again = pause(&desk, "1").await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&again).contains("paused already"), "{}", text(&again));

    desk.house.clock.advance(minutes(50));
    let page = desk.page().await;
    assert!(shows_a_pause(&page) && page.contains("Pause for longer…"), "{page}");
    leads_to(&pause(&desk, "1").await, "paused");
    desk.house.clock.advance(minutes(20));
    assert!(!goes_out(&desk, 1, &Purpose::SIGN_UP).await, "the first hour is over");
    assert!(shows_a_pause(&desk.page().await));

    // Without an end is longer than any.
    leads_to(&pause(&desk, "2").await, "paused");
    leads_to(&pause(&desk, "").await, "paused");
    for shorter in ["", "720"] {
        let shorter = pause(&desk, shorter).await;
        assert!(text(&shorter).contains("paused already"), "{}", text(&shorter));
    }
    let page = desk.page().await;
    let (_, switch) = page.split_once("All SMS is paused</h2>").unwrap();
    assert!(switch.split("</p>").next().unwrap().contains("until it is resumed"), "the longest");

    // One of several is lifted at once, since nothing goes out by it; the last one is asked about.
    let ids = desk.entries().await.iter().map(|entry| entry.id().to_string()).collect::<Vec<_>>();
    assert_eq!(ids.len(), 3);
    desk.done(&[("do", "lift"), ("id", &ids[0]), ("reason", "one too many")], "lifted").await;
    leads_to(&resume(&desk).await, "resumed");
    assert!(desk.entries().await.is_empty() && goes_out(&desk, 2, &Purpose::SIGN_UP).await);
}

/// Ordinary Persian has a character without width, and so has a picture of two people.
#[tokio::test]
async fn a_reason_in_any_script_pauses_and_resumes() {
    const REASON: &str = "توقف می\u{200c}کنیم 👩\u{200d}🚒, \u{200f}عطل";
    let desk = desk();
    let asked = desk.post(&[("do", "pause"), ("hours", "2"), ("reason", REASON)]).await;
    let page = text(&asked);
    let (_, shown) = page.split_once("<p>Reason: ").unwrap();
    let shown = shown.split("</p>").next().unwrap();
    assert!(shown.contains("می\u{fffd}کنیم"), "what is not seen is shown: {shown}");
    leads_to(&yes(&desk, &asked).await, "paused");
    assert_eq!(desk.entries().await[0].reason(), REASON);
    let asked = desk.post(&[("do", "resume"), ("reason", REASON)]).await;
    leads_to(&yes(&desk, &asked).await, "resumed");

    // A form that was not taken keeps it as it was typed.
    let wrong = desk.post(&entry("block", "country", "ZZ", "6", REASON)).await;
    assert!(text(&wrong).contains(&format!("value=\"{REASON}\"")), "{}", text(&wrong));
}

#[tokio::test]
async fn what_was_done_is_said_while_it_is_so() {
    let desk = desk();
    let (paused, resumed) = ("is paused, at every gate", "SMS goes out again.");
    let said = async |word: &str| text(&desk.get_as("ada", &format!("?done={word}")).await);
    assert!(!said("paused").await.contains(paused), "nothing is paused");
    leads_to(&pause(&desk, "2").await, "paused");
    assert!(said("paused").await.contains(paused));
    assert!(!said("resumed").await.contains(resumed), "all is paused");
    desk.house.clock.advance(hours(3));
    assert!(!said("paused").await.contains(paused), "the pause is over");
    assert!(said("resumed").await.contains(resumed));
}

/// The console of a tenant.
fn desk_of(realm: &str, change: impl FnOnce(GateBuilder) -> GateBuilder) -> Desk {
    let realm = Realm::new(realm).unwrap();
    let feed = ConsoleFeed::of(&realm);
    let mut house = House::with(|builder| change(builder.observer(feed.clone())));
    house.gate = house.gate.in_realm(&realm);
    let console = Console::new(house.gate.clone(), feed, Staff, &keys(), ORIGIN).unwrap();
    Desk { house, console }
}

/// "All SMS" is that of one tenant, and whoever is on call for another must not think it is theirs.
#[tokio::test]
async fn a_pause_names_the_realm_that_it_is_of() {
    let desk = desk_of("acme", |builder| builder.policy(quick(Policy::default())));
    let page = desk.page().await;
    assert!(page.contains("Pause all SMS of realm acme…</summary>"), "{page}");
    assert!(page.contains("Pause all SMS of realm acme…</button>"), "{page}");
    assert!(
        page.contains("No text goes out to anybody of this realm; other realms go on,"),
        "{page}"
    );
    leads_to(&pause(&desk, "2").await, "paused");
    let page = text(&desk.get_as("ada", "?done=paused").await);
    for words in [
        "All SMS of realm acme paused</p>",
        "All SMS of realm acme is paused, at every gate",
        "All SMS of realm acme is paused</h2>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    leads_to(&resume(&desk).await, "resumed");
    let page = text(&desk.get_as("ada", "?done=resumed").await);
    assert!(page.contains("SMS of realm acme goes out again."), "{page}");
    assert!(page.contains("every limit of all realms is measured by it"), "{page}");

    let only = desk_of("default", |builder| builder.policy(quick(Policy::default())));
    assert!(!only.page().await.contains("of realm"), "a host without tenants has no realms");
}

/// What another tenant spent of the common budget is why nothing goes out here.
#[tokio::test]
async fn the_page_shows_the_budget_that_all_realms_share() {
    let desk = desk_of("acme", |builder| {
        let mut policy = quick(Policy::default());
        policy.budget.message = otpgate::Money::cents(10);
        policy.budget.global = Some(otpgate::Money::cents(20));
        builder.policy(policy)
    });
    let Desk { house, console } = desk;
    let gate = house.gate.in_realm(&Realm::default());
    let other = Desk { house: House { gate, ..house }, console };
    for person in 0..4 {
        let _ = goes_out(&other, person, &Purpose::SIGN_UP).await;
    }
    let page = other.page().await;
    let (_, tile) = page.split_once("Spent by all realms in 24 hours").expect("no tile");
    let tile = tile.split("</div>").next().unwrap();
    assert!(tile.contains("of $0.20 a day"), "{tile}");
    assert!(!tile.contains(">$0.00<"), "{tile}");
    let (_, own) = page.split_once("Spent in 24 hours").expect("no tile");
    assert!(own.split("</div>").next().unwrap().contains(">$0.00<"), "{own}");
}

/// The question was answered too late: the form that led to it is filled in again.
#[tokio::test]
async fn an_old_confirmation_leaves_its_form_as_it_was_written() {
    let desk = desk();
    let pause = [("do", "pause"), ("hours", "24"), ("reason", "toll fraud")];
    let asked = desk.post(&pause).await;
    desk.house.clock.advance(minutes(3));
    let old = yes(&desk, &asked).await;
    assert_eq!(old.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&old);
    let (_, switch) =
        page.split_once("<details id=\"switch\" class=\"switch\" open>").expect("open");
    let switch = switch.split("</details>").next().unwrap();
    assert!(switch.contains("value=\"toll fraud\""), "{switch}");
    assert!(switch.contains("<option value=\"24\" selected>"), "{switch}");

    leads_to(&yes(&desk, &desk.post(&pause).await).await, "paused");
    let asked = desk.post(&[("do", "resume"), ("reason", "it is over")]).await;
    desk.house.clock.advance(minutes(3));
    let old = text(&yes(&desk, &asked).await);
    let (_, switch) = old.split_once("value=\"resume\"").unwrap();
    assert!(switch.split("</form>").next().unwrap().contains("value=\"it is over\""));
}
