//! `[store]`: a file of lockwatch's own, or a database on a server.

use std::path::PathBuf;

use toml::Spanned;

use super::take;
use crate::config::{
    Database, Ephemeral, PostgresUrl, StoreLocation,
    file::{self, Maybe},
    report::{KeyPath, Report},
};

/// `[store]`
pub fn store(table: Maybe<file::Store>, report: &mut Report<'_>) -> (StoreLocation, Ephemeral) {
    let table = table.map(Spanned::into_inner).unwrap_or_default();
    let key = KeyPath::of("store");
    let by_file = key.key("url_file");
    if let (Some(_), Some(file)) = (&table.url, &table.url_file) {
        report.wrong(&file.span(), &by_file, "stands beside store.url");
    }
    let file = take::existing(table.url_file, &by_file, report);
    let url = take::parsed(table.url, &key.key("url"), report, location);
    let location = file
        .map(|path| StoreLocation::Postgres(Database::File(path)))
        .or(url)
        .unwrap_or_else(|| StoreLocation::Sqlite("/var/lib/lockwatch/lockwatch.db".into()));
    let allowed = table.allow_ephemeral.is_some_and(Spanned::into_inner);
    let ephemeral = if allowed {
        Ephemeral::Allowed
    } else {
        Ephemeral::Refused
    };
    (location, ephemeral)
}

fn location(text: &str) -> Result<StoreLocation, &'static str> {
    if !PostgresUrl::is_meant(text) {
        return sqlite(text).map(StoreLocation::Sqlite);
    }
    let url = PostgresUrl::parse(text)?;
    if url.has_password() {
        Err("holds a password, and the configuration holds no secret")
    } else {
        Ok(StoreLocation::Postgres(Database::Url(url)))
    }
}

fn sqlite(text: &str) -> Result<PathBuf, &'static str> {
    let path = text
        .strip_prefix("sqlite://")
        .ok_or("is not the address of a store")?;
    let path = take::trimmed(path, 4096)?;
    if !path.starts_with('/') {
        Err("names no absolute path")
    } else if path.ends_with('/') {
        Err("names a folder")
    } else if path.contains(['?', '#', '%']) {
        Err("holds one of ? # %")
    } else {
        Ok(path.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_addresses() {
        for (text, expected) in [
            ("sqlite:///var/lib/x.db", Ok("/var/lib/x.db")),
            ("sqlite://x.db", Err("names no absolute path")),
            ("sqlite::memory:", Err("is not the address of a store")),
            ("sqlite://", Err("is empty")),
            ("sqlite:///x.db?mode=ro", Err("holds one of ? # %")),
            ("sqlite:///var/", Err("names a folder")),
            ("/var/lib/x.db", Err("is not the address of a store")),
        ] {
            assert_eq!(sqlite(text), expected.map(PathBuf::from), "{text}");
        }
    }

    #[test]
    fn databases() {
        const NO_PASSWORD: &str = "holds a password, and the configuration holds no secret";
        const NO_ADDRESS: &str = "is not the address of a database (special characters of a password are percent-encoded)";
        for (text, expected) in [
            ("postgres://lw@db/x", Ok("postgres://lw@db/x")),
            (
                "postgresql://lw@db:5433/x?sslmode=verify-full",
                Ok("postgres://lw@db:5433/x"),
            ),
            (
                "postgres:///x?host=/run/postgresql&user=lw",
                Ok("postgres://lw@/run/postgresql/x"),
            ),
            ("postgres://lw@[::1]/x", Ok("postgres://lw@[::1]/x")),
            ("postgres://lw:geheim@db/x", Err(NO_PASSWORD)),
            ("postgres://lw:@db/x", Ok("postgres://lw@db/x")),
            (
                "postgres://lw@db/x?password=geheim",
                Err("holds a password behind the question mark"),
            ),
            (
                "postgres://lw@db/x?sslmode=verify",
                Err("has an sslmode that PostgreSQL does not know"),
            ),
            (
                "postgres://lw@db/x?ssl=on",
                Err("has a parameter that is not known"),
            ),
            ("postgres://db/x", Err("names no user")),
            ("postgres://lw@db", Err("names no database")),
            ("postgres://lw@db/", Err("names no database")),
            ("postgres:///x", Err("names no user")),
            ("postgres://lw@/x", Err(NO_ADDRESS)),
            // A character of the password that ends what it stands in.
            ("postgres://lw:ge/heim@db/x", Err(NO_ADDRESS)),
            ("postgres://lw:12#heim@db/x", Err(NO_ADDRESS)),
            (
                "postgres://lw:12?heim@db/x",
                Err("has a parameter that is not known"),
            ),
            ("postgres://lw:12/heim@db", Err(NO_ADDRESS)),
            ("postgres://", Err("names no user")),
        ] {
            let found = location(text).map(|found| match found {
                StoreLocation::Postgres(Database::Url(url)) => url.to_string(),
                other => panic!("{text}: {other:?}"),
            });
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = PostgresUrl::parse("postgres://lw:geheim@db/x?sslmode=require").unwrap();
        assert!(url.has_password());
        for shown in [
            format!("{url}"),
            format!("{url:?}"),
            format!("{:?}", Database::Url(url.clone())),
        ] {
            assert!(
                !shown.contains("geheim") && shown.contains("lw@db/x"),
                "{shown}"
            );
        }
    }
}
