//! What says nothing about a user, in words. Pure.

use super::{Diagnosis, Reason};
use crate::observation::Unclear;

/// `who` is a fragment at the beginning of a sentence.
pub(super) fn unclear(what: &Unclear, who: &str) -> Diagnosis {
    let (reason, seen) = match what {
        Unclear::Timeout { connecting: true } => {
            (Reason::Timeout, "found no connection in time".to_owned())
        }
        Unclear::Timeout { connecting: false } => {
            (Reason::Timeout, "had no answer in time".to_owned())
        }
        Unclear::Dns => (Reason::Dns, "could not resolve the host's name".to_owned()),
        Unclear::Connect => (Reason::Connect, "found no connection".to_owned()),
        Unclear::Proxy { cause } => (
            Reason::Connect,
            format!("found no way through autotask.proxy: {cause}"),
        ),
        Unclear::NotHttp => (
            Reason::UnexpectedAnswer,
            "got something back that is not HTTP".to_owned(),
        ),
        Unclear::Reset => (
            Reason::Connect,
            "lost its connection before an answer came".to_owned(),
        ),
        Unclear::Tls { cause } => (Reason::Tls, format!("found no secure connection: {cause}")),
        Unclear::Outage { status } => (
            Reason::Outage,
            format!("was answered {status} without a word from the API"),
        ),
        Unclear::Maintenance => (
            Reason::Maintenance,
            "was answered with a web page instead of data".to_owned(),
        ),
        Unclear::RateLimited { .. } => (
            Reason::RateLimited,
            "was answered that there were too many requests".to_owned(),
        ),
        Unclear::UnexpectedAnswer { status, what } => (
            Reason::UnexpectedAnswer,
            format!("was answered {status}, unexpectedly: {what}"),
        ),
    };
    Diagnosis::new(reason, vec![format!("{who} {seen}.")])
}
