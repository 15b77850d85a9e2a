//! `validate`: every problem of the configuration and of the secrets it names.

use std::path::Path;

use super::{
    exit::{Exit, Failure},
    report::{note, say},
};
use crate::{
    config::{self, Severity},
    store::place,
};

pub(super) async fn validate(path: &Path) -> Result<Exit, Failure> {
    let owned = path.to_owned();
    let loaded = tokio::task::spawn_blocking(move || config::load(&owned)).await;
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
                note(format!("{}: {finding}", path.display()));
            }
            Severity::Warning => note(format!("warning: {}: {finding}", path.display())),
        }
    }
    if let Err(why) = place::lasts(&config.store, config.ephemeral) {
        errors += 1;
        note(format!("{}: {why}", path.display()));
    }
    if errors > 0 {
        return Ok(Exit::Config);
    }
    let enabled = config.users.iter().filter(|user| user.enabled).count();
    say(format!(
        "{}: good; {enabled} users are watched, {} put aside, {} files read",
        path.display(),
        config.users.len() - enabled,
        config.files.len(),
    ));
    Ok(Exit::Ok)
}
