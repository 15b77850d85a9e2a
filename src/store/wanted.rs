//! Making the users' rows what the configuration wants.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

pub use super::parting::Parting;
use super::{
    Store, StoreError, books, millis, parting, span,
    sql::{self, Arg, Conn, Row},
    sweep, to_doc,
    writer::Write,
};
use crate::{
    attempt::Limits,
    record::{Recent, Record},
    user::UserId,
};

/// So many users are written by one statement.
const ROWS: usize = 100;

const USERS: &str = "INSERT INTO users \
     (id, username, tenant, active, interval_ms, first_seen, due_at, due_set_at, record, recent) ";
/// What else is remembered of a user stays.
const KEPT_ALREADY: &str = " ON CONFLICT (id) DO UPDATE SET active = TRUE, removed_at = NULL, \
     interval_ms = excluded.interval_ms, tenant = excluded.tenant, due_at = excluded.due_at";

/// What `sync` needs to know of a configured user.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The user.
    pub id: UserId,
    /// Lower-cased username.
    pub username: String,
    /// The tenant.
    pub tenant: String,
    /// Time between checks.
    pub interval: Duration,
    /// The first check of a user that is new, or whose stored one is too far off.
    pub first_due: Timestamp,
}

/// All that the configuration wants of the store.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// All enabled users, each once.
    pub users: Vec<Wanted>,
    /// How it is told that the incident of a user that goes is over.
    pub telling: Telling,
}

/// What a notice needs besides what is stored.
#[derive(Clone, Debug, Default)]
pub struct Telling {
    /// The host lockwatch runs on.
    pub host: String,
    /// So long notices of one recipient are gathered.
    pub group_wait: Duration,
    /// Why notices will not become mails; `None` when they will.
    pub unsendable: Option<&'static str>,
}

impl From<Vec<Wanted>> for Wants {
    fn from(users: Vec<Wanted>) -> Self {
        let telling = Telling::default();
        Self { users, telling }
    }
}

struct Sync {
    wants: Wants,
    limits: Limits,
    now: Timestamp,
}

impl Store {
    /// Makes the rows what the config wants, in one transaction: new users appear, the others keep their state, the
    /// rest is put aside. All enabled users must be among the wants. Returns the incidents that this closed.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing has changed.
    pub async fn sync(
        &self,
        wants: impl Into<Wants>,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Vec<Parting>, StoreError> {
        let wants = wants.into();
        let partings = self.writer.write(Sync { wants, limits, now }).await?;
        for parting in &partings {
            tracing::info!(
                user.id = %parting.user,
                incident = %parting.incident,
                "incident closed: the configuration does not want the user any more, or not under that username"
            );
        }
        Ok(partings)
    }
}

impl Write for Sync {
    type Out = Vec<Parting>;

    async fn apply(&self, conn: &mut Conn) -> Result<Vec<Parting>, sqlx::Error> {
        let now = millis(self.now);
        let Wants { users, telling } = &self.wants;
        let mut partings = Vec::new();
        let fresh = to_doc(&Record::new(self.now, &self.limits))?;
        let counted = books::counted(conn, self.now).await?;
        sweep::touch(conn, counted).await?;
        let mut kept = kept(conn).await?;
        let wanted: HashSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        for (id, row) in &kept {
            if row.active && !wanted.contains(id.as_str()) {
                partings.extend(parting::put_aside(conn, id, telling, self.now).await?);
            }
        }
        let mut changed = Vec::new();
        for user in users {
            let row = match kept.remove(user.id.as_str()) {
                Some(row) if row.username != user.username => {
                    let (id, name) = (user.id.as_str(), &user.username);
                    partings.extend(parting::make_room(conn, id, name, telling, self.now).await?);
                    None
                }
                row => row,
            };
            if !row.as_ref().is_some_and(|row| row.is_as(user, now)) {
                let due = row.map_or(millis(user.first_due), |row| row.due(user, now));
                changed.push((user, due));
            }
        }
        for some in changed.chunks(ROWS) {
            let rows = some.iter().map(|(user, due)| row(user, *due, &fresh, now));
            sql::insert(conn, USERS, rows, KEPT_ALREADY).await?;
        }
        Ok(partings)
    }
}

/// A row as it is; most are as they should be, and reading is much less than writing.
struct Kept {
    username: String,
    tenant: String,
    active: bool,
    interval: i64,
    due: i64,
    due_set_at: i64,
}

impl Kept {
    /// The next check. One that is further off than the interval is right when the API asked for it (`Retry-After`), but not
    /// when the interval was changed or the clock was set back since.
    fn due(&self, wanted: &Wanted, now: i64) -> i64 {
        let interval = span(wanted.interval);
        let far = self.due > now + interval;
        if far && (self.interval != interval || self.due_set_at > now) {
            millis(wanted.first_due)
        } else {
            self.due
        }
    }

    /// Whether nothing is to be written.
    fn is_as(&self, wanted: &Wanted, now: i64) -> bool {
        self.active
            && self.tenant == wanted.tenant
            && self.interval == span(wanted.interval)
            && self.due == self.due(wanted, now)
    }
}

/// Every row, by the user's id.
async fn kept(conn: &mut Conn) -> Result<BTreeMap<String, Kept>, sqlx::Error> {
    let rows = sql::query(
        "SELECT id, username, tenant, active, interval_ms, due_at, due_set_at FROM users",
    )
    .fetch_all(conn)
    .await?;
    let each = |row: &Row| {
        let kept = Kept {
            username: row.get("username")?,
            tenant: row.get("tenant")?,
            active: row.get("active")?,
            interval: row.get("interval_ms")?,
            due: row.get("due_at")?,
            due_set_at: row.get("due_set_at")?,
        };
        Ok((row.get("id")?, kept))
    };
    rows.iter().map(each).collect()
}

/// What [`USERS`] names.
fn row(user: &Wanted, due: i64, fresh: &str, now: i64) -> Vec<Arg> {
    vec![
        user.id.as_str().into(),
        (&user.username).into(),
        (&user.tenant).into(),
        true.into(),
        span(user.interval).into(),
        now.into(),
        due.into(),
        now.into(),
        fresh.into(),
        Recent::default().packed().into(),
    ]
}
