//! Tests of the two pages as text; a real browser reads them in `tests/browser`.

use std::time::Duration;

use crate::outcome::ChannelOffer;

use super::*;

fn entry() -> EntryView {
    let after = Duration::from_secs(60);
    let offer = |channel| ChannelOffer { channel, after };
    EntryView {
        hint: "+49 … 78".to_owned(),
        attempts_left: 5,
        expires_in: Duration::from_secs(300),
        resend_after: Duration::from_secs(30),
        channels: [Channel::Sms, Channel::Voice].map(offer).to_vec(),
    }
}

fn pages(context: &PageContext, language: PageLanguage) -> [String; 2] {
    [
        form_page(context, &Purpose::SIGN_UP, language),
        code_page(context, &entry(), CodeFormat::default(), language),
    ]
}

#[test]
fn every_language_has_words_for_everything_the_module_says() {
    let keys = |language| Words::of(language).said.map(|(kind, _)| kind);
    for language in PageLanguage::ALL {
        assert_eq!(keys(language), keys(PageLanguage::English));
        for (kind, text) in Words::of(language).said {
            let placed = matches!(kind, "sent" | "wait" | "again" | "rejected");
            assert_eq!(text.matches("{}").count(), usize::from(placed), "{language} {kind}");
        }
        for page in pages(&PageContext::new("Example", "/otp"), language) {
            assert!(page.contains(&format!("<html lang=\"{language}\">")));
            assert!(!page.contains("{}</"), "a place that nothing fills");
        }
    }
}

#[test]
fn nothing_of_the_hosts_becomes_markup() {
    let evil = "\"'><script>alert(1)</script>&amp;";
    let mut context = PageContext::new(evil, evil);
    context.note = Some(evil.to_owned());
    context.stylesheets.push(evil.to_owned());
    context.scripts.push(evil.to_owned());
    for page in pages(&context, PageLanguage::English) {
        assert!(!page.contains("<script>") && !page.contains("\"'>"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"));
    }
}

#[test]
fn nothing_is_inline() {
    for page in pages(&PageContext::new("Example", "/otp"), PageLanguage::German) {
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" src=").count()
        );
        for inline in ["<style", " style=", " onclick", " onsubmit", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }
}

#[test]
fn a_code_page_asks_for_what_the_code_is_and_offers_the_channels() {
    let context = PageContext::new("Example", "/otp");
    let page = code_page(&context, &entry(), CodeFormat::default(), PageLanguage::English);
    assert!(page.contains("inputmode=\"numeric\" autocomplete=\"one-time-code\""));
    assert!(page.contains("6 digits.") && page.contains("<b>+49 … 78</b>"));
    assert!(page.contains("data-resend=\"voice\"") && !page.contains("data-resend=\"sms\""));
    let letters = CodeFormat::unambiguous(8).unwrap();
    let page = code_page(&context, &entry(), letters, PageLanguage::English);
    assert!(page.contains("8 letters.") && page.contains("autocapitalize=\"characters\""));
}
