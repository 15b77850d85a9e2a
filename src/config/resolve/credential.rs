//! A user's credential: which parts of it lockwatch is told, and whether they go together.

use std::ops::Range;

use secrecy::SecretString;
use toml::Spanned;

use super::source::source;
use crate::{
    config::{
        file::{Code, Maybe, Source},
        report::{KeyPath, Report},
        secret::{CodeText, SecretSource},
    },
    user::Known,
};

/// The keys of a user that are about its credential.
pub struct Fields {
    pub secret: Maybe<Source>,
    pub integration_code: Maybe<Code>,
    pub verify_without_code: Maybe<bool>,
}

enum CodeIs {
    Given(SecretSource),
    VendorHeld,
}

/// What the fields of the user at `at` tell together.
pub fn known(
    fields: Fields,
    at: &Range<usize>,
    user: &KeyPath,
    report: &mut Report<'_>,
) -> Option<Known> {
    let secret_key = user.key("secret");
    let secret_is_there = fields.secret.is_some();
    let secret = fields.secret.and_then(|table| {
        let at = table.span();
        source(table.into_inner(), &at, &secret_key, report)
    });
    let Some(code) = fields.integration_code else {
        report.missing(at, &user.key("integration_code"));
        if !secret_is_there {
            report.missing(at, &secret_key);
        }
        return None;
    };
    // What cannot be read has had its problem; what it wants of the other keys is not known then.
    let code = integration_code(code, &user.key("integration_code"), report)?;
    let verify = fields.verify_without_code;
    let verify_at = verify.as_ref().map(Spanned::span);
    let verify = verify.is_some_and(Spanned::into_inner);
    match code {
        CodeIs::Given(integration_code) => {
            if verify && let Some(at) = verify_at {
                let key = user.key("verify_without_code");
                let message = "goes with integration_code = \"vendor-held\" only; remove it, for the code is known and is sent";
                report.problem(&at, &key, message);
            }
            if !secret_is_there {
                report.missing(at, &secret_key);
            }
            Some(Known::All {
                secret: secret?,
                integration_code,
            })
        }
        CodeIs::VendorHeld if verify => {
            if !secret_is_there {
                let message = "is missing, and verify_without_code = true presents it";
                report.lacking(at, &secret_key, message);
            }
            Some(Known::Secret(secret?))
        }
        // A secret that is there must be well-formed, but is not used.
        CodeIs::VendorHeld if secret_is_there && secret.is_none() => None,
        CodeIs::VendorHeld => Some(Known::Nothing),
    }
}

fn integration_code(code: Spanned<Code>, key: &KeyPath, report: &mut Report<'_>) -> Option<CodeIs> {
    let at = code.span();
    let text = match code.into_inner() {
        Code::Source(table) => return source(table, &at, key, report).map(CodeIs::Given),
        Code::Plain(text) => text,
    };
    let wrong = if text.is_empty() {
        "is empty"
    } else if text.chars().any(char::is_control) {
        "holds control characters"
    } else {
        match CodeText::of(&text) {
            CodeText::Code => {
                let source = SecretSource::Plain(SecretString::from(text));
                return Some(CodeIs::Given(source));
            }
            CodeText::VendorHeld => return Some(CodeIs::VendorHeld),
            CodeText::NearlyVendorHeld => {
                let message = "is probably meant as \"vendor-held\", and would be sent as a code; write exactly \"vendor-held\" where only the vendor knows the code";
                report.problem(&at, key, message);
                return None;
            }
            CodeText::Placeholder => {
                let message = "is the placeholder that lockwatch sends by itself; write \"vendor-held\", and verify_without_code = true if it is to be sent";
                report.problem(&at, key, message);
                return None;
            }
        }
    };
    report.wrong(&at, key, wrong);
    None
}
