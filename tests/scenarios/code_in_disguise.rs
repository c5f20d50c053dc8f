//! Tried: a code that nobody typed, cut out of something longer or chosen between two, and a code
//! used twice under two spellings.

use otpgate::otp::{CodeFormat, SubmittedCode};

use crate::support::Dice;

/// What a spelling may be built of: digits of four scripts, separators, marks, letters with cases and
/// without, invisible characters and those that turn the direction, line breaks.
const PIECES: [&str; 40] = [
    "1", "2", "3", "12", "34", "123", "456", "123456", "654321", "１", "２", "३", "٤", "123456 ",
    " ", " ", "-", "–", "ー", "\u{202f}", "+", ".", ",", ":", "/", "(", ")", "，", "。", "\n",
    "\t", "a", "O", "é", "码", "ル", "_", "²", "\u{202e}", "\u{301}",
];
const INVISIBLE: [&str; 6] =
    ["\u{200b}", "\u{feff}", "\u{202b}", "\u{2067}", "\u{2069}", "\u{fe0f}"];

const GROUPING: &str = " -–ー\u{202f}";

/// What cannot make a token of digits another: letters and marks can.
const PLAIN: &str = "\n\t码ル。，";

fn read(text: &str) -> Option<String> {
    let code = SubmittedCode::parse(text, &CodeFormat::default()).ok()?;
    Some(code.expose_secret().to_owned())
}

/// The digit that a character of `PIECES` is.
fn digit(c: char) -> Option<char> {
    let value = match c {
        '０'..='９' => u32::from(c) - u32::from('０'),
        '०'..='९' => u32::from(c) - u32::from('०'),
        '٠'..='٩' => u32::from(c) - u32::from('٠'),
        _ => return c.is_ascii_digit().then_some(c),
    };
    char::from_digit(value, 10)
}

/// The parts between everything but digits, spaces and dashes.
fn runs(text: &str) -> Vec<String> {
    let mut runs = vec![String::new()];
    for c in text.chars() {
        match digit(c) {
            Some(digit) => runs.last_mut().unwrap().push(digit),
            None if GROUPING.contains(c) => {}
            None => runs.push(String::new()),
        }
    }
    runs
}

/// Whether `code` stands in `text`, grouped or not, without a digit right beside it.
fn stands_alone(text: &str, code: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |at: Option<usize>| at.and_then(|at| chars.get(at).copied()).and_then(digit);
    (0..chars.len()).any(|start| {
        let (mut at, mut wanted) = (start, code.chars().peekable());
        while let Some(next) = wanted.peek() {
            match chars.get(at) {
                Some(c) if digit(*c) == Some(*next) => drop(wanted.next()),
                Some(c) if GROUPING.contains(*c) && at > start => {}
                _ => return false,
            }
            at += 1;
        }
        is_digit(start.checked_sub(1)).is_none() && is_digit(Some(at)).is_none()
    })
}

#[test]
fn an_accepted_code_stands_in_the_text_whole_and_alone() {
    let (mut dice, mut accepted) = (Dice(1), 0);
    for _ in 0..150_000 {
        let length = 1 + dice.below(12);
        let text: String = (0..length).map(|_| PIECES[dice.below(40) as usize]).collect();
        let code = read(&text);
        if let Some(code) = &code {
            accepted += 1;
            assert!(stands_alone(&text, code), "{text:?} is {code}");
            let plain = |c| digit(c).is_some() || GROUPING.contains(c) || PLAIN.contains(c);
            assert!(!text.chars().all(plain) || runs(&text).contains(code), "{text:?} is {code}");
            let other = if code == "654321" { "123456" } else { "654321" };
            assert_eq!(read(&format!("{text}\n{other}")), None, "{text:?} and another");
            assert_eq!(read(&format!("{text}\n{code}")).as_ref(), Some(code), "{text:?} twice");
        }
        // What does not show makes no difference, wherever it stands.
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut hidden = text.clone();
        hidden.insert_str(
            places[dice.below(places.len() as u64) as usize],
            INVISIBLE[dice.below(6) as usize],
        );
        assert_eq!(read(&hidden), code, "{hidden:?}");
        // Nor does the script.
        let ascii: String = text.chars().map(|c| digit(c).unwrap_or(c)).collect();
        assert_eq!(read(&ascii), code, "{text:?}");
    }
    assert!(accepted > 5_000, "{accepted}");
}

#[cfg(feature = "totp")]
mod authenticator {
    use std::sync::Arc;

    use crate::authenticator::{app_code, enters};
    use crate::support::{House, client, race, small};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_code_in_many_spellings_is_accepted_once() {
        let house = Arc::new(House::lab(small()));
        let code = app_code(&house);
        let shifted = |zero: char| -> String {
            code.chars()
                .map(|c| char::from_u32(u32::from(zero) + c.to_digit(10).unwrap()).unwrap())
                .collect()
        };
        let (head, tail) = code.split_at(3);
        let spelled = [
            code.clone(),
            shifted('０'),
            shifted('٠'),
            shifted('०'),
            shifted('𝟎'),
            format!("{head} {tail}"),
            format!("{head}-{tail}"),
            format!("{head}\u{202f}{tail}"),
            format!("\u{202b}{head}\u{200b}{tail}\u{202c}"),
            format!("Your code is {code}."),
            format!("{code}\n{}", shifted('๐')),
            format!("G-{code}"),
        ];
        let tries = spelled.into_iter().zip(0..).map(|(spelling, n)| {
            let house = Arc::clone(&house);
            async move { enters(&house, "ada", &spelling, &client(100 + n)).await }
        });
        let accepted = race(tries.collect()).await;
        assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1, "{accepted:?}");
    }
}
