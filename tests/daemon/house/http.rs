//! What the endpoint answers.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{House, eventually};

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Content.
    pub body: String,
}

impl Answer {
    /// The content as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// Does nothing by itself: no proxy, no redirects, no certificates.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .unwrap()
}

impl House {
    /// An address of the endpoint.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        dress: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let request = dress(self.http.request(method, self.url(path)));
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.unwrap();
        self.hear(format!("{headers:?}").as_bytes());
        self.hear(body.as_bytes());
        Answer {
            status,
            headers,
            body,
        }
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, |plain| plain).await
    }

    /// `GET`, where perhaps nobody listens yet.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        let listens = self.http.get(self.url(path)).send().await.is_ok();
        if listens {
            Some(self.get(path).await)
        } else {
            None
        }
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &'static str) -> Answer {
        self.ask(Method::POST, path, |plain| {
            plain.header("Content-Type", "application/json").body(body)
        })
        .await
    }

    /// One user as the API shows it.
    pub async fn user(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/users/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the API shows a user so.
    pub async fn until(&self, id: &str, so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        eventually_seen(&mut last, async || {
            let user = self.user(id).await;
            (so(&user), user)
        })
        .await;
        last
    }

    /// Waits until a user is in this state for this reason.
    pub async fn until_state(&self, id: &str, state: &str, reason: &str) -> Value {
        self.until(id, |user| {
            user["state"] == state && user["reason"] == reason
        })
        .await
    }

    /// Waits until `rounds` more checks of a user have been made: what has not happened by then does not happen by itself.
    pub async fn watch_checks(&self, id: &str, rounds: u32) {
        let enough = self.stats(id).lookups + rounds;
        eventually(
            || format!("{id} is not checked any more"),
            async || (self.stats(id).lookups >= enough).then_some(()),
        )
        .await;
    }

    /// The metrics, all of them.
    pub async fn metrics(&self) -> String {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The value of one series, written as in the text of the metrics.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let all = self.metrics().await;
        let value = all
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }
}

async fn eventually_seen(last: &mut Value, mut look: impl AsyncFnMut() -> (bool, Value)) {
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let (good, value) = look().await;
        *last = value;
        if good {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "not in time: {last:#}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
