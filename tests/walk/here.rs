//! What `By::Here` says is run here, page by page and in order.

use crate::{
    place::Place,
    support::accounts::{By, of},
    tls,
};

/// How a command may end other than well.
fn may_end(text: &str) -> &'static [i32] {
    if text.contains("lockwatch retry") {
        // One attempt a minute, and nobody here needs one.
        &[0, 64]
    } else {
        &[0]
    }
}

/// What a page says that a command prints.
const PRINTS: [(&str, &str); 5] = [
    ("lockwatch validate", "1 user is watched"),
    ("lockwatch status", "acme-email2at"),
    ("lockwatch demo", "http://127.0.0.1:"),
    ("/-/reload", "{\"reloaded\":true}"),
    ("/retry", "\"acme-email2at\""),
];

#[tokio::test]
async fn what_is_run_here() {
    let place = Place::make().await;
    let (mut failed, mut run, mut retried) = (Vec::new(), 0, false);
    for typed in of(|by| by == By::Here) {
        if tls::runs(&typed) {
            continue;
        }
        let text = place.put_in(&typed.text);
        let done = place.run(&text).await;
        let said = [done.stdout.as_str(), &done.stderr].concat();
        let mut wanted = PRINTS.iter().filter(|(part, _)| text.contains(part));
        let printed = wanted.all(|(_, says)| said.contains(says));
        if !may_end(&text).contains(&done.code) || !printed {
            failed.push(format!("{}:{}: {text}: {done:?}", typed.page, typed.line));
        }
        retried |= text.contains("lockwatch retry") && done.code == 0;
        run += 1;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(run > 80 && retried, "only {run} commands were run");
}
