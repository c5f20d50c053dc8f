//! The browser module and the style of the hosted pages: the files, and what HTTP says of them.
//!
//! The module has no build step and no dependency: what is served is what is read in `src/web/assets`. A
//! host that serves files by itself writes them out from here.
//!
//! ```
//! use otpgate::web::assets;
//!
//! let tag = format!(
//!     r#"<script type="module" src="{}" integrity="{}"></script>"#,
//!     assets::MODULE.path("/otp"),
//!     assets::MODULE.integrity(),
//! );
//! assert!(tag.starts_with(r#"<script type="module" src="/otp/assets/"#));
//! assert!(tag.contains(r#"/otpgate.js" integrity="sha384-"#));
//! ```

use std::borrow::Cow;
use std::sync::OnceLock;

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256, Sha384};

// What the lines of both files do not say, since a browser would load their comments too:
//
// - `zeros`: where ten decimal digits of a script begin, as the distance from one to the next: as the gate
//   reduces a number. SHA-256 by hand: SubtleCrypto, with a promise for each try, is 17 times slower.
//   `search`: one block, of which the counter alone changes. Both run in the Worker, and on the page.
// - `heed`: an aborted signal has no reason in older browsers. `inWorker`: policies refuse a Worker by an
//   exception or by an error event.
// - `instead`: a page may have no words for all that the module knows: `sent-email` is `sent` there. `fail`:
//   without what the field held nobody has pressed anything.
// - `once`: one thing at a time, but a code typed while another is asked for waits for its turn. Who leaves the
//   page answers true and stays busy, so nothing is sent twice. A code that arrives by itself must not overtake
//   the one typed. `heard`: the form hears of withheld texts, and the code page, another document, shows it.
// - `listen`: WebOTP is a bonus. It may exist where no code can come this way, and every error means no code.
// - In a resend that is refused: if it is not what the page counts down, the first form may pass by a step-up.
// - `policy`: Trusted Types may forbid a second policy of one name. `pause(0)`: the page lives on between
//   two slices of work, of which one is shorter than a Worker's start.
// - `told`: the odds that so many tries have solved it. `hold`: a ticket's times count from its arrival, as
//   the server's clock is not the page's.
// - `held`, `check`, `asking`: the ticket at hand, the human check's terms, the ticket on its way. A page
//   may be older than its gate's check: the terms come with the next ticket.
// - `mark`: on a form, what attached it, whichever instance of the module; a second time it takes the
//   options alone, and `terms` are read when they are needed.
// - `timeout`: the gate's deadlines are 30 s for a provider, 5 for the human check and 5 for a look-up; what is
//   left of the minute is the store's and the line's.
// - `busy`, `queued`, `message`, `over`: what goes on, the submit that waits for it, the text awaited, whether the
//   host has the proof. `tell` is false where the host has taken an event on; after `gone` the host's page goes on
//   without the form.
// - `data-busy`: a screen reader leaves out what is `aria-busy`, and the human check is in the form.
// - `left`, `unheard`, `complaint`: the attempts that the last open entry named, whether a code's answer was lost
//   since, what the first entry's failure said. `judge`: without an attempt left the entry is closed, but so it is
//   for other causes. `stays`: who has just entered a code is told so, and not led away without a word.
// - `tick`: a sleeping tab misses ticks, not deadlines.
// - `refresh`: an early ticket has waited its human time when the number is typed; the code page asks for what
//   it shows, also when it comes back from the history.
// - `until ??= 0`: where the entry gave no answer, the server decides when another code may be sent.

/// The browser module. It imports [`WORKER`] from beside itself.
pub static MODULE: Asset =
    Asset::new("otpgate.js", JAVASCRIPT, include_bytes!("assets/otpgate.js"));

/// What the module's Worker runs: the digest, and how a number is read.
pub static WORKER: Asset =
    Asset::new("otpgate-worker.js", JAVASCRIPT, include_bytes!("assets/otpgate-worker.js"));

/// The module's types, for a host's own scripts.
pub static TYPES: Asset =
    Asset::new("otpgate.d.ts", "text/plain; charset=utf-8", include_bytes!("assets/otpgate.d.ts"));

/// The style of the [hosted pages](super::page).
pub static STYLE: Asset =
    Asset::new("otpgate.css", "text/css; charset=utf-8", include_bytes!("assets/otpgate.css"));

/// Every file.
pub static ALL: [&Asset; 4] = [&MODULE, &WORKER, &TYPES, &STYLE];

/// `Cache-Control` of [`Asset::path`]: what it names never changes.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `Cache-Control` of an address by name alone: kept, and asked for again by [`Asset::etag`], so that no browser
/// goes on with the module of a release that is gone. While gates of two releases serve, it may get the module of
/// one and the Worker of the other; by [`Asset::path`] it never does.
pub const REVALIDATED: &str = "public, no-cache";

