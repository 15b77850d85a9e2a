//! `validate`: every problem of the configuration and of the secrets it names.

use std::path::Path;

use super::{
    exit::{Exit, Failure},
    report::{note, say},
};
use crate::{
    config::{self, Config, Severity},
    store::place,
    user::Known,
};

pub(super) async fn validate(path: &Path) -> Result<Exit, Failure> {
    let owned = path.to_owned();
    let loaded = tokio::task::spawn_blocking(move || config::load_once(&owned)).await;
    let (config, warnings) = loaded.map_err(|why| Failure::internal(why.to_string()))??;
    for warning in &warnings {
        note(format!("warning: {warning}"));
    }
    let findings = config::secret_problems(&config).await;
    let mut errors = 0;
    for finding in &findings {
        match finding.severity {
            Severity::Error => {
                errors += 1;
                note(finding.to_string());
            }
            Severity::Warning => note(format!("warning: {finding}")),
        }
    }
    if let Err(why) = place::look(&config.store, config.ephemeral) {
        errors += 1;
        note(format!("{}: {why}", path.display()));
    }
    if let Some(barred) = place::barred(&config.store) {
        note(format!(
            "warning: {}: this account (uid {}) may not write {}, and without its store lockwatch makes no attempt: run this as \
             the account of the daemon (of the package: sudo -u lockwatch lockwatch validate), or let store.url name a place \
             that this account may write",
            path.display(),
            rustix::process::geteuid().as_raw(),
            barred.display(),
        ));
    }
    if errors > 0 {
        return Ok(Exit::Config);
    }
    let enabled = config.users.iter().filter(|user| user.enabled).count();
    say(format!(
        "{}: good; {enabled} {} watched{}, {} put aside, {} {} read",
        path.display(),
        if enabled == 1 { "user is" } else { "users are" },
        less(&config),
        config.users.len() - enabled,
        config.files.len(),
        if config.files.len() == 1 {
            "file"
        } else {
            "files"
        },
    ));
    Ok(Exit::Ok)
}

/// How many of them are not watched in full. A choice and not a mistake, so it is told here and not as a warning.
fn less(config: &Config) -> String {
    let of = |is: fn(&Known) -> bool| {
        let users = config.users.iter().filter(|user| user.enabled);
        users.filter(|user| is(&user.known)).count()
    };
    let zone_only = of(|known| matches!(known, Known::Nothing));
    let without_code = of(|known| matches!(known, Known::Secret(_)));
    let told = [
        (zone_only, "zone only"),
        (without_code, "without their code"),
    ];
    let told: Vec<_> = told
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join(", "))
    }
}
