//! The bytes of a mail. The same mail, recipient, id and date always give the same bytes, so that a retry is the same mail.
//! It neither words anything (that is `message`) nor sends it (that is `mailer`).

use email_address::EmailAddress;
use jiff::Timestamp;
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use crate::notify::message::{Mail, State};

/// Threads, users and incidents named in one mail's headers: a header must not grow without bound.
const NAMED: usize = 20;

/// A mail that no longer changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// With angle brackets.
    pub message_id: String,
    /// The whole message, ASCII only, lines end in CRLF.
    pub bytes: Vec<u8>,
}

/// Why a mail has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// An address that lettre does not take.
    #[error("failed to read the {whose}'s address")]
    Address {
        /// Sender or recipient.
        whose: &'static str,
        /// What is wrong with it.
        #[source]
        source: lettre::address::AddressError,
    },
    /// lettre could not build the message.
    #[error("failed to build the message")]
    Build(#[source] lettre::error::Error),
}

/// Makes the bytes of `mail`. `mail_id` is unique per mail and stable; `date` becomes `Date`.
///
/// # Errors
/// When an address cannot be used.
pub fn freeze(
    mail: &Mail,
    from: &EmailAddress,
    to: &str,
    mail_id: &str,
    date: Timestamp,
) -> Result<Frozen, FreezeError> {
    let sender = mailbox(from.as_str(), "sender")?;
    let recipient = mailbox(to, "recipient")?;
    let domain = domain_of(&sender);
    let id = |local: String| format!("<{}@{domain}>", atom(&local));
    let message_id = id(mail_id.to_owned());
    // One root per incident that no mail carries itself: whichever mail comes first, all hang below the same one.
    let roots: Vec<String> = mail
        .incidents
        .iter()
        .take(NAMED)
        .map(|incident| id(format!("incident.{incident}")))
        .collect();

    let mut message = Message::builder()
        .date(date.into())
        .message_id(Some(message_id.clone()))
        .from(sender)
        .to(recipient)
        .subject(printable(&mail.subject));
    if !roots.is_empty() {
        message = message.references(roots.join(" "));
    }
    if mail.incidents.len() == 1 {
        message = message.in_reply_to(roots.concat());
    }
    let kinds: Vec<&str> = mail.kinds.iter().map(|kind| kind.as_str()).collect();
    let kinds = if kinds.is_empty() {
        vec!["test"]
    } else {
        kinds
    };
    let state = mail.state.map_or("", State::as_str).to_owned();
    let sample = if mail.sample { "true" } else { "" }.to_owned();
    let own = [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("X-Lockwatch-Kind", list(&kinds)),
        ("X-Lockwatch-User", list(&mail.users)),
        ("X-Lockwatch-Incident", list(&mail.incidents)),
        ("X-Lockwatch-State", state),
        ("X-Lockwatch-Sample", sample),
    ];
    for (name, value) in own {
        if !value.is_empty() {
            let name = HeaderName::new_from_ascii_str(name);
            message = message.raw_header(HeaderValue::new(name, value));
        }
    }
    let built = message
        .multipart(
            MultiPart::alternative()
                .boundary(format!("lockwatch-{}", atom(mail_id)))
                .singlepart(SinglePart::plain(mail.text.clone()))
                .singlepart(SinglePart::html(mail.html.clone())),
        )
        .map_err(FreezeError::Build)?;
    Ok(Frozen {
        message_id,
        bytes: built.formatted(),
    })
}

fn mailbox(address: &str, whose: &'static str) -> Result<Mailbox, FreezeError> {
    address
        .parse()
        .map_err(|source| FreezeError::Address { whose, source })
}

/// The sender's domain as ASCII, for ids.
fn domain_of(sender: &Mailbox) -> String {
    let domain = sender.email.domain();
    url::Host::parse(domain).map_or_else(|_| atom(domain), |host| host.to_string())
}

/// What may stand in an id or a boundary without quotes. 60 characters, because a boundary has at most 70.
fn atom(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(60)
        .collect()
}

fn list<T: AsRef<str>>(items: &[T]) -> String {
    let named: Vec<String> = items
        .iter()
        .take(NAMED)
        .map(|item| printable(item.as_ref()))
        .collect();
    named.join(", ")
}

