//! What the pages show, and what never stands on them.

use super::*;

#[tokio::test]
async fn an_entry_without_a_reason_is_not_made_and_the_text_stays() {
    let desk = desk();
    let fields = |kind, value| {
        [
            ("do", "enter"),
            ("effect", "allow"),
            ("kind", kind),
            ("value", value),
            ("hours", "72"),
            ("purpose", "log-in"),
            ("reason", "  "),
        ]
    };
    let response = desk.post(&fields("prefix", "+4915112")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&response);
    for kept in [
        "Give a reason",
        "<option value=\"allow\" selected>",
        "<option value=\"prefix\" selected>",
        "<option value=\"72\" selected>",
        "value=\"+4915112\"",
        "value=\"log-in\"",
    ] {
        assert!(page.contains(kept), "{kept} is gone");
    }
    assert!(desk.entries().await.is_empty());
    // A number and an account are typed again.
    for (kind, value) in [("number", BOB), ("user", "account-4711")] {
        let page = text(&desk.post(&fields(kind, value)).await);
        assert!(!page.contains(value) && !page.contains(value.trim_start_matches('+')), "{kind}");
    }
    let long = "x".repeat(201);
    let response = desk.post(&[("do", "trust-clock"), ("reason", &long)]).await;
    assert!(text(&response).contains(&long), "nobody types 201 letters twice");
    for (kind, value) in
        [("country", BOB), ("network", BOB), ("prefix", BOB), ("number", "0151 1234")]
    {
        let fields = entry("block", kind, value, "1", "r");
        let page = text(&desk.post(&fields).await);
        let words = page.split("Not done.").nth(1).unwrap().split("</p>").next().unwrap();
        assert!(!words.contains("4915798765432") && !words.contains("1234"), "{words}");
    }
}

#[tokio::test]
async fn what_people_write_stays_text() {
    let desk = desk();
    let attack = "\"><script>alert(1)</script><b onclick='x'>&amp;";
    let shown =
        "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;&amp;amp;";
    let fields = entry("block", "country", "LV", "24", attack);
    let who = "<i>mallory</i> \"the\" 'op'";
    assert_eq!(desk.post_as(who, &fields).await.status(), StatusCode::SEE_OTHER);
    let page = desk.page().await;
    assert!(page.contains(shown), "the entry's reason");
    assert!(page.contains("&lt;i&gt;mallory&lt;/i&gt; &quot;the&quot; &#39;op&#39;"));
    assert!(!page.contains("<i>") && !page.contains("<script") && !page.contains("<b onclick"));
    // In a form that is shown again, in the second question, and in what a link asks for.
    let kept = text(
        &desk
            .post_as(
                who,
                &[
                    ("do", "enter"),
                    ("kind", "x"),
                    ("value", attack),
                    ("purpose", attack),
                    ("factor", attack),
                    ("reason", attack),
                ],
            )
            .await,
    );
    let asked =
        text(&desk.post_as(who, &[("do", "pause"), ("hours", "1"), ("reason", attack)]).await);
    let query = encoded(&[
        ("effect", attack),
        ("kind", "prefix"),
        ("value", attack),
        ("hours", attack),
        ("refresh", attack),
        ("done", attack),
    ]);
    let linked = text(&desk.get_as("ada", &format!("?{query}")).await);
    for page in [kept, asked, linked] {
        assert!(page.contains("&lt;script&gt;alert(1)"), "it is there, as text");
        assert!(!page.contains("<script") && !page.contains("<b onclick") && !page.contains("<i>"));
    }
}

#[tokio::test]
async fn no_number_code_or_address_is_on_the_page() {
    let desk = attacked().await;
    let mut needles = Needles::new();
    for index in 0..200 {
        needles.number("a person's number", &german(index * 7_919));
        needles.number("a pumped number", &pumped(index));
    }
    for code in desk.house.codes() {
        needles.code("a code", &code);
    }
    needles.number("a blocked number", BOB);
    let fields = entry("block", "number", BOB, "24", "asked us to stop");
    desk.done(&fields, "entered").await;
    let page = desk.page().await;
    assert!(page.contains("Attack: ") && page.contains("+998941"), "{page}");
    assert!(page.contains("asked us to stop") && page.contains("one number (#"));
    let hits = needles.scan(&page);
    assert_eq!(hits, [], "{page}");
}

#[tokio::test]
async fn while_the_store_is_out_the_page_says_so_and_still_shows_what_it_knows() {
    let broken = FailNth::new(MemoryStore::default(), Verb::Tally, 0, StoreErrorKind::Unavailable);
    let desk = desk_with(broken, |builder| builder.policy(quick(Policy::default())));
    let clearance = desk.house.clearance(ALICE).await;
    assert!(desk.house.gate.issue(clearance).await.is_err());
    let response = desk.get_as("ada", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = text(&response);
    assert!(page.contains("Store outage") && page.contains("The store gives no answer"));
    assert!(page.contains("Outage (store)"), "what happened is in the log");
    let again = text(&desk.get_as("ada", "?refresh=15").await);
    assert!(
        again.contains("<meta http-equiv=\"refresh\" content=\"15\">"),
        "it asks again by itself"
    );
    let pause = desk.post(&[("do", "pause"), ("hours", "1"), ("reason", "r")]).await;
    assert_eq!(pause.status(), StatusCode::OK, "the question needs no store");
    let enter = entry("block", "country", "LV", "1", "keep this text");
    let response = desk.post(&enter).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&response).contains("value=\"keep this text\""));
}