/// `Cache-Control` of a folder of another release.
pub(super) const NOT_KEPT: &str = "no-store";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// One file that pages load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes }
    }

    /// The file's name, such as `otpgate.js`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// `Content-Type`.
    pub const fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The file.
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The attribute `integrity` of the element that loads it (SHA-384, as the specification's examples
    /// have it).
    pub fn integrity(&self) -> String {
        format!("sha384-{}", Base64::encode_string(&Sha384::digest(self.bytes)))
    }

    /// `ETag`, quotes included: a strong one, of the content alone.
    pub fn etag(&self) -> String {
        format!("\"{}\"", short_hex(&Sha256::digest(self.bytes)))
    }

    /// The address below `mount` that may be cached for ever: its folder names the contents.
    #[must_use]
    pub fn path(&self, mount: &str) -> String {
        format!("{mount}/assets/{}/{}", self.folder(), self.name)
    }

    /// The module and its Worker lie in one folder, [`version`]; each other file has its own, so that it
    /// stays where it is when others change.
    pub(super) fn folder(&self) -> Cow<'static, str> {
        match [MODULE, WORKER].contains(self) {
            true => version().into(),
            false => short_hex(&Sha256::digest(self.bytes)).into(),
        }
    }
}

/// The file of that name.
///
/// ```
/// use otpgate::web::assets;
///
/// assert_eq!(assets::find("otpgate-worker.js"), Some(&assets::WORKER));
/// assert_eq!(assets::find("../Cargo.toml"), None);
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.into_iter().find(|asset| asset.name == name)
}

/// Names the contents of the module and its Worker, 16 hex digits: the folder of their addresses that never
/// change. One for both, since the module imports the Worker from beside itself.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hash = Sha256::new();
        for asset in [MODULE, WORKER] {
            hash.update(Sha256::digest(asset.name));
            hash.update(Sha256::digest(asset.bytes));
        }
        short_hex(&hash.finalize())
    })
}

/// Whether `text` could be a folder of this release or another.
pub(super) fn is_folder(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn short_hex(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the empty file; `openssl dgst -sha384 -binary /dev/null | base64`.
    #[test]
    fn integrity_is_that_of_the_specification() {
        let empty = Asset::new("empty", "text/plain", b"");
        assert_eq!(
            empty.integrity(),
            "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb"
        );
        assert_eq!(empty.etag(), "\"e3b0c44298fc1c14\"");
    }

    #[test]
    fn every_file_is_found_by_its_name_and_has_an_etag_of_its_own() {
        let mut tags: Vec<_> = ALL.iter().map(|asset| asset.etag()).collect();
        for asset in ALL {
            assert_eq!(find(asset.name()), Some(asset));
            assert!(!asset.bytes().is_empty());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), ALL.len());
        assert_eq!(version().len(), 16);
    }

    /// A style that changed takes the address of no script with it. The module and its Worker have one.
    #[test]
    fn an_address_names_no_more_than_its_file_needs() {
        let folder = |asset: Asset| asset.path("/otp").replace(asset.name(), "");
        assert_eq!(folder(MODULE), folder(WORKER));
        assert_eq!(folder(MODULE), format!("/otp/assets/{}/", version()));
        for asset in [STYLE, TYPES] {
            assert_eq!(folder(asset), format!("/otp/assets/{}/", asset.etag().replace('"', "")));
        }
    }

    /// A browser drops a whole rule for one selector that it does not know: Firefox before 121 has no
    /// `:has`.
    #[test]
    fn no_rule_of_the_style_hangs_on_a_new_selector_beside_another() {
        let text = str::from_utf8(STYLE.bytes()).unwrap();
        let lists: Vec<_> = text
            .split(['{', '}'])
            .filter_map(|part| part.rsplit("*/").next())
            .filter(|part| part.contains(":has("))
            .collect();
        assert!(!lists.is_empty(), "a test of nothing");
        assert!(lists.iter().all(|list| !list.contains(',')), "{lists:?}");
    }

    /// The policies of hosts forbid all of it, and so does the promise that nothing is built or fetched.
    #[test]
    fn the_module_does_nothing_that_a_strict_policy_forbids() {
        for asset in [MODULE, WORKER] {
            let text = str::from_utf8(asset.bytes()).unwrap();
            for forbidden in [
                "innerHTML",
                "eval(",
                "new Function",
                "createObjectURL",
                "importScripts",
                "http://",
                "https://",
            ] {
                assert!(!text.contains(forbidden), "{} has {forbidden}", asset.name());
            }
            let imports: Vec<_> = text.lines().filter(|line| line.starts_with("import ")).collect();
            let from_beside = |line: &&str| line.ends_with("from './otpgate-worker.js';");
            assert!(imports.iter().all(from_beside), "{imports:?}");
        }
    }
}
