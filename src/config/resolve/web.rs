//! `[web]`: where the endpoint listens, its token, and the links in mails.

use std::net::SocketAddr;

use toml::Spanned;

use super::{source::source, take};
use crate::config::{
    DEFAULT_LISTEN, Web,
    file::{self, Maybe},
    report::{KeyPath, Report},
};

/// `[web]`
pub fn web(table: Maybe<file::Web>, report: &mut Report<'_>) -> Web {
    let table = table.map(Spanned::into_inner).unwrap_or_default();
    let key = KeyPath::of("web");
    let listen_at = table.listen.as_ref().map(Spanned::span);
    let listen = take::parsed(table.listen, &key.key("listen"), report, |text| {
        text.parse::<SocketAddr>()
            .map_err(|_| "is not an IP address and a port")
    })
    .unwrap_or(DEFAULT_LISTEN);
    let token_key = key.key("token");
    let tokenless = table.token.is_none() && !report.is_broken(&token_key);
    let token = table.token.and_then(|token| {
        let at = token.span();
        source(token.into_inner(), &at, &token_key, report)
    });
    let protect_reads = table.protect_reads.as_ref().is_some_and(|p| *p.get_ref());
    if let Some(field) = table.protect_reads.filter(|_| protect_reads && tokenless) {
        let message = "is true, but there is no token; write web.token too, or false";
        report.problem(&field.span(), &key.key("protect_reads"), message);
    }
    if let Some(at) = listen_at.filter(|_| tokenless && !listen.ip().is_loopback()) {
        let message = "a non-loopback `listen` without a token serves reads only: everybody who reaches it may read, and nobody may change; write web.token too";
        report.warn(&at, &key.key("listen"), message);
    }
    let external_url = take::parsed(
        table.external_url,
        &key.key("external_url"),
        report,
        |text| take::web_address(text, &["http", "https"]),
    );
    Web {
        listen,
        token,
        protect_reads,
        external_url,
    }
}
