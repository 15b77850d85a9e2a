//! Tables that say where a secret is. Nothing is read here.

use std::ops::Range;

use toml::Spanned;

use super::take;
use crate::config::{
    file,
    report::{KeyPath, Report},
    secret::SecretSource,
};

/// The one source that a table names.
pub fn source(
    table: file::Source,
    at: &Range<usize>,
    key: &KeyPath,
    report: &mut Report<'_>,
) -> Option<SecretSource> {
    // A key that could not be read has had its problem; which source was meant is not known then.
    let broken = crate::config::keys::SOURCE_KEYS
        .iter()
        .any(|(name, _)| report.is_broken(&key.key(name)));
    if broken || report.is_broken(key) {
        return None;
    }
    let file::Source {
        file,
        env,
        credential,
        command,
    } = table;
    let folder = report.folder().to_owned();
    let mut text = |field: Option<Spanned<String>>, name: &str, parse: Parse<'_>| {
        field.map(|field| take::parsed(Some(field), &key.key(name), report, parse))
    };
    let file = text(file, "file", &|text| {
        take::path_in(&folder, text).map(SecretSource::File)
    });
    let env = text(env, "env", &|text| variable(text).map(SecretSource::Env));
    let credential = text(credential, "credential", &|text| {
        credential_name(text).map(SecretSource::Credential)
    });
    let command = command.map(|list| program(list, &key.key("command"), report));
    let mut named = [file, env, credential, command].into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(source), None) => source,
        (None, _) => {
            report.wrong(at, key, "names no source");
            None
        }
        (Some(_), Some(_)) => {
            report.wrong(at, key, "names more than one source");
            None
        }
    }
}

type Parse<'a> = &'a dyn Fn(&str) -> Result<SecretSource, &'static str>;

fn variable(text: &str) -> Result<String, &'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = take::name(text, 256)?;
    if name.chars().all(good) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(name)
    } else {
        Err("is not the name of an environment variable")
    }
}

fn credential_name(text: &str) -> Result<String, &'static str> {
    let name = take::name(text, 255)?;
    if name.contains('/') || name == "." || name == ".." {
        Err("is not the name of a credential")
    } else {
        Ok(name)
    }
}

fn program(list: file::Texts, key: &KeyPath, report: &mut Report<'_>) -> Option<SecretSource> {
    let at = list.span();
    let given = list.get_ref().len();
    let words = take::each(Some(list), key, report, |text| take::clean(text, 4096))?;
    let Some(program) = words.first() else {
        if given == 0 {
            report.wrong(&at, key, "is empty");
        }
        return None;
    };
    // The working folder of a daemon is nobody's business.
    if program.contains('/') && !program.starts_with('/') {
        report.wrong(
            &at,
            key,
            "begins with a program that is neither a name in PATH nor an absolute path",
        );
        return None;
    }
    (words.len() == given).then_some(SecretSource::Command(words))
}