/// A prefix stands on the page, and a person's number must not.
#[tokio::test]
async fn a_whole_number_is_not_taken_for_a_prefix() {
    let desk = desk();
    for whole in [
        "+4520123456",
        "+37251234567",
        "+298211234",
        "+62812345678",
        "+358041234567", // with a trunk prefix
        "+4520123456x",  // no digit is left out: a Danish number has eight
    ] {
        let response = desk.post(&entry("block", "prefix", whole, "24", "asked us to stop")).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{whole}");
        let page = text(&response);
        assert!(page.contains("may be a whole number"), "{whole}: {page}");
        assert!(!page.contains(&whole[1..]), "{whole}: {page}");
    }
    desk.done(&entry("block", "prefix", "+452012", "24", "pumped"), "entered").await;
}

/// The hundred numbers that begin with what is a whole number itself, as the links of a place write it.
#[tokio::test]
async fn a_prefix_as_long_as_a_number_is_written_with_an_x_for_each_digit_left_out() {
    let desk = desk();
    for block in ["+62812345678xx", "+4366412345xx", "+35841234567xx"] {
        for effect in ["block", "extend-auto", "lift-auto", "forbid-auto"] {
            let query = encoded(&[("effect", effect), ("kind", "prefix"), ("value", block)]);
            let page = text(&desk.get_as("ada", &format!("?{query}")).await);
            assert!(page.contains(&format!("value=\"{block}\"")), "{block}: {page}");
            desk.done(&entry(effect, "prefix", block, "24", "pumped"), "entered").await;
        }
        let refused = text(&desk.post(&entry("block", "prefix", block, "24", " ")).await);
        assert!(refused.contains(&format!("value=\"{block}\"")), "the text stays: {refused}");
        let entered = *desk.entries().await.last().unwrap().target();
        assert_eq!(entered, Target::Prefix(block.parse().unwrap()), "{block}");
    }
}

/// However it was written, and whatever it was written for.
#[tokio::test]
async fn a_number_that_was_typed_is_typed_again() {
    let desk = desk();
    for whole in [
        "+45 20 12 34 56",
        "+45-2012-3456",
        "0045 20123456",
        "4520123456",
        "+４５２０１２３４５６",
        "+49 30 12345678", // a landline
        "0151 12345678",
        "tel:+4520123456",
        "+4520123456#9",
        "+45 20123456 / +45 20123457",
        "Ana, +45 20 12 34 56",
        "+45201234567890123",
    ] {
        for kind in ["prefix", "country", "network"] {
            let response = desk.post(&entry("block", kind, whole, "24", "pumped")).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{whole}");
            let page = text(&response);
            assert!(!page.contains(whole), "{whole} as {kind}: {page}");
        }
    }
    for kept in ["+998 99394", "+49151x12", "203.0.113.0/24", "2001:db8::/48"] {
        let page = text(&desk.post(&entry("block", "country", kept, "24", "pumped")).await);
        assert!(page.contains(&format!("value=\"{kept}\"")), "{kept}: {page}");
    }
}

