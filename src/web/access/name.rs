//! The host that a request names, and whether it can be nobody's but ours.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{header, uri::Authority},
};
use url::Host;

use crate::config::Web;

/// Nobody can have a name below these led here from the internet: they are kept for hosts and networks themselves, or, as the
/// one of Kubernetes' services, are no domain of the internet.
const OF_NETWORKS: [&str; 6] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "svc",
    "home.arpa",
];

/// The host that a request means: of its target where that is a whole address, else of its header. `None` when it names none,
/// `Err` in it when it names something that is no host.
pub(super) fn named(request: &Request) -> Option<Result<Host, ()>> {
    let header = || {
        let host = request.headers().get(header::HOST)?;
        Some(Authority::try_from(host.as_bytes()).map_err(drop))
    };
    let target = request.uri().authority().cloned().map(Ok);
    let authority = target.or_else(header)?;
    Some(authority.and_then(|authority| {
        let host = authority.host();
        // A user before it would be taken for a part of the name by some, and by others not.
        let whole = authority.as_str().starts_with(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        Host::parse(host)
            .map_err(drop)
            .and_then(|host| whole.then_some(host).ok_or(()))
    }))
}

pub(super) fn is_loopback(host: &Result<Host, ()>) -> bool {
    match host {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => IpAddr::from(*address).is_loopback(),
        Ok(Host::Ipv6(address)) => IpAddr::from(*address).to_canonical().is_loopback(),
        Err(()) => false,
    }
}

/// An address is nobody's name, and neither is a name of one label outside of this network, or one that ends as only those of
/// networks do. Any other name can be made to lead here by whoever owns it, unless it is known to be ours: the whole of it, for
/// anybody may begin a name with ours.
pub(super) fn is_ours(host: &Result<Host, ()>, web: &Web, host_name: &str) -> bool {
    let Ok(Host::Domain(name)) = host else {
        return host.is_ok();
    };
    let external = web.external_url.as_ref().and_then(|url| url.domain());
    !name.contains('.')
        || OF_NETWORKS.iter().any(|known| {
            name.strip_suffix(known)
                .is_some_and(|before| before.ends_with('.'))
        })
        || external.is_some_and(|external| external.trim_end_matches('.') == name)
        || name.eq_ignore_ascii_case(host_name)
}