/// Without control characters: nothing that is told can begin a header of its own.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Kind;

    fn mail() -> Mail {
        Mail {
            subject: "[lockwatch] LOCKED OUT? acme-email2at (acme): refused since 14:05 UTC".into(),
            text: "Hello\nWorld\n".into(),
            html: "<p>Hello</p>\n".into(),
            kinds: vec![Kind::LockedOut],
            incidents: vec!["01hq".into()],
            users: vec!["acme-email2at".into()],
            state: Some(State::Open),
            sample: false,
        }
    }

    fn frozen(mail: &Mail) -> String {
        let from = "lockwatch <lockwatch@msp.example>".parse().unwrap();
        let date = "2026-11-22T14:06:30Z".parse().unwrap();
        let frozen = freeze(mail, &from, "it@acme.example", "m1", date).unwrap();
        String::from_utf8(frozen.bytes).unwrap()
    }

    fn headers(text: &str) -> Vec<&str> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .collect()
    }

    #[test]
    fn the_same_mail_gives_the_same_bytes_to_the_letter() {
        let text = frozen(&mail());
        assert_eq!(text, frozen(&mail()));
        assert!(text.is_ascii());
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        Date: Sun, 22 Nov 2026 14:06:30 +0000
        Message-ID: <m1@msp.example>
        From: lockwatch <lockwatch@msp.example>
        To: it@acme.example
        Subject: [lockwatch] LOCKED OUT? acme-email2at (acme): refused since 14:05
         UTC
        References: <incident.01hq@msp.example>
        In-Reply-To: <incident.01hq@msp.example>
        Auto-Submitted: auto-generated
        X-Auto-Response-Suppress: All
        X-Lockwatch-Kind: locked_out
        X-Lockwatch-User: acme-email2at
        X-Lockwatch-Incident: 01hq
        X-Lockwatch-State: open
        MIME-Version: 1.0
        Content-Type: multipart/alternative; boundary="lockwatch-m1"

        --lockwatch-m1
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Hello
        World

        --lockwatch-m1
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: 7bit

        <p>Hello</p>

        --lockwatch-m1--
        "#);
    }

    #[test]
    fn every_incident_has_a_thread_and_one_alone_is_replied_to() {
        let mut two = mail();
        two.incidents.push("01hr".into());
        let text = frozen(&two);
        assert!(
            text.contains(
                "References: <incident.01hq@msp.example> <incident.01hr@msp.example>\r\n"
            )
        );
        assert!(!text.contains("In-Reply-To"));

        let none = Mail {
            incidents: vec![],
            kinds: vec![],
            users: vec![],
            state: None,
            ..mail()
        };
        let text = frozen(&none);
        assert!(!text.contains("References") && !text.contains("X-Lockwatch-Incident"));
        assert!(!text.contains("X-Lockwatch-State") && !text.contains("X-Lockwatch-Sample"));
        assert!(text.contains("X-Lockwatch-Kind: test\r\n"));
    }

    #[test]
    fn what_is_over_and_what_is_invented_can_be_told_by_rules() {
        let over = Mail {
            state: Some(State::Closed),
            sample: true,
            ..mail()
        };
        let text = frozen(&over);
        assert!(text.contains("\r\nX-Lockwatch-State: closed\r\nX-Lockwatch-Sample: true\r\n"));
    }

    /// A sentence is one line; what is longer than a server need take is encoded, commands and all.
    #[test]
    fn no_line_is_longer_than_servers_take() {
        let mail = Mail {
            text: format!(
                "{}\n    lockwatch retry acme-email2at\n",
                "word ".repeat(1_000)
            ),
            ..mail()
        };
        let text = frozen(&mail);
        let longest = text.split("\r\n").map(str::len).max().unwrap();
        assert!(longest <= 998, "{longest}");
    }

    #[test]
    fn headers_are_bounded() {
        let many: Vec<String> = (0..10_000).map(|n| format!("user-{n}")).collect();
        let mail = Mail {
            incidents: many.clone(),
            users: many,
            ..mail()
        };
        let head = frozen(&mail).split("\r\n\r\n").next().unwrap().len();
        assert!(head < 4_000, "{head} bytes of headers");
    }

    #[test]
    fn nothing_told_can_add_a_header_or_end_the_head() {
        let plain = frozen(&mail());
        let evil = "x\r\nBcc: thief@evil.example\r\n\r\nbody\u{0}\u{85}\n.\r\n";
        let mail = Mail {
            subject: format!("[lockwatch] {evil}"),
            incidents: vec![evil.into()],
            users: vec![evil.into()],
            ..mail()
        };
        let text = frozen(&mail);
        let names = |text: &str| -> Vec<String> {
            headers(text)
                .iter()
                .map(|line| line.split(':').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&text), names(&plain));
    }

    #[test]
    fn other_scripts_survive_as_ascii() {
        let mail = Mail {
            subject: "[lockwatch] FAILING x (Zürich)".into(),
            text: "Zürich\n".into(),
            ..mail()
        };
        let text = frozen(&mail);
        assert!(text.is_ascii());
        assert!(text.contains("=?utf-8?b?"), "{text}");
    }

    #[test]
    fn an_address_that_is_none_is_an_error_not_a_panic() {
        let from = "lockwatch@msp.example".parse().unwrap();
        let date = Timestamp::UNIX_EPOCH;
        for to in [
            "",
            "nobody",
            "a@b.example\r\nBcc: c@d.example",
            "a@b.example, c@d.example",
        ] {
            assert!(freeze(&mail(), &from, to, "m1", date).is_err(), "{to:?}");
        }
    }
}