/// The host slept for a day: the store answers, and what ends it is a form of the page.
#[tokio::test]
async fn clocks_that_disagree_are_no_outage_of_the_store() {
    let clock = ManualClock::new(NOON);
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let desk = desk_with(store, |builder| builder.clock(clock.clone()).clock_skew(seconds(60)));
    assert!(desk.page().await.contains("Calm"));
    clock.set_wall(NOON + hours(25));
    let page = text(&desk.get_as("ada", "").await);
    for words in ["Clocks disagree", "<b>The clocks disagree.</b>", "href=\"#one\">vouch"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Store outage") && !page.contains("The store gives no answer"));
    assert!(!text(&desk.get_as("bob-trainee", "").await).contains("href=\"#one\">vouch"));
    let vouched = [("do", "trust-clock"), ("reason", "NTP is right, the machine slept")];
    desk.done(&vouched, "clock").await;
    assert!(!desk.page().await.contains("Clocks disagree"));
}

#[tokio::test]
async fn every_entry_can_be_seen_and_lifted_however_many_there_are() {
    let desk = desk();
    let controls = desk.house.gate.controls();
    let mut ids = Vec::new();
    for index in 0..205 {
        let prefix = Target::Prefix(format!("+99894{index:04}").parse().unwrap());
        let (why, ada) = (Reason::new("pumping").unwrap(), Actor::new("ada").unwrap());
        ids.push(controls.enter(prefix, Effect::Block, why, ada, None).await.unwrap());
    }
    let shown = |page: &str| -> Vec<usize> {
        let entry = |index: &usize| page.contains(&format!("numbers +99894{index:04}…"));
        (0..205).filter(entry).collect()
    };
    let first = desk.page().await;
    assert_eq!(shown(&first), (105..205).collect::<Vec<_>>(), "the newest first");
    assert!(first.contains("Entries 1 to 100 of 205") && !first.contains(">Newer<"), "{first}");
    assert!(first.contains("<a href=\"/otp-console?entries=2#entries\">Older</a>"));
    let second = text(&desk.get_as("ada", "?entries=2").await);
    assert_eq!(shown(&second), (5..105).collect::<Vec<_>>());
    assert!(second.contains("Entries 101 to 200 of 205"), "{second}");
    assert!(second.contains("<a href=\"/otp-console?entries=1#entries\">Newer</a>"));
    assert!(second.contains("<a href=\"/otp-console?entries=3#entries\">Older</a>"));
    let last = text(&desk.get_as("bob-trainee", "?entries=3").await);
    assert_eq!(shown(&last), (0..5).collect::<Vec<_>>());
    assert!(last.contains("Entries 201 to 205 of 205") && !last.contains(">Older<"), "{last}");
    for none in ["0", "-1", "x", "99999999999999999999"] {
        let page = text(&desk.get_as("ada", &format!("?entries={none}")).await);
        assert_eq!(shown(&page), (105..205).collect::<Vec<_>>(), "{none}");
    }
    let past = text(&desk.get_as("ada", "?entries=4").await);
    assert_eq!(shown(&past), (0..5).collect::<Vec<_>>(), "the last page there is");

    // A form that was not taken comes back on the page where its entry is.
    let id = ids[2].to_string();
    let kept = text(&desk.post(&[("do", "lift"), ("id", &id), ("reason", " ")]).await);
    assert_eq!(shown(&kept), (0..5).collect::<Vec<_>>());
    assert!(kept.contains("<details open><summary>Lift…"), "{kept}");
    desk.done(&[("do", "lift"), ("id", &id), ("reason", "over")], "lifted").await;
    assert_eq!(desk.entries().await.len(), 204);
}

/// A page on a wall must not stand still since somebody pressed a button on it, or since the host could not say
/// for a moment who looks.
#[tokio::test]
async fn a_page_that_reloads_goes_on_after_a_form_and_an_outage() {
    let desk = desk();
    let reload = |seconds: &str| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">");
    let page = text(&desk.get_as("ada", "?refresh=15").await);
    assert!(page.contains(&reload("15")));
    assert_eq!(hidden(&page, "refresh"), "15");
    let entry = entry("block", "prefix", "+99899394", "24", "pumping");
    let done = desk.post(&[&entry[..], &[("refresh", "15")]].concat()).await;
    assert_eq!(done.headers()["location"], "/otp-console?done=entered&refresh=15");
    let page = text(&desk.get_as("ada", "?done=entered&refresh=15").await);
    assert!(page.contains(&reload("15;url=/otp-console?refresh=15")), "what was done is said once");

    // The second question, and the way back from it.
    let pause = [("do", "pause"), ("hours", "1"), ("reason", "r"), ("refresh", "15")];
    let asked = text(&desk.post(&pause).await);
    assert_eq!(hidden(&asked, "refresh"), "15");
    assert!(asked.contains("href=\"/otp-console?refresh=15\">No, go back"), "{asked}");

    // While somebody writes, the page stays; it says for later how often.
    let kept = [("do", "trust-clock"), ("reason", " "), ("refresh", "60")];
    let kept = text(&desk.post(&kept).await);
    let link = "?effect=block&kind=prefix&value=%2B99894123&hours=24&refresh=60";
    for page in [kept, text(&desk.get_as("ada", link).await)] {
        assert!(!page.contains("http-equiv"), "{page}");
        assert_eq!(hidden(&page, "refresh"), "60");
    }

    for (query, reloads) in [("?refresh=60", true), ("", false), ("?refresh=1", false)] {
        let page = desk.get_as("broken", query).await;
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text(&page).contains(&reload("60")), reloads, "{query}");
    }
}

/// Two weeks ago is not tonight.
#[tokio::test]
async fn what_happened_before_tonight_has_its_date() {
    let desk = desk();
    desk.done(&entry("block", "prefix", "+99899394", "168", "pumping"), "entered").await;
    let when = |page: &str| {
        let (_, rest) = page.split_once("<time>").expect("a notice");
        rest.split_once("</time>").unwrap().0.to_owned()
    };
    let tonight = when(&desk.page().await);
    assert_eq!(tonight.len(), "12:00".len(), "{tonight}");
    desk.house.clock.advance(hours(14 * 24));
    let dated = when(&desk.page().await);
    assert!(dated.len() > tonight.len() && dated.ends_with(&format!(" {tonight}")), "{dated}");
}
