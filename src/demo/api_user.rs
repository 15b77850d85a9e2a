//! An API user of the simulated Autotask: its credential, level, rights and lock. Plain data.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What an API user's security level allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// API User (system) (API-only).
    ApiOnly,
    /// An ordinary user with a licence: its zone is found, the API refuses it.
    Ordinary,
}

/// A right, as in `userAccessFor*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Right {
    /// `None`
    None,
    /// `All`
    #[default]
    All,
    /// `Restricted`: a query is accepted and finds nothing.
    Restricted,
}

impl Right {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::All => "All",
            Self::Restricted => "Restricted",
        }
    }
}

/// Rights on one entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// `userAccessForCreate`
    pub create: Right,
    /// `userAccessForDelete`
    pub delete: Right,
    /// `userAccessForQuery`
    pub query: Right,
    /// `userAccessForUpdate`
    pub update: Right,
}

/// What the zone look-up says of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Announced {
    /// The zone of its tenant.
    #[default]
    Truth,
    /// Another zone, by name.
    Zone(String),
    /// Its own zone under another address.
    Url(String),
    /// That it is not known, though it is.
    Unknown,
}

/// An API user as Autotask knows it. Has no `Debug`: it holds a secret, if only a simulated one.
#[derive(Clone)]
pub struct ApiUser {
    /// The generated key; found whatever its case.
    pub username: String,
    /// The one secret that is right.
    pub secret: String,
    /// The code of its tracking identifier.
    pub integration_code: String,
    /// Name of its tenant.
    pub tenant: String,
    /// Security level.
    pub level: Level,
    /// `isActive`
    pub active: bool,
    /// Refused until an administrator calls `World::unlock`.
    pub locked: bool,
    /// Not usable earlier.
    pub activates_at: Option<Timestamp>,
    /// By entity in lower case; everything not listed is `All`.
    pub rights: BTreeMap<String, Rights>,
    /// What the zone look-up says.
    pub announced: Announced,
    /// 401s in a row that count towards the lock.
    pub failures_in_row: u32,
}

impl ApiUser {
    /// A user that works: API-only, active, all rights.
    #[must_use]
    pub fn new(username: &str, secret: &str, integration_code: &str, tenant: &str) -> Self {
        Self {
            username: username.to_owned(),
            secret: secret.to_owned(),
            integration_code: integration_code.to_owned(),
            tenant: tenant.to_owned(),
            level: Level::ApiOnly,
            active: true,
            locked: false,
            activates_at: None,
            rights: BTreeMap::new(),
            announced: Announced::Truth,
            failures_in_row: 0,
        }
    }

    /// With another security level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Not usable before `at`.
    #[must_use]
    pub fn activates_at(mut self, at: Timestamp) -> Self {
        self.activates_at = Some(at);
        self
    }

    /// With other rights on an entity.
    #[must_use]
    pub fn rights(mut self, entity: &str, rights: Rights) -> Self {
        self.set_rights(entity, rights);
        self
    }

    /// Changes the rights on an entity.
    pub fn set_rights(&mut self, entity: &str, rights: Rights) {
        self.rights.insert(entity.to_lowercase(), rights);
    }

    /// The rights on an entity.
    #[must_use]
    pub fn rights_on(&self, entity: &str) -> Rights {
        self.rights
            .get(&entity.to_lowercase())
            .copied()
            .unwrap_or_default()
    }
}

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self {
        create: Right::None,
        delete: Right::None,
        query: Right::None,
        update: Right::None,
    };
}
