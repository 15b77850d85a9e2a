//! What is wrong when the daemon cannot be reached, is somebody else, or refuses: as told to whoever typed the command.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{lines::Lines, token::Token};
use crate::{
    autotask::text::printable,
    cli::exit::{Exit, Failure},
    config::Problems,
};

/// Words of others are no longer.
const LONGEST: usize = 500;
const ELSEWHERE: &str =
    "name the daemon's address with --url; it is web.listen of its configuration";
const WITHOUT: &str = "without a configuration, name the daemon with --url and $LOCKWATCH_TOKEN";

#[derive(Deserialize)]
struct Problem {
    error: String,
}

/// There was no answer. A daemon that is there and slow is not no daemon: nobody else may take its place then.
pub(super) fn no_answer(url: &Url, why: &reqwest::Error) -> Failure {
    if why.is_timeout() && !why.is_connect() {
        return Failure::internal(format!("the daemon at {url} did not answer in time"));
    }
    let cause = innermost(why);
    let cause = cause.split(" (os error").next().unwrap_or_default();
    let cause = printable(cause, LONGEST);
    let tls = url.scheme() == "https" && is_of_tls(why);
    if why.is_connect() && !tls {
        return Failure::new(
            Exit::NoDaemon,
            format!("no lockwatch daemon answers at {url} ({cause}): is it running?"),
        )
        .advise(format!(
            "start it with `systemctl start lockwatch` or `lockwatch run`, or {ELSEWHERE}"
        ));
    }
    let message =
        format!("what listens at {url} is not lockwatch, or cannot be spoken to: {cause}");
    let advice = if url.scheme() == "https" {
        "lockwatch itself speaks plain http://; https:// is for a proxy before it, whose certificate this host must trust".to_owned()
    } else {
        format!("another program may listen there, or it wants https://; {ELSEWHERE}")
    };
    Failure::new(Exit::NoDaemon, message).advise(advice)
}

/// Whether somebody was reached and TLS was not agreed on; who does not know TLS may just hang up. An `io::Error` hides what it
/// is made of from `source`.
fn is_of_tls(why: &(dyn Error + 'static)) -> bool {
    if why.is::<rustls::Error>() {
        return true;
    }
    let io: Option<&io::Error> = why.downcast_ref();
    let hung_up = |io: &io::Error| {
        matches!(
            io.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
        )
    };
    io.is_some_and(hung_up)
        || io
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| is_of_tls(inner))
        || why.source().is_some_and(is_of_tls)
}

/// The outer words name the address once more.
fn innermost(why: &reqwest::Error) -> String {
    let mut cause: &dyn Error = why;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The answer is a refusal.
pub(super) async fn refused(url: &Url, answer: Response, token: &Token) -> Failure {
    let status = answer.status();
    let Ok(body) = Lines::of(answer, url.clone()).text().await else {
        return stranger(url, status);
    };
    let Ok(Problem { error }) = serde_json::from_str(&body) else {
        return stranger(url, status);
    };
    let said = format!("{url}: {}", printable(&error, LONGEST));
    match status {
        StatusCode::UNAUTHORIZED => Failure::usage(said).advise(token.advice()),
        StatusCode::NOT_FOUND if url.path() != "/" => {
            Failure::usage(said).advise("--url wants the address alone, without the path of a page")
        }
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::usage(said)
        }
        _ => Failure::internal(said),
    }
}

/// Somebody answers, and not as lockwatch does.
pub(super) fn stranger(url: &Url, status: StatusCode) -> Failure {
    Failure::new(
        Exit::NoDaemon,
        format!("what answers at {url} is not lockwatch (its answer: {status})"),
    )
    .advise(format!("another program listens there: {ELSEWHERE}"))
}

/// The answer is not of the shape that this version knows.
pub(super) fn no_lockwatch(url: &Url, body: &[u8]) -> Failure {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    if value.is_some_and(|value| value.get("users").is_some() || value.get("state").is_some()) {
        return Failure::internal(format!(
            "the daemon at {url} is another version of lockwatch than this command, which is {}",
            env!("CARGO_PKG_VERSION")
        ))
        .advise("use the program that the daemon runs, or restart the daemon with this one");
    }
    stranger(url, StatusCode::OK)
}

/// There is no configuration that would say where the daemon is.
pub(super) fn of_no_config(problems: &Problems) -> Failure {
    let failure = Failure::from(problems.clone());
    let advice = failure.advice.clone().into_iter();
    let advice: Vec<_> = advice.chain([WITHOUT.to_owned()]).collect();
    failure.advise(advice.join("\n"))
}

/// The daemon could not be asked, and the configuration that would say where it is has problems.
pub(super) fn of_config(problems: &Problems, why: &Failure) -> Failure {
    let failure = Failure::from(problems.clone());
    let advice = failure.advice.clone().into_iter();
    let advice: Vec<_> = advice
        .chain([why.message.clone(), WITHOUT.to_owned()])
        .collect();
    failure.advise(advice.join("\n"))
}
