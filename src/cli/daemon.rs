//! Talking to the running daemon: its address and token come from the configuration where it is readable, else from
//! `--url` and `$LOCKWATCH_TOKEN`.

mod lines;

use std::{env, net::SocketAddr, path::Path, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{
    DaemonArgs,
    exit::{Exit, Failure},
};
pub(super) use crate::web::view::Step;
use crate::{
    app,
    config::{self, Config},
    store::place::other_owner,
    user::UserId,
    web::{
        api::NDJSON,
        bulk::{BulkWish, Told},
        view::{UserView, Users},
    },
};
use lines::Lines;

/// The daemon's endpoint.
#[derive(Debug)]
pub(super) struct Daemon {
    url: Url,
    token: Option<SecretString>,
    http: reqwest::Client,
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

#[derive(Deserialize)]
struct Problem {
    error: String,
}

impl Daemon {
    /// Finds the daemon that `args` mean.
    pub(super) async fn find(args: &DaemonArgs) -> Result<Self, Failure> {
        let config = app::load(&args.config.path).await;
        match (&args.url, config) {
            (Some(url), config) => {
                let url = Url::parse(url)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
                    .ok_or_else(|| {
                        Failure::usage("--url wants an address such as http://127.0.0.1:9477/")
                    })?;
                // The configuration's token is for its own daemon; another address must be given one.
                let own = config.ok().filter(|config| is_of(&url, config));
                let token = match own {
                    Some(config) => token(&config).await,
                    None => env_token(),
                };
                Self::at(url, token)
            }
            (None, Ok(config)) => Self::of(&config).await,
            (None, Err(problems)) => Err(Failure::config(format!(
                "{problems}\nwithout a readable configuration, name the daemon with --url and $LOCKWATCH_TOKEN"
            ))),
        }
    }

    /// As `find`, but a configuration with problems is asked for its address alone: the daemon may run with an older one.
    pub(super) async fn find_alive(args: &DaemonArgs) -> Result<Self, Failure> {
        match Self::find(args).await {
            Err(failure) if failure.exit == Exit::Config => {
                let listen = config::listen_of(&args.config.path).unwrap_or(config::DEFAULT_LISTEN);
                Self::at(own_url(listen)?, env_token())
            }
            found => found,
        }
    }

    /// The daemon of a configuration.
    pub(super) async fn of(config: &Config) -> Result<Self, Failure> {
        Self::at(own_url(config.web.listen)?, token(config).await)
    }

    /// Whether the daemon runs with this configuration, and not another one that listens at the same address.
    ///
    /// # Errors
    /// Which one it runs with.
    pub(super) async fn must_run(&self, config: &Config) -> Result<(), Failure> {
        let told: Users = self.get("api/v1/users").await?;
        let own = config
            .files
            .first()
            .and_then(|path| std::path::absolute(path).ok());
        if told.config == own {
            return Ok(());
        }
        let other = told
            .config
            .map_or("none: a demo".to_owned(), |path| path.display().to_string());
        Err(Failure {
            exit: Exit::NoDaemon,
            message: format!(
                "another lockwatch answers at {} (its configuration: {other}): end it, or set another web.listen",
                self.url
            ),
        })
    }

    fn at(url: Url, token: Option<SecretString>) -> Result<Self, Failure> {
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
        Ok(Self { url, token, http })
    }

    /// `GET path`, as JSON.
    pub(super) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<T, Failure> {
        let answer = self
            .send(
                self.request(Method::GET, path)?
                    .timeout(Duration::from_secs(30)),
            )
            .await?;
        answer.json().await.map_err(|_| {
            Failure::internal(format!("{} did not answer as lockwatch does", self.url))
        })
    }

    /// Whether the daemon says that it is alive.
    pub(super) async fn alive(&self) -> Result<(), Failure> {
        let request = self
            .request(Method::GET, "-/healthy")?
            .timeout(Duration::from_secs(5));
        self.send(request).await.map(drop)
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
        while let Some(line) = lines.next().await? {
            on_line(line);
        }
        Ok(())
    }

    async fn lines(&self, request: RequestBuilder) -> Result<Lines, Failure> {
        Ok(Lines::of(self.send(request).await?, self.url.clone()))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self
            .url
            .join(path)
            .map_err(|why| Failure::internal(why.to_string()))?;
        let request = self.http.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        })
    }

    /// A daemon that is there and slow is not no daemon: nobody else may take its place then.
    fn no_answer(&self, why: &reqwest::Error) -> Failure {
        let url = &self.url;
        if why.is_connect() {
            Failure {
                exit: Exit::NoDaemon,
                message: format!("no lockwatch daemon answers at {url}: is it running?"),
            }
        } else {
            Failure::internal(format!("the daemon at {url} did not answer in time"))
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(|why| self.no_answer(&why))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Option<Problem> = answer.json().await.ok();
        let said = problem.map_or_else(|| format!("answered {status}"), |problem| problem.error);
        let exit = match status {
            StatusCode::NOT_FOUND
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::UNPROCESSABLE_ENTITY => Exit::Usage,
            _ => Exit::Internal,
        };
        Err(Failure {
            exit,
            message: format!("{}: {said}", self.url),
        })
    }
}

/// Where a daemon that listens there is reached from this host.
fn own_url(listen: SocketAddr) -> Result<Url, Failure> {
    let host = if listen.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], listen.port()))
    } else {
        listen
    };
    Url::parse(&format!("http://{host}/")).map_err(|why| Failure::internal(why.to_string()))
}

/// Whether `url` is an address of the daemon that `config` is for.
fn is_of(url: &Url, config: &Config) -> bool {
    let own = own_url(config.web.listen).ok();
    let known = own.iter().chain(&config.web.external_url);
    known.map(Url::origin).any(|origin| origin == url.origin())
}

async fn token(config: &Config) -> Option<SecretString> {
    match &config.web.token {
        Some(source) => source.read().await.ok().or_else(env_token),
        None => env_token(),
    }
}

fn env_token() -> Option<SecretString> {
    env::var("LOCKWATCH_TOKEN").ok().map(SecretString::from)
}

/// Whether a store belongs to us, or would; if not, what to run instead.
pub(super) fn owns(store: &Path) -> Result<(), Failure> {
    // Where there is none yet, root must not make it in the daemon's place.
    let Some(owner) = other_owner(store) else {
        return Ok(());
    };
    if !rustix::process::geteuid().is_root() && matches!(store.try_exists(), Ok(false)) {
        // Whoever may write there makes a store of its own; whoever may not is told so when it is opened.
        return Ok(());
    }
    Err(Failure::usage(format!(
        "no daemon answers, and the store {} belongs to another user (uid {owner}): start the daemon, or run this command as that user, for example with: sudo -u '#{owner}' lockwatch …",
        store.display(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

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
