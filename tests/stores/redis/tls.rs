//! The Redis store over TLS, with a certificate authority of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use otpgate::store::{RedisSetupError, RedisStore};
use otpgate::testing::store::Suite;
use support::needs_redis;
use support::redis_server::{RedisServer, free_port};

const URL: &str = "OTPGATE_TLS_URL";

/// Runs `openssl` in `folder`; `None` if there is none.
fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let Ok(output) = run else {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed");
        eprintln!("\n*** SKIPPED: openssl is not installed; TLS was not tested ***\n");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// An authority, and a certificate of it for `localhost`.
fn certificates(folder: &Path) -> Option<()> {
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=ca"))?;
    openssl(folder, &format!("req {key} -keyout key -out request -subj /CN=localhost"))?;
    openssl(
        folder,
        "x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -out crt -days 2 \
         -extfile names",
    )
}

/// Not a test of its own: what trusts the authority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    let make = || async { RedisStore::connect_with(&url, super::calls::patient()).await.unwrap() };
    Suite::new().run(make).await.assert();
}

fn in_a_child(url: &str, authority: &Path) -> Output {
    // The roots of trust are read from here, once a process.
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::child", "--nocapture"])
        .env(URL, url)
        .env("SSL_CERT_FILE", authority)
        .output()
        .unwrap()
}

#[tokio::test]
async fn conformance_over_tls_and_no_trust_in_strangers() {
    needs_redis!();
    let folder = std::env::temp_dir().join(format!("otpgate-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let Some(()) = certificates(&folder) else { return };
    let file = |name: &str| folder.join(name).display().to_string();
    let port = free_port();
    let server = RedisServer::start(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("crt"),
        "--tls-key-file",
        &file("key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{port}");
    let trusting = in_a_child(&url, &folder.join("ca.crt"));
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    assert!(server.calls("evalsha") > 100, "the suite ran on this server");

    // This process does not know the authority.
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(matches!(error, RedisSetupError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("localhost:{port} (TLS)")), "{text}");
    assert!(text.to_lowercase().contains("certificate"), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}
