//! A tenant's state in this process: the controls it last saw, and the detector.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use crate::base::id::RequestId;
use crate::base::money::Money;
use crate::base::time::Timestamp;
use crate::context::Realm;
use crate::error::GateError;
use crate::recipient::Recipient;
use crate::store::{Exchange, News};

use super::{Gate, Inner};

/// The realms this process has served.
#[derive(Default)]
pub(crate) struct Realms(RwLock<HashMap<Realm, Arc<RealmState>>>);
