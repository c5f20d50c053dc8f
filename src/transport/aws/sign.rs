//! [`Signer`]: requests with AWS's signature, version 4, made by AWS's own `aws-sigv4`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use sha2::{Digest, Sha256};

use super::Account;
use crate::base::time::{Clock, Timestamp};
use crate::http::{BaseUrl, HttpRequest};
use crate::transport::hex::hex;
use crate::transport::{AdapterError, HandoffError};

/// The end of the year 9999: `aws-sigv4` writes four digits.
const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// What a signature is made for.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    provider: &'static str,
    service: &'static str,
    region: String,
    clock: Arc<dyn Clock>,
}

impl Signer {
    pub(super) fn new(
        provider: &'static str,
        service: &'static str,
        region: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AdapterError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&region.len()) || !region.bytes().all(plain) {
            let problem = "the AWS region is a name such as `eu-central-1`";
            return Err(AdapterError::new(provider, problem));
        }
        Ok(Self { provider, service, region, clock })
    }

    /// The service's address in the region.
    pub(super) fn address(&self) -> Result<BaseUrl, AdapterError> {
        format!("https://{}.{}.amazonaws.com", self.service, self.region)
            .parse()
            .map_err(|_| AdapterError::new(self.provider, "the AWS region makes no host name"))
    }

    /// `request` to `base` with `x-amz-date`, `x-amz-security-token` for a temporary key, and the
    /// signature over them, over host and body, and over every header that it has already.
    pub(super) fn sign(
        &self,
        base: &BaseUrl,
        account: &Account,
        request: HttpRequest,
    ) -> Result<HttpRequest, HandoffError> {
        let added = self.headers(base, account, &request).ok_or_else(|| {
            HandoffError::not_sent("the request cannot be signed")
                .by(self.provider)
                .remedy("check the clock of this machine and the access key for odd characters")
                .alert_all()
        })?;
        Ok(added
            .into_iter()
            .fold(request, |request, (name, value)| request.with_header(name, value)))
    }

    fn headers(
        &self,
        base: &BaseUrl,
        account: &Account,
        request: &HttpRequest,
    ) -> Option<Vec<(&'static str, String)>> {
        let now = self.clock.now();
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(now.as_millis()))?;
        let mut credentials = Credentials::builder()
            .access_key_id(account.key_id())
            .secret_access_key(account.secret().expose_secret())
            .provider_name("otpgate");
        if let Some(token) = account.session_token() {
            credentials = credentials.session_token(token.expose_secret());
        }
        let identity = credentials.build().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .ok()
            .filter(|_| now <= LAST)?;
        let host = host_header(base);
        let mut headers: Vec<(&str, &str)> = request.headers().collect();
        headers.push(("host", &host));
        // Only the body's hash: in a trace, `aws-sigv4` can be told to write the body itself.
        let body = SignableBody::Precomputed(hex(&Sha256::digest(request.expose_body())));
        let method = request.method().as_str();
        let signable =
            SignableRequest::new(method, request.url(), headers.into_iter(), body).ok()?;
        let (instructions, _) = sign(signable, &params.into()).ok()?.into_parts();
        let (headers, _) = instructions.into_parts();
        Some(headers.iter().map(|one| (one.name(), one.value().to_owned())).collect())
    }
}

/// The header `Host` as clients send it: in small letters, without the scheme's own port.
fn host_header(base: &BaseUrl) -> String {
    let usual = if base.as_str().starts_with("https") { ":443" } else { ":80" };
    let authority = base.authority();
    authority.strip_suffix(usual).unwrap_or(authority).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn the_host_is_the_one_that_is_sent() {
        for (base, host) in [
            ("https://SNS.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com"),
            ("https://a.example:443/prefix", "a.example"),
            ("https://a.example:4443", "a.example:4443"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(host_header(&base.parse().unwrap()), host);
        }
    }

    #[test]
    fn a_clock_beyond_what_can_be_written_is_an_error() {
        let signed = |now: Timestamp| {
            let clock = Arc::new(ManualClock::new(now));
            let signer = Signer::new("aws", "sns", "us-east-1".to_owned(), clock).unwrap();
            let account = Account::new("AKIDEXAMPLE", "secret").unwrap();
            let base = signer.address().unwrap();
            signer.sign(&base, &account, HttpRequest::post(base.join("/"))).is_ok()
        };
        assert!(signed(Timestamp::from_millis(0)) && signed(LAST));
        assert!(!signed(LAST + Duration::from_millis(1)) && !signed(Timestamp::MAX));
    }

    #[test]
    fn a_region_is_checked() {
        let clock: Arc<dyn Clock> = Arc::new(crate::base::time::SystemClock::new());
        let new = |region: &str| Signer::new("aws", "sns", region.to_owned(), clock.clone());
        assert!(new("eu-central-1").is_ok());
        for bad in ["", "eu-central-1.evil.example/", "EU", "eu central"] {
            assert!(new(bad).is_err(), "{bad}");
        }
    }
}
