//! Where the daemon is: what `--url` says, or what the configuration does.

use std::net::SocketAddr;

use url::Url;

use crate::{cli::exit::Failure, config::Config};

const SUCH_AS: &str = "such as http://127.0.0.1:9477/";

/// The address that `--url` names. What it holds is never told: it may be a login.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
    let url = Url::parse(text).ok().filter(web);
    let bare = || Url::parse(&format!("http://{text}")).ok().filter(web);
    match (url, bare()) {
        (Some(url), _) if has_login(&url) => Err(Failure::usage(
            "--url must not hold a login: give the token of the daemon in $LOCKWATCH_TOKEN",
        )),
        (Some(url), _) if has_more(&url) => Err(Failure::usage(
            "--url wants the address alone, without a ? or # and what follows: the token of the daemon belongs into $LOCKWATCH_TOKEN",
        )),
        (Some(url), _) => Ok(url),
        (None, Some(meant))
            if !has_login(&meant)
                && !has_more(&meant)
                && !text.contains("://")
                && has_port(&meant) =>
        {
            Err(Failure::usage(format!(
                "--url wants an address with its scheme: write {meant}"
            )))
        }
        _ => Err(Failure::usage(format!("--url wants an address {SUCH_AS}"))),
    }
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// A query or a fragment, which may be a token.
fn has_more(url: &Url) -> bool {
    url.query().is_some() || url.fragment().is_some()
}

fn has_port(url: &Url) -> bool {
    url.port().is_some()
}

/// Where a daemon is that listens at `listen`.
pub(super) fn own(listen: SocketAddr) -> Result<Url, Failure> {
    let host = if listen.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], listen.port()))
    } else {
        listen
    };
    Url::parse(&format!("http://{host}/")).map_err(|why| Failure::internal(why.to_string()))
}

/// Whether `url` is an address of the daemon that `config` is for.
pub(super) fn is_of(url: &Url, config: &Config) -> bool {
    let own = own(config.web.listen).ok();
    let known = own.iter().chain(&config.web.external_url);
    known.map(Url::origin).any(|origin| origin == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_token_goes_to_its_own_daemon_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockwatch.toml");
        let web = "[web]\nlisten = \"127.0.0.1:9477\"\nexternal_url = \"https://lockwatch.msp.example/\"\n";
        std::fs::write(&path, web).unwrap();
        let (config, _) = config::load(&path).unwrap();
        for (url, own) in [
            ("http://127.0.0.1:9477/", true),
            ("https://lockwatch.msp.example/users/a", true),
            ("http://lockwatch.msp.example/", false),
            ("http://127.0.0.2:9477/", false),
            ("http://127.0.0.1:9478/", false),
        ] {
            assert_eq!(is_of(&url.parse().unwrap(), &config), own, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_without_what_it_holds() {
        for (text, says) in [
            ("somewhere", SUCH_AS),
            ("", SUCH_AS),
            ("/run/lockwatch", SUCH_AS),
            ("ftp://127.0.0.1:9477/", SUCH_AS),
            ("127.0.0.1:9477", "write http://127.0.0.1:9477/"),
            ("localhost:9477", "write http://localhost:9477/"),
            ("x:demo-password@127.0.0.1:9477", SUCH_AS),
            ("http://x:demo-password@127.0.0.1/", "$LOCKWATCH_TOKEN"),
            ("https://demo-password@127.0.0.1/", "$LOCKWATCH_TOKEN"),
            ("http://127.0.0.1/?token=demo-1", "$LOCKWATCH_TOKEN"),
            ("https://127.0.0.1/users/a#demo-1", "$LOCKWATCH_TOKEN"),
            ("127.0.0.1:9477/?token=demo-1", SUCH_AS),
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.message.contains(says), "{text}: {failure:?}");
            assert!(!failure.message.contains("demo"), "{failure:?}");
        }
        let good = "https://lockwatch.msp.example/";
        assert_eq!(parse(good).unwrap().as_str(), good);
    }
}
