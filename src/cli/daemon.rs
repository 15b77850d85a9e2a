//! Talking to the running daemon: its address and token come from the configuration where it is readable, else from
//! `--url` and `$LOCKWATCH_TOKEN`.

mod address;
mod lines;
mod token;
mod trouble;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use super::{
    DaemonArgs,
    exit::{Exit, Failure},
    report,
};
pub(super) use crate::web::view::Step;
use crate::{
    app,
    config::{self, Config, Problems},
    user::UserId,
    web::{
        api::NDJSON,
        bulk::{BulkWish, Told},
        view::{UserView, Users},
    },
};
use lines::Lines;
use token::Token;

/// The daemon's endpoint.
#[derive(Debug)]
pub(super) struct Daemon {
    url: Url,
    token: Token,
    http: reqwest::Client,
    /// The configuration as it is now, where it can be read.
    pub(super) config: Option<Box<Config>>,
    /// What is wrong with it, where the address comes from it all the same.
    problems: Option<Problems>,
    warned: AtomicBool,
}

/// One line of a check told as it happens.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// A step.
    Progress(Step),
    /// The end.
    Result(Box<UserView>),
    /// There is none.
    Error(String),
}

impl Daemon {
    /// Finds the daemon that `args` mean. With a configuration that has problems it is asked where that one, or the default,
    /// says: the daemon may run with an older one. A configuration that is not there is nobody's, or a slip of the pen.
    pub(super) async fn find(args: &DaemonArgs) -> Result<Self, Failure> {
        let path = &args.config.path;
        match (&args.url, app::load(path).await) {
            (Some(url), config) => {
                let url = address::parse(url)?;
                // The configuration's token is for its own daemon; another address must be given one.
                let token = match &config {
                    Ok(own) if address::is_of(&url, own) => Token::of(own, path).await,
                    Ok(other) => Token::for_another(path, other),
                    Err(_) => Token::without_config(path),
                };
                Self::at(url, token, config.ok(), None)
            }
            (None, Ok(config)) => {
                let token = Token::of(&config, path).await;
                Self::at(address::own(config.web.listen)?, token, Some(config), None)
            }
            (None, Err(problems)) => {
                let (listen, token) = match config::listen_of(path) {
                    Some(listen) => (listen, Token::without_config(path)),
                    None => (config::DEFAULT_LISTEN, Token::for_a_guess(path)),
                };
                Self::at(address::own(listen)?, token, None, Some(problems))
            }
        }
    }

    /// The same, where a configuration that is not there is more likely a slip of the pen than that of the daemon at the
    /// default address.
    pub(super) async fn find_named(args: &DaemonArgs) -> Result<Self, Failure> {
        let daemon = Self::find(args).await?;
        match &daemon.problems {
            Some(problems) if matches!(args.config.path.try_exists(), Ok(false)) => {
                Err(trouble::of_no_config(problems))
            }
            _ => Ok(daemon),
        }
    }

    /// Whether nobody at all listens there.
    pub(super) async fn is_absent(&self) -> Result<bool, Failure> {
        let request = self.bare(Method::GET, "-/healthy")?;
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        Ok(answer.is_err_and(|why| why.is_connect()))
    }

    /// Whether the daemon runs with this configuration, and not another one that listens at the same address.
    ///
    /// # Errors
    /// Which one it runs with.
    pub(super) async fn must_run(&self, path: &Path) -> Result<(), Failure> {
        let told: Users = self.get("api/v1/users").await?;
        if told.config == std::path::absolute(path).ok() {
            return Ok(());
        }
        let other = told
            .config
            .map_or("none: a demo".to_owned(), |path| path.display().to_string());
        Err(Failure::new(
            Exit::NoDaemon,
            format!(
                "another lockwatch answers at {} (its configuration: {other}): end it, or set another web.listen",
                self.url
            ),
        )
        .advise("if that one is meant, name it with --url"))
    }

