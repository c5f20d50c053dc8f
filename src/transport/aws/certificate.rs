//! [`SigningCertificates`]: what SNS signs its notifications with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use webpki::EndEntityCert;
use webpki::ring::RSA_PKCS1_2048_8192_SHA256;

use super::{NAME, SignatureVersion};
use crate::http::{HttpClient, HttpRequest};
use crate::transport::json::pick;
use crate::transport::{AdapterError, ReceiptRequest, pem};

/// How many certificates are kept. SNS has one in use for a region, and two while it changes them.
const MOST: usize = 4;

/// The certificates that SNS of one region signs with, by their address: pinned by the host, or fetched
/// from SNS itself. Clones share them.
///
/// A notification names the address of its certificate, and whoever posts one can name any. Nothing is ever
/// fetched from an address that is not `https://sns.REGION.amazonaws.com/SimpleNotificationService-….pem`
/// of the region that is configured here, not of one that the notification names.
///
/// ```
/// use otpgate::transport::aws::SigningCertificates;
///
/// let certificates = SigningCertificates::of_region("eu-central-1").unwrap();
/// let elsewhere = "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem";
/// assert!(certificates.pin(elsewhere, "-----BEGIN CERTIFICATE-----").is_err());
/// assert!(SigningCertificates::of_region("").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct SigningCertificates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The beginning of every address.
    address: String,
    known: RwLock<Vec<Certificate>>,
    fetching: AtomicBool,
}

#[derive(Clone, Debug)]
struct Certificate {
    url: String,
    der: CertificateDer<'static>,
}

/// Whether a certificate has made a signature.
pub(super) enum Signed {
    By,
    NotBy,
    /// The address is SNS's, and its certificate is not here.
    Unknown,
    /// The address is not SNS's.
    Elsewhere,
}

impl SigningCertificates {
    /// Those of the region of the topic, none of which is known yet.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if `region` is not made of small letters, digits and `-`.
    pub fn of_region(region: &str) -> Result<Self, AdapterError> {
        let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&region.len()) || !region.bytes().all(label) {
            let problem = "the region is that of the topic, `eu-central-1` for example";
            return Err(AdapterError::new(NAME, problem));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let address = format!("https://sns.{region}.{domain}/SimpleNotificationService-");
        let shared = Shared { address, known: RwLock::default(), fetching: AtomicBool::new(false) };
        Ok(Self(Arc::new(shared)))
    }

    /// Trusts the certificate with this address: its PEM, as the host has it from there. The four that came
    /// last are kept.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if the address is not one of SNS in the region, or `text` is no certificate.
    pub fn pin(&self, url: &str, text: &str) -> Result<(), AdapterError> {
        if !self.is_signing(url) {
            let problem = "the certificate's address is https://sns.REGION.amazonaws.com/\
                           SimpleNotificationService-….pem of the configured region";
            return Err(AdapterError::new(NAME, problem));
        }
        let der = match pem::block(text) {
            Some(("CERTIFICATE", der)) => CertificateDer::from(der.to_vec()),
            _ => return Err(no_certificate()),
        };
        let _checked = EndEntityCert::try_from(&der).map_err(|_| no_certificate())?;
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| one.url != url);
        known.push(Certificate { url: url.to_owned(), der });
        let over = known.len().saturating_sub(MOST);
        known.drain(..over);
        Ok(())
    }

    /// Fetches the certificate that `request` names, if it is not here and its address is SNS's: what to do
    /// once [`Receipts`](super::Receipts) answers
    /// [`NoSecret`](crate::transport::ReceiptErrorKind::NoSecret). The request need not be genuine, so one
    /// fetch is under way at a time, however many ask; SNS posts again meanwhile.
    ///
    /// `client` must check TLS against public roots, as
    /// [`ReqwestClient`](crate::http::ReqwestClient) does: that the address is SNS's is what the certificate
    /// is trusted for.
    ///
    /// # Errors
    ///
    /// [`AdapterError`] if another fetch is under way, the address is not SNS's, or no certificate came from
    /// it.
    pub async fn fetch<C>(
        &self,
        request: &ReceiptRequest<'_>,
        client: &C,
    ) -> Result<(), AdapterError>
    where
        C: HttpClient + ?Sized,
    {
        let [url] = pick(request.body, ["/SigningCertURL"]);
        let url = url.as_ref().and_then(|url| url.text()).unwrap_or_default();
        if self.is_signing(url) && self.find(url).is_some() {
            return Ok(());
        }
        if !self.is_signing(url) {
            let problem = "the notification's certificate has another address than those of SNS in \
                           the configured region; nothing was fetched";
            return Err(AdapterError::new(NAME, problem));
        }
        let _turn = Turn::take(&self.0.fetching).ok_or_else(|| {
            AdapterError::new(NAME, "another certificate is being fetched; let SNS post again")
        })?;
        let answer = client.send(HttpRequest::get(url)).await;
        let answer = answer.map_err(|error| AdapterError::new(NAME, error.to_string()))?;
        match std::str::from_utf8(answer.body()) {
            Ok(text) if answer.status() == 200 => self.pin(url, text),
            _ => Err(no_certificate()),
        }
    }

    /// Whether the certificate with this address made `signature` over `text`.
    pub(super) fn signed(
        &self,
        url: &str,
        version: SignatureVersion,
        text: &[u8],
        signature: &[u8],
    ) -> Signed {
        if !self.is_signing(url) {
            return Signed::Elsewhere;
        }
        let Some(der) = self.find(url) else { return Signed::Unknown };
        let algorithm = match version {
            SignatureVersion::V1 => &RsaSha1 as &dyn SignatureVerificationAlgorithm,
            SignatureVersion::V2 => RSA_PKCS1_2048_8192_SHA256,
        };
        let certificate = EndEntityCert::try_from(&der);
        match certificate.and_then(|one| one.verify_signature(algorithm, text, signature)) {
            Ok(()) => Signed::By,
            Err(_) => Signed::NotBy,
        }
    }

    /// Whether the region's SNS may have its certificate there.
    pub(super) fn is_signing(&self, url: &str) -> bool {
        let name = url.strip_prefix(&self.0.address).and_then(|rest| rest.strip_suffix(".pem"));
        name.is_some_and(|name| {
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// Whether `url` is an address of the region's SNS, whatever for.
    pub(super) fn is_sns(&self, url: &str) -> bool {
        let host = self.0.address.split_inclusive('/').take(3).collect::<String>();
        url.starts_with(&host) && url.bytes().all(|byte| byte.is_ascii_graphic())
    }

    fn find(&self, url: &str) -> Option<CertificateDer<'static>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|one| one.url == url).map(|one| one.der.clone())
    }
}

fn no_certificate() -> AdapterError {
    AdapterError::new(NAME, "no certificate in PEM; take it from the address unchanged")
}

/// A fetch that is under way.
struct Turn<'a>(&'a AtomicBool);

impl<'a> Turn<'a> {
    fn take(taken: &'a AtomicBool) -> Option<Self> {
        (!taken.swap(true, Ordering::AcqRel)).then_some(Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// RSA with SHA-1, which no certificate is checked with any more, but version 1 of SNS's signatures.
#[derive(Debug)]
struct RsaSha1;

/// `sha1WithRSAEncryption` (RFC 3279): its object identifier and the absent parameters.
const SHA1_WITH_RSA: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
]);

impl SignatureVerificationAlgorithm for RsaSha1 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        SHA1_WITH_RSA
    }
}
