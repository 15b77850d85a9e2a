//! Prometheus, asked as Grafana asks it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::support::prometheus::{LONG, Prometheus};

/// The times a query is about, in seconds since 1970.
pub(crate) enum Over {
    /// At this time.
    Instant(f64),
    /// From, to, and the seconds between.
    Range(f64, f64, f64),
}

/// The series that an expression gives.
pub(crate) async fn ask(
    prometheus: &Prometheus,
    expression: &str,
    over: &Over,
) -> Result<Vec<Value>, String> {
    let (path, mut query) = match over {
        Over::Instant(time) => ("query", vec![("time", time.to_string())]),
        Over::Range(start, end, step) => (
            "query_range",
            vec![
                ("start", start.to_string()),
                ("end", end.to_string()),
                ("step", step.to_string()),
            ],
        ),
    };
    query.push(("query", expression.to_owned()));
    let api = prometheus
        .0
        .url
        .join("api/v1/")
        .unwrap()
        .join(path)
        .unwrap();
    let url = Url::parse_with_params(api.as_str(), query).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let answer: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    match answer["data"]["result"].as_array() {
        Some(series) => Ok(series.clone()),
        None => Err(answer["error"].to_string()),
    }
}

/// Waits until every condition gives something.
pub(crate) async fn until(prometheus: &Prometheus, conditions: &[&str]) {
    let deadline = Instant::now() + LONG;
    for condition in conditions {
        while prometheus.query(condition).await.unwrap().is_empty() {
            assert!(
                Instant::now() < deadline,
                "Prometheus never saw {condition}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Now, as Prometheus writes it.
pub(crate) fn now() -> f64 {
    lockwatch::clock::now().as_duration().as_secs_f64()
}
