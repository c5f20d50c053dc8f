//! `docs/captcha.md` shows the tables of the code. `OTPGATE_BLESS=1` writes them into the page.

use std::collections::BTreeMap;

use otpgate::human::{CodeMeaning, CodeRow};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/captcha.md");

fn tables() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("codes: friendly-captcha", codes(otpgate::human::friendly_captcha::CODES)),
        ("codes: hcaptcha", codes(otpgate::human::hcaptcha::CODES)),
        ("codes: recaptcha", codes(otpgate::human::recaptcha::CODES)),
        ("codes: recaptcha-enterprise", codes(otpgate::human::recaptcha_enterprise::CODES)),
        ("codes: turnstile", codes(otpgate::human::turnstile::CODES)),
    ])
}

fn codes(rows: &[CodeRow]) -> String {
    let line = |row: &CodeRow| {
        let means = match row.means {
            CodeMeaning::Failed(failure) => format!("not passed: {failure:?}"),
            CodeMeaning::Error(kind) => format!("outage: {kind:?}"),
        };
        format!("| `{}` | {means} | {} | {} |\n", row.code, row.says, row.remedy)
    };
    let head = "| code | the adapter says | meaning | remedy |\n|---|---|---|---|\n";
    head.to_owned() + &rows.iter().map(line).collect::<String>()
}

#[test]
fn the_page_shows_every_code() {
    crate::docs::compare(PAGE, tables());
}
