//! Mails in the mailboxes of a real mail server, read as a mail program reads them: an incident is one thread.

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser, MimeHeaders};

use crate::{
    house::{House, secret, username},
    mails::{PASSWORD, lock, settings},
    support::exim::{Exim, Wishes},
};

const OPS: &str = "ops@msp.example";

fn read(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

/// A header that stands there exactly once.
fn header(mail: &Message<'_>, name: &str) -> String {
    let all = mail.headers_raw();
    let named = all.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let [(_, value)] = named.collect::<Vec<_>>()[..] else {
        panic!("{name} does not stand there once: {mail:#?}");
    };
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Ids as a mail program finds them, of this mail and of those that it follows.
fn ids(mail: &Message<'_>) -> BTreeSet<String> {
    ["Message-ID", "In-Reply-To", "References"]
        .iter()
        .flat_map(|name| {
            let ids = header(mail, name);
            ids.split(' ').map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// A mailbox as a mail program shows it: mails that name a common id belong together.
fn threads<'a>(mails: &'a [Message<'a>]) -> Vec<Vec<&'a Message<'a>>> {
    let mut threads: Vec<(BTreeSet<String>, Vec<&Message<'_>>)> = Vec::new();
    for mail in mails {
        let mut thread = (ids(mail), vec![mail]);
        let (same, others) = threads
            .into_iter()
            .partition(|(ids, _)| !ids.is_disjoint(&thread.0));
        threads = others;
        for (ids, mails) in same {
            thread.0.extend(ids);
            thread.1.extend(mails);
        }
        threads.push(thread);
    }
    threads.into_iter().map(|(_, mails)| mails).collect()
}

fn tells(mail: &Message<'_>, kind: &str, id: &str) -> bool {
    header(mail, "X-Lockwatch-Kind") == kind && header(mail, "X-Lockwatch-User") == id
}

/// What every delivered mail about one incident is like.
fn is_proper(mail: &Message<'_>, to: &str) {
    for (name, value) in [
        ("From", "lockwatch@msp.example"),
        ("To", to),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        assert_eq!(header(mail, name), value, "{name}");
    }
    assert!(mail.date().is_some_and(|date| date.is_valid()), "{mail:#?}");
    assert!(header(mail, "Message-ID").ends_with("@msp.example>"));
    let subject = mail.subject().unwrap();
    assert!(subject.starts_with("[lockwatch] "), "{subject}");
    // It went encrypted, and after a login.
    let received = header(mail, "Received");
    assert!(received.contains("with esmtpsa (TLS1.3)"), "{received}");

    let types = mail.parts.iter().map(|part| {
        let kind = part.content_type().unwrap();
        format!("{}/{}", kind.ctype(), kind.subtype().unwrap())
    });
    assert_eq!(
        types.collect::<Vec<_>>(),
        ["multipart/alternative", "text/plain", "text/html"]
    );
    let id = header(mail, "X-Lockwatch-User");
    let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
    assert!(html.contains("<html") && !text.contains("<html"), "{html}");
    for body in [&text, &html] {
        for word in [id.as_str(), &username(&id), "Bestände → Autotask"] {
            assert!(body.contains(word), "{word}: {body}");
        }
        for secret in [PASSWORD, &secret(&id)] {
            assert!(!body.contains(secret), "{body}");
        }
    }
}

#[tokio::test]
async fn an_incident_is_one_thread_in_every_mailbox() {
    let ids = ["locks", "wrong"];
    let own = ids.map(|id| format!("{id}@acme.example"));
    let recipients = [OPS, &own[0], &own[1]];
    let exim = Exim::start(&Wishes {
        password: PASSWORD,
        recipients: &recipients,
        ..Wishes::default()
    })
    .await;
    let mut house = House::of(&ids);
    for id in ids {
        house.account(id).more = "integration = \"Bestände → Autotask\"".to_owned();
    }
    house.settings.email = settings(&house, exim.port, &exim.ca);
    let daemon = house.start().await;
    let told = async |kind: &str, id: &str| {
        for to in [OPS, &format!("{id}@acme.example")] {
            exim.delivered(to, |mail| tells(&read(mail), kind, id))
                .await;
        }
    };
    for id in ids {
        house.until_state(id, "healthy", "ok").await;
    }

    // The second fails while the first does; each mail is waited for, or one could tell of both.
    house.world().with(|world| lock(world, "locks"));
    told("locked_out", "locks").await;
    house.give("wrong", "demo-wrong-secret-1");
    told("failing", "wrong").await;
    let mut incidents = Vec::new();
    for id in ids {
        let incident = house.user(id).await["incident"]["id"].clone();
        incidents.push(incident.as_str().unwrap().to_owned());
    }
    house.world().with(|world| world.unlock(&username("locks")));
    let done = house.lockwatch(&["retry", "locks"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    told("recovered", "locks").await;
    house.give("wrong", &secret("wrong"));
    told("recovered", "wrong").await;
    daemon.stop().await;

    let first = ["locked_out", "failing"];
    for (to, expected) in recipients.iter().zip([&[0, 1][..], &[0], &[1]]) {
        let mails = exim.mailbox(to);
        let mails: Vec<_> = mails.iter().map(|mail| read(mail)).collect();
        for mail in &mails {
            is_proper(mail, to);
        }
        let message_ids: BTreeSet<_> = mails
            .iter()
            .map(|mail| header(mail, "Message-ID"))
            .collect();
        assert_eq!(message_ids.len(), mails.len(), "{to}: each mail once");
        let threads = threads(&mails);
        assert_eq!(threads.len(), expected.len(), "{to}: {threads:#?}");
        for &nth in expected {
            let about =
                |mail: &&Message<'_>| header(mail, "X-Lockwatch-Incident") == incidents[nth];
            let thread = threads
                .iter()
                .find(|thread| thread.iter().any(about))
                .unwrap();
            assert!(
                thread.iter().all(about),
                "{to}: another incident in it: {thread:#?}"
            );
            let dated = |kind: &str| {
                let mail = thread.iter().find(|mail| tells(mail, kind, ids[nth]));
                mail.unwrap().date().unwrap().to_timestamp()
            };
            let whole = dated(first[nth])..=dated("recovered");
            let dates = thread
                .iter()
                .map(|mail| mail.date().unwrap().to_timestamp());
            assert!(
                dates.into_iter().all(|date| whole.contains(&date)),
                "{to}: {thread:#?}"
            );
        }
    }
}
