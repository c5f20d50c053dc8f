//! What a browser loads from the endpoints: the module's files, and the hosted pages where a host wants them.

use std::net::IpAddr;

use ::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY,
};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;

use crate::context::Purpose;
use crate::gate::About;
use crate::message::Language;

use super::assets;
use super::endpoints::{Answer, Endpoints, only_get};
use super::page::{PageContext, PageLanguage, code_page, form_page};
use super::problem::{Problem, ProblemKind};

impl Endpoints {
    /// `below` the mount: an asset, a page, or nothing of ours.
    pub(super) async fn answer_hosted(
        &self,
        below: &str,
        parts: &Parts,
        peer: Option<IpAddr>,
    ) -> Answer {
        let not_found = || Problem::new(ProblemKind::NotFound);
        if let Some(path) = below.strip_prefix("/assets/") {
            let (folder, name) = path.split_once('/').map_or((None, path), |(f, n)| (Some(f), n));
            let asset = assets::find(name).ok_or_else(not_found)?;
            let control = match folder {
                None => assets::REVALIDATED,
                Some(folder) if folder == asset.folder() => assets::IMMUTABLE,
                // A page of another release. Most often this file is the same there; if it is not,
                // `integrity` tells the browser. The Worker has none: the module imports it by its
                // address alone.
                Some(folder) if assets::is_folder(folder) && *asset != assets::WORKER => {
                    assets::NOT_KEPT
                }
                Some(_) => return Err(not_found()),
            };
            only_get(parts)?;
            return Ok(asset_answer(asset, control, &parts.headers));
        }
        let context = self.config().pages.as_ref().ok_or_else(not_found)?;
        let language = language(&parts.headers, context.language);
        match below {
            "" | "/" => {
                only_get(parts)?;
                let purpose = self.asked_purpose(parts)?;
                let widget = self.gate().human_widget(purpose);
                let policy = widget.iter().flat_map(|widget| widget.policy);
                let mut context = context.clone();
                context.widget_policy.extend(
                    policy.map(|(directive, source)| {
                        (String::from(*directive), String::from(*source))
                    }),
                );
                page_answer(&context, form_page(&context, purpose, language))
            }
            "/code" => {
                only_get(parts)?;
                let (about, entry) = self.open_entry(parts, peer).await?;
                let mut context = context.clone();
                context.form_url = self.form_url(&context, about.as_ref());
                match (about, entry) {
                    (Some(about), Some(entry)) => {
                        page_answer(&context, code_page(&context, &entry, about.code, language))
                    }
                    _ => Ok(redirect(&context.form_url)),
                }
            }
            _ => Err(not_found()),
        }
    }

    /// That of the query, `?purpose=…`, if codes are given for it here; the first one if it has none.
    fn asked_purpose(&self, parts: &Parts) -> Result<&Purpose, Problem> {
        let mut purposes = self.config().purposes().iter();
        let purpose = match query_purpose(parts)? {
            Some(asked) => purposes.find(|purpose| purpose.as_str() == asked),
            None => purposes.next(),
        };
        purpose.ok_or(Problem::new(ProblemKind::NotFound))
    }

    /// Where a verification begins anew: at the hosted form, that of its purpose. The form of the
    /// first purpose needs no query, and there is none of a purpose that is not offered here.
    fn form_url(&self, context: &PageContext, about: Option<&About>) -> String {
        let mut others = self.config().purposes().iter().skip(1);
        let other = about.filter(|about| others.any(|purpose| *purpose == about.purpose));
        match other {
            Some(about) if context.form_url == context.mount => {
                format!("{}?purpose={}", context.mount, about.purpose.as_str())
            }
            _ => context.form_url.clone(),
        }
    }
}

/// The purpose that the query names, whatever else is in it: links carry what campaigns add. An
/// error if it names two, since nobody knows which is meant.
fn query_purpose(parts: &Parts) -> Result<Option<&str>, Problem> {
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    let mut named = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter_map(|(name, value)| (name == "purpose").then_some(value));
    let purpose = named.next();
    if named.next().is_some() { Err(Problem::new(ProblemKind::NotFound)) } else { Ok(purpose) }
}

impl Endpoints {
    /// The language that the hosted pages speak to this client, for his text.
    pub(super) fn page_language(&self, parts: &Parts) -> Option<Language> {
        let context = self.config().pages.as_ref()?;
        Language::new(language(&parts.headers, context.language).tag()).ok()
    }
}

fn language(headers: &HeaderMap, otherwise: PageLanguage) -> PageLanguage {
    let accept = headers.get(ACCEPT_LANGUAGE).and_then(|accept| accept.to_str().ok());
    PageLanguage::negotiate(accept.unwrap_or_default(), otherwise)
}

fn asset_answer(
    asset: &assets::Asset,
    control: &'static str,
    headers: &HeaderMap,
) -> Response<Bytes> {
    let etag = asset.etag();
    // Browsers send back what they were sent: one tag, or several of caches on the way (RFC 9110 §13.1.2).
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        let mut tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    });
    let body = if known { Bytes::new() } else { Bytes::from_static(asset.bytes()) };
    let mut response = super::secured(Response::new(body));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    response
}

fn page_answer(context: &PageContext, html: String) -> Answer {
    let mut response = super::secured(Response::new(html.into()));
    let policy = HeaderValue::try_from(context.content_security_policy());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // `build` has checked it; without it the page would stay under the policy that allows nothing.
    if let Ok(policy) = policy {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// To the form. 303, so that nothing is posted again.
fn redirect(to: &str) -> Response<Bytes> {
    let mut response = super::secured(Response::new(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}
