//! The vendors, as their pages have it.
mod turnstile {
    use std::sync::{Arc, Mutex};

    use otpgate::http::{Credentials, SecretText};
    use otpgate::human::turnstile::{CODES, NAME, Turnstile};
    use otpgate::human::{HumanCheckErrorKind, HumanFailure, HumanVerdict};

    use crate::adapter::client;
    use crate::human::*;
    use support::http_server::{Answer, LocalServer};

    const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let secret = SecretText::new("invented-secret-turnstile");
            let builder = Turnstile::builder("site-key", secret, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, action, stamp, .. }| {
            format!(
                r#"{{"success": true, "challenge_ts": "{stamp}", "hostname": "{host}",
                    "error-codes": [], "action": "{action}", "cdata": "",
                    "metadata": {{"interactive": false}}}}"#
            )
        },
        no: |code| Answer::json(200, format!(r#"{{"success": false, "error-codes": ["{code}"]}}"#)),
        codes: CODES,
        common: ["invalid-input-response", "timeout-or-duplicate", "invalid-input-secret"],
        has_action: true,
        has_score: false,
        secrets: &["invented-secret-turnstile"],
        request: |seen| {
            assert_eq!(seen.target, "/turnstile/v0/siteverify");
            assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(seen.form("secret").as_deref(), Some("invented-secret-turnstile"));
            assert_eq!(seen.form("response").as_deref(), Some(RESPONSE));
            assert_eq!(seen.form("remoteip"), None);
        },
    };
    vendor_tests!(VENDOR);

    #[tokio::test]
    async fn a_response_longer_than_any_is_not_asked_about() {
        let server = LocalServer::plain();
        let check = (VENDOR.make)(server.base_url(), client());
        let response = HumanResponse::parse(&"x".repeat(2_049)).unwrap();
        let verdict = check.check(HumanRequest::new(&response, "sign-up", NOW)).await.unwrap();
        assert_eq!(verdict, HumanVerdict::Failed(HumanFailure::NotHuman));
        assert!(server.seen().is_empty());
    }

    #[tokio::test]
    async fn the_address_goes_along_if_the_host_says_so() {
        let server = LocalServer::plain();
        server.always(says((VENDOR.yes)(YES)));
        let secret = SecretText::new("invented-secret-turnstile");
        let builder = Turnstile::builder("site-key", secret, [HOST]).pass_client_address();
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        let response = HumanResponse::parse(RESPONSE).unwrap();
        let request = HumanRequest::new(&response, "sign-up", NOW);
        let _ = check.check(request.from_client("2001:db8::7".parse().unwrap())).await.unwrap();
        let _ = check.check(request).await.unwrap();
        let told: Vec<_> = server.seen().iter().map(|seen| seen.form("remoteip")).collect();
        assert_eq!(told, [Some("2001:db8::7".to_owned()), None]);
    }

    /// A secret is read for every question, and one for tests is refused wherever it comes from.
    #[tokio::test]
    async fn secrets_rotate_and_those_for_tests_pass_nobody() {
        let server = LocalServer::plain();
        server.always(says((VENDOR.yes)(YES)));
        let vault = Arc::new(Mutex::new("first-secret"));
        let read = vault.clone();
        let source = Credentials::from_fn(move || Ok(SecretText::new(*read.lock().unwrap())));
        let builder = Turnstile::builder("site-key", source, [HOST]);
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        for secret in ["first-secret", "second-secret"] {
            *vault.lock().unwrap() = secret;
            check.ready().await.unwrap();
            assert!(matches!(ask(&check).await, Ok(HumanVerdict::Passed(_))));
            let seen = server.seen();
            assert_eq!(seen.last().unwrap().form("secret").as_deref(), Some(secret));
        }
        for secret in ["1x0000000000000000000000000000000AA", "", " blanks "] {
            *vault.lock().unwrap() = secret;
            for error in [ask(&check).await.unwrap_err(), check.ready().await.unwrap_err()] {
                assert_eq!(error.kind(), HumanCheckErrorKind::Misconfigured, "{secret:?}");
            }
        }
        assert_eq!(server.seen().len(), 2, "not even asked");
        let secret = SecretText::new("1x0000000000000000000000000000000AA");
        let builder = Turnstile::builder("site-key", secret, [HOST]).test_keys_danger();
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        assert!(matches!(ask(&check).await, Ok(HumanVerdict::Passed(_))));
    }

    #[test]
    fn settings_are_checked_when_built() {
        let build = |hosts: &[&str]| {
            let hosts = hosts.iter().copied();
            Turnstile::builder("site-key", SecretText::new("secret"), hosts).build()
        };
        assert!(build(&["shop.example", "www.shop.example", "localhost"]).is_ok());
        for bad in [
            &[][..],
            &[""],
            &["https://shop.example"],
            &["shop.example:443"],
            &["*.shop.example"],
            &["shop.example", ".shop.example"],
            &["shop.example/"],
            &["sh\u{f6}p.example"],
        ] {
            assert!(build(bad).is_err(), "{bad:?}");
        }
        let hour = std::time::Duration::from_secs(3_600);
        let aged = |age| {
            let secret = SecretText::new("secret");
            Turnstile::builder("site-key", secret, [HOST]).max_age(age).build().is_ok()
        };
        assert!(aged(hour) && !aged(hour + std::time::Duration::from_secs(1)));
        assert!(Turnstile::builder("", SecretText::new("secret"), [HOST]).build().is_err());
    }
}
mod hcaptcha {
    use otpgate::http::SecretText;
    use otpgate::human::hcaptcha::{CODES, Hcaptcha, NAME};

