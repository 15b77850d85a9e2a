//! The configuration as text.

use std::path::Path;

use url::Url;

/// What a test may set, as lines of TOML.
pub struct Settings {
    /// `autotask.timeout`
    pub timeout: &'static str,
    /// More of `[autotask]`.
    pub autotask: String,
    /// `schedule.interval`
    pub interval: &'static str,
    /// More of `[schedule]`.
    pub schedule: String,
    /// `lockout.activation`
    pub activation: &'static str,
    /// `lockout.confirm_after`
    pub confirm_after: &'static str,
    /// More of `[lockout]`.
    pub lockout: String,
    /// All of `[email]` and `[email.smtp]`.
    pub email: String,
    /// More of `[web]`.
    pub web: String,
    /// All of `[store]`, when it is not in the house.
    pub store: Option<String>,
    /// `store.allow_ephemeral`: a house may stand in memory or in a container's own layer.
    pub allow_ephemeral: bool,
    /// Whatever else, at the top of the file.
    pub top: String,
}

impl Default for Settings {
    /// Fast, and with mails in the folder `mail` of the house.
    fn default() -> Self {
        Self {
            timeout: "1s",
            autotask: String::new(),
            interval: "1s",
            schedule: String::new(),
            activation: "1s",
            confirm_after: "1s",
            lockout: String::new(),
            email: "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\ngroup_wait = \"200ms\"\n\
                    transport = \"file\"\ndirectory = \"mail\"\n"
                .to_owned(),
            web: String::new(),
            store: None,
            allow_ephemeral: true,
            top: String::new(),
        }
    }
}

/// One `[[users]]`.
#[derive(Clone)]
pub struct Account {
    /// `id`
    pub id: String,
    /// The id that it began with, which its username and its files are named after.
    pub first_id: String,
    /// `username`, where it is not that of the id.
    pub username: Option<String>,
    /// `tenant`
    pub tenant: &'static str,
    /// Where its secret and its code are.
    pub credential: String,
    /// Its own recipient, where it is not `ID@acme.example`.
    pub notify: Option<&'static str>,
    /// More lines of its table.
    pub more: String,
    /// Not a new user: it was made long ago.
    pub old: bool,
}

impl Account {
    /// A user that was made long ago; its own recipient is `ID@acme.example`.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            first_id: id.to_owned(),
            username: None,
            tenant: "acme",
            credential: format!(
                "secret = {{ file = \"{id}.secret\" }}\nintegration_code = {{ file = \"{id}.code\" }}"
            ),
            notify: None,
            more: String::new(),
            old: true,
        }
    }

    /// Its table, as it stands in the configuration.
    pub fn text(&self) -> String {
        let Self {
            id,
            first_id,
            username,
            tenant,
            credential,
            notify,
            more,
            old,
        } = self;
        let username = username
            .clone()
            .unwrap_or_else(|| super::username(first_id));
        // Quoted for JSON, which TOML reads alike.
        let username = serde_json::Value::from(username);
        let notify = notify.map_or_else(|| format!("{id}@acme.example"), str::to_owned);
        let created = if *old {
            "created = 2026-01-01T00:00:00Z\n"
        } else {
            ""
        };
        format!(
            "[[users]]\nid = \"{id}\"\nusername = {username}\ntenant = \"{tenant}\"\n\
             {credential}\n\
             notify = [\"{notify}\"]\n{created}{more}\n"
        )
    }
}

impl Settings {
    pub(super) fn text(
        &self,
        folder: &Path,
        autotask: &Url,
        port: u16,
        accounts: &[Account],
    ) -> String {
        let Self {
            timeout,
            autotask: more,
            interval,
            schedule,
            activation,
            confirm_after,
            lockout,
            email,
            web,
            store,
            allow_ephemeral,
            top,
        } = self;
        let store = store
            .clone()
            .unwrap_or_else(|| format!("url = \"sqlite://{}/lockwatch.db\"", folder.display()));
        let users: String = accounts.iter().map(Account::text).collect();
        format!(
            "{top}\n\
             [autotask]\nbase_url = \"{autotask}\"\nallowed_hosts = [\"127.0.0.1\"]\ntimeout = \"{timeout}\"\n{more}\n\
             [schedule]\ninterval = \"{interval}\"\n{schedule}\n\
             [lockout]\nactivation = \"{activation}\"\nconfirm_after = \"{confirm_after}\"\n{lockout}\n\
             [store]\n{store}\nallow_ephemeral = {allow_ephemeral}\n\
             {email}\n\
             [web]\nlisten = \"127.0.0.1:{port}\"\n{web}\n\
             {users}"
        )
    }
}
