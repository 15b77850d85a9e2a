//! The limit: what a check costs when nothing is done but its two requests, and what a commit costs when nothing is done but
//! writing two rows. No program that makes both requests and records each attempt first can do with less.

use std::{path::Path, time::Duration};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::Instant;
use url::Url;

use crate::{process::own_cpu, town};

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// What something took, each time.
pub struct Cost {
    /// Time on a processor.
    pub cpu: Duration,
    /// Time that passed.
    pub wall: Duration,
}

/// `checks` pairs of a look-up and a query, over connections that are kept.
pub async fn requests(base_url: &Url, users: usize, checks: u32) -> Result<Cost> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()?;
    let one = async |number: usize| -> Result<()> {
        let mut url = base_url.join("atservicesrest/v1.0/zoneInformation")?;
        url.query_pairs_mut()
            .append_pair("user", &town::username(number));
        let zone: serde_json::Value = http.get(url).send().await?.json().await?;
        let zone: Url = zone["url"].as_str().unwrap_or_default().parse()?;
        let query = zone.join(&format!("v1.0/{}/query", town::ENTITY))?;
        let body = http
            .post(query)
            .header("UserName", town::username(number))
            .header("Secret", town::secret(number))
            .header("ApiIntegrationCode", town::code(number))
            .header("Content-Type", "application/json")
            .body(lockwatch::autotask::wire::QUERY)
            .send()
            .await?
            .error_for_status()?;
        body.bytes().await?;
        Ok(())
    };
    // Once before it counts, so that the connections stand.
    stream::iter(0..users.min(AT_ONCE))
        .map(one)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let (cpu, wall) = (own_cpu()?, Instant::now());
    stream::iter((0..checks as usize).map(|nth| nth % users))
        .map(one)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(Cost {
        cpu: (own_cpu()? - cpu) / checks,
        wall: wall.elapsed() / checks,
    })
}

/// `times` commits of two rows, each on disk before the next begins.
pub async fn commits(folder: &Path, times: u32) -> Result<Cost> {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut db = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("CREATE TABLE rows (id INTEGER PRIMARY KEY, doc TEXT NOT NULL)")
        .execute(&mut db)
        .await?;
    let doc = "x".repeat(1_000);
    let (cpu, wall) = (own_cpu()?, Instant::now());
    for nth in 0..times {
        let mut group = db.begin().await?;
        for row in [2 * nth % 1_000, (2 * nth + 1) % 1_000] {
            sqlx::query("INSERT OR REPLACE INTO rows (id, doc) VALUES ($1, $2)")
                .bind(row)
                .bind(&doc)
                .execute(&mut *group)
                .await?;
        }
        group.commit().await?;
    }
    let cost = Cost {
        cpu: (own_cpu()? - cpu) / times,
        wall: wall.elapsed() / times,
    };
    db.close().await?;
    Ok(cost)
}
