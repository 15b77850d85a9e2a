//! The users of the story, and their names for those who change something about them. Data.

/// Who knows a user's integration code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeIs {
    /// lockwatch presents it.
    Known,
    /// `integration_code = "vendor-held"`
    VendorHeld,
    /// The same with `verify_without_code = true`.
    VendorHeldVerified,
}

/// A user as the demo's lockwatch is configured with; the world may know better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DemoUser {
    /// `id`
    pub id: &'static str,
    /// `username`
    pub username: &'static str,
    /// What lockwatch presents.
    pub secret: &'static str,
    /// The code of its tracking identifier.
    pub integration_code: &'static str,
    /// Whether lockwatch is told the code.
    pub code: CodeIs,
    /// `tenant`
    pub tenant: &'static str,
    /// `integration`
    pub integration: &'static str,
    /// `entity`
    pub entity: &'static str,
    /// Made as the demo starts: its `created` is the start.
    pub is_new: bool,
    /// What is the matter with it, for people.
    pub story: &'static str,
}

pub(super) const ORDINARY: &str = "s5vy6b@acme.example";
pub(super) const ROTATED: &str = "d8gk3z@acme.example";
pub(super) const WRONG_CODE: &str = "t1bq7m@globex.example";
pub(super) const WITHOUT_RIGHT: &str = "j4ns9f@globex.example";
pub(super) const LOCKED: &str = "w4kd9s@globex.example";
pub(super) const RECOVERING: &str = "q7hn2v@hooli.example";
pub(super) const NEW: &str = "z2mf8c@hooli.example";

/// Everybody.
pub(super) const USERS: [DemoUser; 15] = [
    DemoUser {
        id: "acme-email2at",
        username: "k3jx7q@acme.example",
        secret: "demo-secret-01",
        integration_code: "demo-code-01",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "acme-backup",
        username: "p9tr4w@acme.example",
        secret: "demo-secret-02",
        integration_code: "demo-code-02",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Backup alerts",
        entity: "Companies",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "acme-portal",
        username: ORDINARY,
        secret: "demo-secret-03",
        integration_code: "demo-code-03",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Customer portal",
        entity: "Contacts",
        is_new: false,
        story: "was made as an ordinary user: its zone is found, the API refuses it for ever",
    },
    DemoUser {
        id: "acme-billing",
        username: ROTATED,
        secret: "demo-secret-04",
        integration_code: "demo-code-04",
        code: CodeIs::Known,
        tenant: "acme",
        integration: "Billing export",
        entity: "Companies",
        is_new: false,
        story: "its secret was generated anew, and lockwatch still has the old one",
    },
    DemoUser {
        id: "globex-rmm",
        username: "h6xc2n@globex.example",
        secret: "demo-secret-05",
        integration_code: "demo-code-05",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "RMM sync",
        entity: "ConfigurationItems",
        is_new: false,
        story: "works",
    },
    DemoUser {
        id: "globex-email2at",
        username: LOCKED,
        secret: "demo-secret-06",
        integration_code: "demo-code-06",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "another integration presents an old secret until Autotask locks the user",
    },
    DemoUser {
        id: "globex-docs",
        username: WRONG_CODE,
        secret: "demo-secret-07",
        integration_code: "demo-code-07",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Documentation",
        entity: "Companies",
        is_new: false,
        story: "its integration code belongs to another integration",
    },
    DemoUser {
        id: "globex-reports",
        username: WITHOUT_RIGHT,
        secret: "demo-secret-08",
        integration_code: "demo-code-08",
        code: CodeIs::Known,
        tenant: "globex",
        integration: "Reports",
        entity: "Contracts",
        is_new: false,
        story: "its security level may not read contracts",
    },
    DemoUser {
        id: "hooli-rmm",
        username: RECOVERING,
        secret: "demo-secret-09",
        integration_code: "demo-code-09",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "RMM sync",
        entity: "Companies",
        is_new: false,
        story: "loses a right and gets it back",
    },
    DemoUser {
        id: "hooli-new",
        username: NEW,
        secret: "demo-secret-10",
        integration_code: "demo-code-10",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: true,
        story: "was made a moment ago and is not active yet",
    },
    DemoUser {
        id: "hooli-quotes",
        username: "r3wl5q@hooli.exmaple",
        secret: "demo-secret-11",
        integration_code: "demo-code-11",
        code: CodeIs::Known,
        tenant: "hooli",
        integration: "Quotes",
        entity: "Quotes",
        is_new: false,
        story: "its username has a typing error, so there is no zone",
    },
    DemoUser {
        id: "initech-email2at",
        username: "b7zd4h@initech.example",
        secret: "demo-secret-12",
        integration_code: "demo-code-12",
        code: CodeIs::Known,
        tenant: "initech",
        integration: "Email2AT",
        entity: "Tickets",
        is_new: false,
        story: "its zone has an outage; the user is not to blame",
    },
    DemoUser {
        id: "initech-backup",
        username: "n2cp8x@initech.example",
        secret: "demo-secret-13",
        integration_code: "demo-code-13",
        code: CodeIs::Known,
        tenant: "initech",
        integration: "Backup alerts",
        entity: "Companies",
        is_new: false,
        story: "its zone has an outage; the user is not to blame",
    },
    DemoUser {
        id: "hooli-monitoring",
        username: "v6gj2r@hooli.example",
        secret: "demo-secret-14",
        integration_code: "demo-code-14",
        code: CodeIs::VendorHeld,
        tenant: "hooli",
        integration: "Monitoring",
        entity: "Companies",
        is_new: false,
        story: "only the vendor knows its code: its zone is looked up, and nothing else is known",
    },
    DemoUser {
        id: "acme-dispatch",
        username: "f5yt8l@acme.example",
        secret: "demo-secret-15",
        integration_code: "demo-code-15",
        code: CodeIs::VendorHeldVerified,
        tenant: "acme",
        integration: "Dispatch",
        entity: "Companies",
        is_new: false,
        story: "only the vendor knows its code: its secret is checked with a placeholder",
    },
];
