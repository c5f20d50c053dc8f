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
    let pause = desk.post(&[("do", "pause"), ("hours", "1"), ("reason", "r")]).await;
    assert_eq!(pause.status(), StatusCode::OK, "the question needs no store");
    let enter = entry("block", "country", "LV", "1", "keep this text");
    let response = desk.post(&enter).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&response).contains("value=\"keep this text\""));
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