    use crate::human::*;
    use support::http_server::Answer;

    const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let secret = SecretText::new("invented-secret-hcaptcha");
            let builder = Hcaptcha::builder("site-key", secret, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, stamp, .. }| {
            format!(
                r#"{{"success": true, "challenge_ts": "{stamp}", "hostname": "{host}",
                    "credit": false}}"#
            )
        },
        no: |code| Answer::json(200, format!(r#"{{"success": false, "error-codes": ["{code}"]}}"#)),
        codes: CODES,
        common: ["invalid-input-response", "already-seen-response", "invalid-input-secret"],
        has_action: false,
        has_score: false,
        secrets: &["invented-secret-hcaptcha"],
        request: |seen| {
            assert_eq!(seen.target, "/siteverify");
            assert_eq!(seen.form("secret").as_deref(), Some("invented-secret-hcaptcha"));
            assert_eq!(seen.form("response").as_deref(), Some(RESPONSE));
            assert_eq!(seen.form("sitekey").as_deref(), Some("site-key"));
            assert_eq!(seen.form("remoteip"), None);
        },
    };
    vendor_tests!(VENDOR);

    /// hCaptcha knows no action: the site key keeps purposes apart, if the host gives one.
    #[tokio::test]
    async fn a_purpose_with_a_key_of_its_own_asks_for_it() {
        let server = LocalServer::plain();
        server.always(says((VENDOR.yes)(YES)));
        let secret = SecretText::new("invented-secret-hcaptcha");
        let builder = Hcaptcha::builder("site-key", secret, [HOST]);
        let builder = builder
            .site_key_for("payment", "an-old-key")
            .site_key_for("payment", "key-of-payments");
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        let response = HumanResponse::parse(RESPONSE).unwrap();
        for (purpose, key) in [("payment", "key-of-payments"), ("sign-up", "site-key")] {
            let request = HumanRequest::new(&response, purpose, NOW);
            let _ = check.check(request).await.unwrap();
            assert_eq!(server.seen().last().unwrap().form("sitekey").as_deref(), Some(key));
            let widget = check.widget(purpose).unwrap();
            assert_eq!((widget.site_key.as_str(), widget.action.as_str()), (key, purpose));
        }
    }

    /// Whoever sends the published response for tests, or one of another site's key, is no outage.
    #[tokio::test]
    async fn no_visitor_can_bring_about_an_outage() {
        for code in ["not-using-dummy-secret", "sitekey-secret-mismatch", "invalid-input-response"]
        {
            let (answer, _) = call(VENDOR, Play::Answer((VENDOR.no)(code))).await;
            assert!(matches!(answer, Ok(HumanVerdict::Failed(_))), "{code}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn several_codes_are_read_together() {
        let say = |codes: &str| {
            Play::Answer(Answer::json(
                200,
                format!(r#"{{"success":false,"error-codes":[{codes}]}}"#),
            ))
        };
        let (answer, _) = call(VENDOR, say(r#""invalid-input-response","bad-request""#)).await;
        assert!(answer.is_err(), "who could not read the question has judged nobody");
        let (answer, _) =
            call(VENDOR, say(r#""already-seen-response","invalid-input-response""#)).await;
        assert_eq!(answer.unwrap(), HumanVerdict::Failed(HumanFailure::Spent));
        for none in ["", "null", "7"] {
            let (answer, _) = call(VENDOR, say(none)).await;
            assert!(!matches!(answer, Ok(HumanVerdict::Passed(_))), "{none}");
        }
        let (answer, _) = call(VENDOR, says(r#"{"success": false}"#)).await;
        assert_eq!(answer.unwrap(), HumanVerdict::Failed(HumanFailure::NotHuman));
    }
}
mod recaptcha_v3 {
    use otpgate::http::SecretText;
    use otpgate::human::recaptcha::{CODES, NAME, Recaptcha};

    use crate::human::*;
    use support::http_server::Answer;

    pub(super) const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let secret = SecretText::new("invented-secret-recaptcha");
            let builder = Recaptcha::v3("site-key", secret, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, action, stamp, score }| {
            let action = action.replace('-', "_");
            format!(
                r#"{{"success": true, "challenge_ts": "{stamp}", "hostname": "{host}",
                    "score": {score}, "action": "{action}"}}"#
            )
        },
        no: |code| Answer::json(200, format!(r#"{{"success": false, "error-codes": ["{code}"]}}"#)),
        codes: CODES,
        common: ["invalid-input-response", "timeout-or-duplicate", "invalid-input-secret"],
        has_action: true,
        has_score: true,
        secrets: &["invented-secret-recaptcha"],
        request: |seen| {
            assert_eq!(seen.target, "/recaptcha/api/siteverify");
            assert_eq!(seen.form("secret").as_deref(), Some("invented-secret-recaptcha"));
            assert_eq!(seen.form("response").as_deref(), Some(RESPONSE));
            assert_eq!(seen.form("remoteip"), None);
        },
    };
    vendor_tests!(VENDOR);

    /// Beyond the free quota Google says yes to everybody.
    #[tokio::test]
    async fn a_used_up_quota_lets_nobody_pass() {
        let yes = (VENDOR.yes)(YES);
        let beyond = yes.replacen('{', r#"{"error-codes": ["Over free quota."], "#, 1);
        let (answer, _) = call(VENDOR, says(beyond)).await;
        assert_eq!(answer.unwrap_err().kind(), HumanCheckErrorKind::Misconfigured);
    }

    #[tokio::test]
    async fn each_purpose_has_its_threshold() {
        let server = LocalServer::plain();
        let builder = Recaptcha::v3("site-key", SecretText::new("secret"), [HOST]);
        let builder = builder.min_score(0.3).min_score_for("payment", 0.7);
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        let response = HumanResponse::parse(RESPONSE).unwrap();
        for (purpose, score, passes) in [
            ("sign-up", "0.3", true),
            ("sign-up", "0.1", false),
            ("payment", "0.3", false),
            ("payment", "0.7", true),
            ("log-in", "0.3", true),
        ] {
            let action = purpose;
            server.always(says((VENDOR.yes)(Yes { action, score, ..YES })));
            let verdict = check.check(HumanRequest::new(&response, purpose, NOW)).await.unwrap();
            assert_eq!(matches!(verdict, HumanVerdict::Passed(_)), passes, "{purpose} {score}");
        }
        for bad in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            let builder = Recaptcha::v3("site-key", SecretText::new("secret"), [HOST]);
            assert!(builder.min_score(bad).build().is_err(), "{bad}");
        }
    }

    /// Google takes no hyphen in an action: the page is told the name that comes back.
    #[tokio::test]
    async fn the_page_is_told_the_action_that_is_compared() {
        let server = LocalServer::plain();
        let check = (VENDOR.make)(server.base_url(), client());
        let widget = check.widget("sign-up").unwrap();
        assert_eq!((widget.provider, widget.action.as_str()), ("recaptcha-v3", "sign_up"));
        assert!(widget.sources("script-src").all(|source| source.starts_with("https://www.g")));
    }
}
mod recaptcha_v2 {
    use otpgate::http::SecretText;
    use otpgate::human::recaptcha::{CODES, NAME, Recaptcha};

    use crate::human::*;
    use support::http_server::Answer;

    const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let secret = SecretText::new("invented-secret-recaptcha");
            let builder = Recaptcha::v2("site-key", secret, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, stamp, .. }| {
            format!(r#"{{"success": true, "challenge_ts": "{stamp}", "hostname": "{host}"}}"#)
        },
        no: |code| Answer::json(200, format!(r#"{{"success": false, "error-codes": ["{code}"]}}"#)),
        codes: CODES,
        common: ["invalid-input-response", "timeout-or-duplicate", "invalid-input-secret"],
        has_action: false,
        has_score: false,
        secrets: &["invented-secret-recaptcha"],
        request: super::recaptcha_v3::VENDOR.request,
    };
    vendor_tests!(VENDOR);

    /// A yes that an app on Android earned names no host.
    #[tokio::test]
    async fn an_app_is_no_page() {
        let app = r#"{"success": true, "challenge_ts": "2027-01-15T07:59:30Z",
                      "apk_package_name": "shop.example"}"#;
        let (answer, _) = call(VENDOR, says(app)).await;
        assert_eq!(answer.unwrap(), HumanVerdict::Failed(HumanFailure::WrongSite));
    }

    #[tokio::test]
    async fn a_purpose_with_a_key_of_its_own_is_asked_about_with_its_secret() {
        let server = LocalServer::plain();
        server.always(says((VENDOR.yes)(YES)));
        let builder = Recaptcha::v2("site-key", SecretText::new("secret-one"), [HOST]);
        let builder = builder.key_for("payment", "key-two", SecretText::new("secret-two"));
        let check = builder.client(client()).base_url(server.base_url()).build().unwrap();
        let response = HumanResponse::parse(RESPONSE).unwrap();
        for (purpose, key, secret) in
            [("payment", "key-two", "secret-two"), ("sign-up", "site-key", "secret-one")]
        {
            let _ = check.check(HumanRequest::new(&response, purpose, NOW)).await.unwrap();
            assert_eq!(server.seen().last().unwrap().form("secret").as_deref(), Some(secret));
            assert_eq!(check.widget(purpose).unwrap().site_key, key);
        }
    }
}
mod recaptcha_enterprise {
    use otpgate::human::recaptcha_enterprise::{ApiKey, CODES, NAME, RecaptchaEnterprise};

    use crate::human::*;
    use support::http_server::Answer;

    const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let key = ApiKey::key("invented-api-key");
            let builder = RecaptchaEnterprise::builder("my-project", "site-key", key, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, action, stamp, score }| {
            let action = action.replace('-', "_");
            format!(
                r#"{{"event": {{"expectedAction": "sign_up", "siteKey": "site-key"}},
                    "name": "projects/1/assessments/2",
                    "riskAnalysis": {{"reasons": [], "score": {score}, "challenge": "NOCAPTCHA"}},
                    "tokenProperties": {{"action": "{action}", "createTime": "{stamp}",
                    "hostname": "{host}", "invalidReason": "INVALID_REASON_UNSPECIFIED",
                    "valid": true}}}}"#
            )
        },
        no: |code| {
            let status = match code {
                "INVALID_ARGUMENT" | "FAILED_PRECONDITION" => 400,
                "UNAUTHENTICATED" => 401,
                "PERMISSION_DENIED" => 403,
                "NOT_FOUND" => 404,
                "RESOURCE_EXHAUSTED" => 429,
                "INTERNAL" => 500,
                "UNAVAILABLE" => 503,
                "DEADLINE_EXCEEDED" => 504,
                reason => {
                    let body = format!(
                        r#"{{"riskAnalysis": {{"score": 0.9}}, "tokenProperties":
                            {{"valid": false, "invalidReason": "{reason}"}}}}"#
                    );
                    return Answer::json(200, body);
                }
            };
            let body = format!(
                r#"{{"error": {{"code": {status}, "message": "said", "status": "{code}"}}}}"#
            );
            Answer::json(status, body)
        },
        codes: CODES,
        common: ["MALFORMED", "DUPE", "PERMISSION_DENIED"],
        has_action: true,
        has_score: true,
        secrets: &["invented-api-key"],
        request: |seen| {
            assert_eq!(seen.target, "/v1/projects/my-project/assessments");
            assert_eq!(seen.header("x-goog-api-key"), Some("invented-api-key"));
            assert_eq!(seen.header("authorization"), None);
            let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            let event = serde_json::json!({"event": {
                "token": RESPONSE, "siteKey": "site-key", "expectedAction": "sign_up",
            }});
            assert_eq!(body, event);
        },
    };
    vendor_tests!(VENDOR);

    #[tokio::test]
    async fn an_access_token_goes_as_a_bearer_token() {
        let server = LocalServer::plain();
        server.always(says((VENDOR.yes)(YES)));
        let key = ApiKey::access_token("invented-access-token");
        let builder = RecaptchaEnterprise::builder("my-project", "site-key", key, [HOST]);
        let builder = builder.pass_client_address().client(client());
        let check = builder.base_url(server.base_url()).build().unwrap();
        let response = HumanResponse::parse(RESPONSE).unwrap();
        let request = HumanRequest::new(&response, "sign-up", NOW);
        let _ = check.check(request.from_client("203.0.113.9".parse().unwrap())).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen[0].header("authorization"), Some("Bearer invented-access-token"));
        assert_eq!(seen[0].header("x-goog-api-key"), None);
        assert!(seen[0].text().contains(r#""userIpAddress":"203.0.113.9""#));
    }

    #[test]
    fn a_project_is_a_name_and_no_path() {
        let build = |project: &str| {
            let key = ApiKey::key("invented-api-key");
            RecaptchaEnterprise::builder(project, "site-key", key, [HOST]).build()
        };
        assert!(build("my-project").is_ok() && build("123456").is_ok());
        for bad in ["", "a/b", "../x", "a?b", "a b"] {
            assert!(build(bad).is_err(), "{bad}");
        }
    }
}
mod friendly_captcha {
    use otpgate::http::SecretText;
    use otpgate::human::friendly_captcha::{CODES, FriendlyCaptcha, NAME};

    use crate::human::*;
    use support::http_server::Answer;

    const VENDOR: Vendor = Vendor {
        name: NAME,
        make: |base, client| {
            let key = SecretText::new("invented-api-key");
            let builder = FriendlyCaptcha::builder("site-key", key, [HOST]);
            Box::new(builder.client(client).base_url(base).build().unwrap())
        },
        yes: |Yes { host, stamp, .. }| {
            format!(
                r#"{{"success": true, "data": {{"event_id": "ev_1", "challenge":
                    {{"timestamp": "{stamp}", "origin": "https://{host}"}},
                    "risk_intelligence": null}}}}"#
            )
        },
        no: |code| {
            let status = match code {
                "auth_required" | "auth_invalid" => 401,
                "response_invalid" | "response_timeout" | "response_duplicate" => 200,
                _ => 400,
            };
            let body = format!(
                r#"{{"success": false, "error": {{"error_code": "{code}", "detail": "said"}}}}"#
            );
            Answer::json(status, body)
        },
        codes: CODES,
        common: ["response_invalid", "response_duplicate", "auth_invalid"],
        has_action: false,
        has_score: false,
        secrets: &["invented-api-key"],
        request: |seen| {
            assert_eq!(seen.target, "/api/v2/captcha/siteverify");
            assert_eq!(seen.header("x-api-key"), Some("invented-api-key"));
            let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(body, serde_json::json!({"response": RESPONSE, "sitekey": "site-key"}));
        },
    };
    vendor_tests!(VENDOR);

    #[tokio::test]
    async fn an_origin_is_a_page_over_https() {
        for origin in ["", "http://shop.example", "shop.example", "https://shop.example/"] {
            let body = (VENDOR.yes)(YES).replace("https://shop.example", origin);
            let (answer, _) = call(VENDOR, says(body)).await;
            assert_eq!(answer.unwrap(), HumanVerdict::Failed(HumanFailure::WrongSite), "{origin}");
        }
    }
}
