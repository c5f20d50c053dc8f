//! Twenty requests at once: on connections that wait for their last byte, and in one packet.

use otpgate::{EventKind, RejectionCause};
use serde_json::json;
use tokio::task::JoinSet;

use super::site::{Browser, NUMBER, Site, wrong};
use super::wire::{Answer, Wire};

/// All requests are there but for their last byte; then all last bytes go out together.
async fn together(browser: &Browser, requests: Vec<Vec<u8>>) -> Vec<Answer> {
    let mut wires = Vec::new();
    for request in requests {
        let mut wire = Wire::open(browser.address).await;
        let (last, most) = request.split_last().unwrap();
        wire.write(most).await;
        wires.push((wire, *last));
    }
    let mut tasks = JoinSet::new();
    for (mut wire, last) in wires {
        tasks.spawn(async move {
            wire.write(&[last]).await;
            wire.read().await
        });
    }
    tasks.join_all().await
}

/// The same, one behind the other on one connection, in one write.
async fn in_one_packet(browser: &Browser, requests: Vec<Vec<u8>>) -> Vec<Answer> {
    let mut wire = Wire::open(browser.address).await;
    wire.write(&requests.concat()).await;
    let mut answers = Vec::new();
    for _ in &requests {
        answers.push(wire.read().await);
    }
    answers
}

fn statuses(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_right_codes_verify_once() {
    for packet in [false, true] {
        let site = Site::open().await;
        let browser = site.at_code_page().await;
        let request = browser.post_bytes("/otp/verify", &json!({ "code": site.code() }));
        let requests = vec![request; 20];
        let answers = match packet {
            true => in_one_packet(&browser, requests).await,
            false => together(&browser, requests).await,
        };
        assert_eq!((statuses(&answers, 200), statuses(&answers, 422)), (1, 19));
        assert_eq!(site.host.0.lock().unwrap().verified.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_guesses_are_at_most_five_attempts() {
    for packet in [false, true] {
        for right in [0, 3, 4, 5, 19] {
            let site = Site::open().await;
            let browser = site.at_code_page().await;
            let code = site.code();
            let guess = |n: usize| match n == right {
                true => code.clone(),
                false => format!("{:06}", (code.parse::<usize>().unwrap() + 1 + n) % 1_000_000),
            };
            let requests: Vec<_> = (0..20)
                .map(|n| browser.post_bytes("/otp/verify", &json!({ "code": guess(n) })))
                .collect();
            let answers = match packet {
                true => in_one_packet(&browser, requests).await,
                false => together(&browser, requests).await,
            };
            let compared = |kind: &EventKind| {
                let wrong = EventKind::Rejected { cause: RejectionCause::Mismatch };
                *kind == wrong || matches!(kind, EventKind::Accepted { .. })
            };
            assert!(site.log.count(compared) <= 5, "{} compared", site.log.count(compared));
            assert_eq!(statuses(&answers, 200), site.host.0.lock().unwrap().verified.len());
            assert!(statuses(&answers, 200) <= 1);
            assert_eq!(statuses(&answers, 200) + statuses(&answers, 422), 20);
            if packet && right > 4 {
                assert_eq!(statuses(&answers, 200), 0, "the sixth comes too late");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_proof_is_one_text_however_often_it_is_posted_at_once() {
    for packet in [false, true] {
        let site = Site::open().await;
        let mut browser = site.browser("203.0.113.7");
        let proof = browser.proof("sign-up", NUMBER).await;
        let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
        let requests = vec![browser.post_bytes("/otp/send", &body); 64];
        let answers = match packet {
            true => in_one_packet(&browser, requests).await,
            false => together(&browser, requests).await,
        };
        assert_eq!((statuses(&answers, 200), site.outbox.handed_off()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_forms_for_one_number_are_one_text() {
    for packet in [false, true] {
        let site = Site::open().await;
        let mut browser = site.browser("203.0.113.7");
        let mut requests = Vec::new();
        for _ in 0..20 {
            let proof = browser.proof("sign-up", NUMBER).await;
            let body = json!({ "purpose": "sign-up", "number": NUMBER, "proof": proof });
            requests.push(browser.post_bytes("/otp/send", &body));
        }
        let answers = match packet {
            true => in_one_packet(&browser, requests).await,
            false => together(&browser, requests).await,
        };
        assert_eq!((statuses(&answers, 200), site.outbox.handed_off()), (1, 1));
        assert_eq!(statuses(&answers, 429), 19);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_presses_of_send_again_are_one_text() {
    let site = Site::open().await;
    let browser = site.at_code_page().await;
    site.clock.advance(std::time::Duration::from_secs(31));
    let requests = vec![browser.post_bytes("/otp/resend", &json!({})); 20];
    let answers = together(&browser, requests).await;
    assert_eq!((statuses(&answers, 200), site.outbox.handed_off()), (1, 2));
}

/// A client that goes away in the middle has spent its attempt all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_gains_no_attempt() {
    let site = Site::open().await;
    let mut browser = site.at_code_page().await;
    let code = site.code();
    for _ in 0..40 {
        let mut wire = Wire::open(browser.address).await;
        wire.write(&browser.post_bytes("/otp/verify", &json!({ "code": wrong(&code) }))).await;
        drop(wire);
    }
    // Whatever of them was read, five were compared at most.
    let answer = browser.verify(&code).await;
    let compared = |kind: &EventKind| {
        *kind == EventKind::Rejected { cause: RejectionCause::Mismatch }
            || matches!(kind, EventKind::Accepted { .. })
    };
    assert!(site.log.count(compared) <= 5);
    assert!(matches!(answer.status, 200 | 422));
}
