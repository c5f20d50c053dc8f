//! Who gets in, and which forms count.

use super::*;

#[tokio::test]
async fn nobody_sees_it_whom_the_host_does_not_name() {
    let desk = desk();
    let request = Request::get("/otp-console").body(String::new()).unwrap();
    let response = desk.ask(request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!text(&response).contains("realm"), "it says nothing of the gate");
    for (who, status) in [
        ("elsewhere", StatusCode::SEE_OTHER),
        ("stranger", StatusCode::FORBIDDEN),
        ("broken", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let response = desk.get_as(who, "").await;
        assert_eq!(response.status(), status);
        assert!(!text(&response).contains("realm"));
        // A form is not led away: browsers hold `form-action` against where a post is led to.
        let posted = if who == "elsewhere" { StatusCode::UNAUTHORIZED } else { status };
        let response = desk.send(who, OWN, "do=pause&reason=x".into()).await;
        assert_eq!(response.status(), posted);
        assert!(!response.headers().contains_key("location"));
    }
    let posted = text(&desk.send("elsewhere", OWN, "do=pause&reason=x".into()).await);
    assert!(posted.contains("You are signed out. Nothing was done."), "{posted}");
    assert!(posted.contains("<a href=\"/staff/sign-in?to=&quot;otp&quot;\">"), "{posted}");
    let away = desk.get_as("elsewhere", "").await;
    assert_eq!(away.headers()["location"], "/staff/sign-in?to=\"otp\"");
    assert!(desk.changes().is_empty());
}

#[tokio::test]
async fn who_may_only_look_gets_no_form_and_changes_nothing() {
    let desk = desk();
    desk.done(&entry("block", "prefix", "+99899394", "24", "pumping"), "entered").await;
    let page = text(&desk.get_as("bob-trainee", "").await);
    assert!(page.contains("looking only") && page.contains("+99899394"));
    assert!(!page.contains("<form") && !page.contains("name=\"token\""), "{page}");
    // Even with a token of somebody who may.
    let token = token(&desk.page().await);
    let body = encoded(&[("do", "trust-clock"), ("reason", "x"), ("token", &token)]);
    assert_eq!(desk.send("bob-trainee", OWN, body.clone()).await.status(), StatusCode::FORBIDDEN);
    // Or with one's own, from before the shift was over.
    let over = [OWN, &[("x-looks-only", "yes")]].concat();
    let response = desk.send("ada", &over, body.clone()).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(text(&response).contains("change nothing"));
    assert_eq!(desk.changes().len(), 1);
    assert_eq!(desk.send("ada", OWN, body).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_comes_from_the_console_s_own_page_or_does_nothing() {
    let desk = desk();
    let page = desk.page().await;
    let fields = entry("country-off", "country", "UZ", "24", "pumping");
    let with = |token: &str| encoded(&[&fields[..], &[("token", token)]].concat());
    let kind = OWN[0];
    let good = token(&page);
    for headers in [
        &[kind][..],
        &[kind, ("origin", "https://evil.example")],
        &[kind, ("origin", "null")],
        &[kind, ("origin", ORIGIN), ("sec-fetch-site", "cross-site")],
        &[kind, ("origin", ORIGIN), ("sec-fetch-site", "same-site")],
        &[kind, ("sec-fetch-site", "none")],
        &[kind, ("referer", "https://staff.example/otp-console")],
    ] {
        let response = desk.send("ada", headers, with(&good)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    let others = token(&text(&desk.get_as("eve", "").await));
    for bad in ["", "AAAA", &others, &good.replace(&good[4..6], "__")] {
        let response = desk.send("ada", OWN, with(bad)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{bad}");
    }
    for (headers, body, status) in [
        (&[("origin", ORIGIN)][..], with(&good), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (OWN, format!("{}&do=lift", with(&good)), StatusCode::BAD_REQUEST),
        (OWN, "a".repeat(16 * 1_024 + 1), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(desk.send("ada", headers, body).await.status(), status);
    }
    assert!(desk.entries().await.is_empty() && desk.changes().is_empty());
    assert_eq!(desk.send("ada", OWN, with(&good)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(desk.entries().await.len(), 1);
}

#[tokio::test]
async fn a_page_that_was_open_too_long_is_looked_at_again_and_keeps_its_text() {
    let desk = desk();
    let old = token(&desk.page().await);
    desk.house.clock.advance(hours(2));
    let fields = [("do", "trust-clock"), ("reason", "the laptop slept"), ("token", &old)];
    let response = desk.send("ada", OWN, encoded(&fields)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&response);
    assert!(page.contains("more than two hours") && page.contains("value=\"the laptop slept\""));
    assert!(desk.changes().is_empty());
}
