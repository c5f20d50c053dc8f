//! [`Operators`]: who is at the console.

use std::fmt;
use std::sync::Arc;

use ::http::request::Parts;
use async_trait::async_trait;

use crate::access::Actor;

/// Tells who asks for the console. The console has no accounts of its own: a host that has none for its
/// operators must not mount it.
///
/// # Contract
///
/// An implementer
///
/// - MUST answer with an [`Operator`] only for somebody it has authenticated, by a session of its own, a client
///   certificate, or headers of a proxy that nobody can go around;
/// - MUST NOT take the actor's name from the request without that: it stands in every entry that is made;
/// - SHOULD ask for a second factor, and MUST answer [`Denied::Unavailable`] where it cannot decide.
///
/// ```
/// use async_trait::async_trait;
/// use http::request::Parts;
/// use otpgate::access::Actor;
/// use otpgate::web::console::{Denied, Operator, Operators, Role};
///
/// /// Behind a proxy that authenticates, and that alone can reach this port.
/// #[derive(Debug)]
/// struct StaffProxy;
///
/// #[async_trait]
/// impl Operators for StaffProxy {
///     async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
///         let name = parts.headers.get("x-staff").and_then(|name| name.to_str().ok());
///         let actor = name.and_then(|name| Actor::new(name).ok()).ok_or(Denied::SignIn)?;
///         let on_call = parts.headers.get("x-staff-role").is_some_and(|role| role == "on-call");
///         Ok(Operator::new(actor, if on_call { Role::Act } else { Role::Read }))
///     }
/// }
/// ```
#[async_trait]
pub trait Operators: fmt::Debug + Send + Sync + 'static {
    /// Who asks. It is not told which realm's console is asked: one `Operators` for the consoles of several
    /// tenants lets an operator of one act in all. Give each console its own, which knows its tenant.
    ///
    /// # Errors
    ///
    /// [`Denied`] if the request comes from nobody who may see the console.
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied>;
}

#[async_trait]
impl<O: Operators + ?Sized> Operators for Arc<O> {
    async fn authenticate(&self, parts: &Parts) -> Result<Operator, Denied> {
        (**self).authenticate(parts).await
    }
}

/// Somebody who may see the console.
///
/// ```
/// use otpgate::access::Actor;
/// use otpgate::web::console::{Operator, Role};
///
/// let ada = Operator::new(Actor::new("ada")?, Role::Act);
/// assert_eq!((ada.actor().as_str(), ada.role()), ("ada", Role::Act));
/// # Ok::<(), otpgate::access::ControlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operator {
    actor: Actor,
    role: Role,
}

impl Operator {
    /// `actor` stands in every entry that the operator makes.
    #[must_use]
    pub const fn new(actor: Actor, role: Role) -> Self {
        Self { actor, role }
    }

    /// The name that stands in entries.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What the operator may do.
    pub const fn role(&self) -> Role {
        self.role
    }
}

/// What an operator may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Look.
    Read,
    /// Look, and use every control.
    Act,
}

/// Why somebody does not see the console.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Denied {
    /// Nobody is signed in: 401.
    SignIn,
    /// Nobody is signed in; the host's page for it is at this URL: 303. Who posts a form is told
    /// that nothing was done, with a link: 401.
    SignInAt(String),
    /// Signed in, and not one of those who may: 403.
    Forbidden,
    /// It cannot be said who it is at the moment: 503.
    Unavailable,
}