    fn at(
        url: Url,
        token: Token,
        config: Option<Config>,
        problems: Option<Problems>,
    ) -> Result<Self, Failure> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(Duration::from_secs(5));
        // A plain address needs no CA certificates, which a container may not have.
        let builder = if url.scheme() == "http" {
            builder.tls_certs_only([])
        } else {
            builder
        };
        let http = builder
            .build()
            .map_err(|why| Failure::internal(format!("failed to make a client: {why}")))?;
        Ok(Self {
            url,
            token,
            http,
            config: config.map(Box::new),
            problems,
            warned: AtomicBool::new(false),
        })
    }

    /// `GET path`, as JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.request(Method::GET, path)?;
        let answer = self.send(request.timeout(Duration::from_secs(30))).await?;
        let body = Lines::of(answer, self.url.clone()).whole().await?;
        let told =
            serde_json::from_slice(&body).map_err(|_| trouble::no_lockwatch(&self.url, &body))?;
        self.warn();
        Ok(told)
    }

    /// The users that it watches.
    pub(super) async fn users(&self) -> Result<Vec<UserId>, Failure> {
        let all: Users = self.get("api/v1/users").await?;
        let ids = all.users.iter().map(|user| UserId::parse(&user.id));
        ids.collect::<Result<_, _>>()
            .map_err(|_| trouble::no_lockwatch(&self.url, b"{}"))
    }

    /// Whether the daemon says that it is alive.
    pub(super) async fn alive(&self) -> Result<(), Failure> {
        let request = self.bare(Method::GET, "-/healthy")?;
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        let answer = answer.map_err(|why| trouble::no_answer(&self.url, &why))?;
        let status = answer.status();
        // Whoever listens there in its place may say a lot.
        let said = Lines::of(answer, self.url.clone()).text().await?;
        match status {
            StatusCode::OK if said == "alive" => Ok(()),
            StatusCode::SERVICE_UNAVAILABLE if said.starts_with("stuck") => {
                Err(Failure::new(Exit::Failing, said))
            }
            _ => Err(trouble::stranger(&self.url, status)),
        }
    }

    /// Asks for a check and tells each line as it comes.
    pub(super) async fn check(
        &self,
        id: &UserId,
        what: &str,
        force: bool,
        mut on_step: impl FnMut(Step),
    ) -> Result<UserView, Failure> {
        let request = self
            .request(Method::POST, &format!("api/v1/users/{id}/{what}"))?
            .header(header::ACCEPT, NDJSON)
            .json(&serde_json::json!({ "force": force }));
        let mut lines = self.lines(request).await?;
        loop {
            match lines.next().await? {
                Some(Line::Progress(step)) => on_step(step),
                Some(Line::Result(user)) => return Ok(*user),
                Some(Line::Error(why)) => return Err(Failure::internal(format!("{id}: {why}"))),
                None => return Err(lines.broken()),
            }
        }
    }

    /// Asks for one attempt for each of several users and tells each line as it comes.
    pub(super) async fn retry_several(
        &self,
        wish: &BulkWish,
        mut on_line: impl FnMut(Told),
    ) -> Result<(), Failure> {
        let request = self
            .request(Method::POST, "api/v1/retry")?
            .header(header::ACCEPT, NDJSON)
            .json(wish);
        let mut lines = self.lines(request).await?;
        // A daemon without users has nothing to tell, but says how.
        let mut told = lines.are_announced();
        while let Some(line) = lines.next().await? {
            told = true;
            on_line(line);
        }
        if told { Ok(()) } else { Err(lines.broken()) }
    }

    async fn lines(&self, request: RequestBuilder) -> Result<Lines, Failure> {
        Ok(Lines::of(self.send(request).await?, self.url.clone()))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        Ok(self.token.put_on(self.bare(method, path)?))
    }

    /// Without the token, for what everybody may ask.
    fn bare(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self
            .url
            .join(path)
            .map_err(|why| Failure::internal(why.to_string()))?;
        Ok(self.http.request(method, url))
    }

    /// What is wrong with the configuration is told once, when its daemon answers all the same.
    fn warn(&self) {
        let Some(problems) = &self.problems else {
            return;
        };
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let more = match problems.0.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more; `lockwatch validate` lists them)"),
        };
        for problem in problems.0.iter().take(1) {
            report::note(format!("warning: {problem}{more}"));
        }
        report::note(format!("warning: so the daemon was asked at {}", self.url));
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let sent = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(answer) => trouble::refused(&self.url, answer, &self.token).await,
            Err(why) => trouble::no_answer(&self.url, &why),
        };
        Err(match &self.problems {
            // Nobody can say more than the configuration does.
            Some(problems) if sent.exit == Exit::NoDaemon => trouble::of_config(problems, &sent),
            _ => sent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_configuration_with_problems() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockwatch.toml");
        std::fs::write(
            &path,
            "nonsense = \n[web]\nlisten = \"127.0.0.1:9999\"\nlosten = 1\n",
        )
        .unwrap();
        assert!(config::load(&path).is_err());
        assert_eq!(config::listen_of(&path), "127.0.0.1:9999".parse().ok());
    }
}
