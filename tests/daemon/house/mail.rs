//! Mails as they arrived.

use std::fs;

use super::{House, eventually};
use crate::support::smtp::Sink;

/// One mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// All of it as it came, lines ending in LF.
    pub raw: String,
    /// All of it as it is read: long lines are whole again.
    pub text: String,
}

impl Mail {
    /// A header, unfolded; empty when it is not there.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\n\n").next().unwrap().replace("\n ", " ");
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().to_owned()
    }

    /// Whether it is of this kind and tells of this user.
    pub fn tells(&self, kind: &str, user: &str) -> bool {
        let names = |header: &str, wanted: &str| {
            self.header(header).split(", ").any(|named| named == wanted)
        };
        names("X-Lockwatch-Kind", kind) && names("X-Lockwatch-User", user)
    }
}

impl House {
    /// The mails in the folder `mail`.
    pub fn filed(&self) -> Vec<Mail> {
        let Ok(folder) = fs::read_dir(self.folder().join("mail")) else {
            return Vec::new();
        };
        let files = folder.map(|entry| entry.unwrap().path());
        let whole = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
        whole
            .map(|path| of(fs::read_to_string(path).unwrap()))
            .collect()
    }

    /// Waits for the mail of this kind about this user to this recipient.
    pub async fn mailed(&self, kind: &str, user: &str, to: &str) -> Mail {
        let mail = find(|| self.filed(), kind, user, to).await;
        self.hear(mail.text.as_bytes());
        mail
    }

    /// The same of a mail server.
    pub async fn delivered(&self, sink: &Sink, kind: &str, user: &str, to: &str) -> Mail {
        let mails = || sink.delivered().into_iter().map(of).collect::<Vec<_>>();
        let mail = find(mails, kind, user, to).await;
        self.hear(mail.text.as_bytes());
        mail
    }
}

async fn find(mails: impl Fn() -> Vec<Mail>, kind: &str, user: &str, to: &str) -> Mail {
    let wanted = |mail: &Mail| mail.tells(kind, user) && mail.header("To") == to;
    eventually(
        || format!("no {kind} mail about {user} to {to}: {:#?}", mails()),
        async || mails().into_iter().find(wanted),
    )
    .await
}

fn of(text: String) -> Mail {
    let raw = text.replace("\r\n", "\n");
    // What lies between may be split in the middle of a word.
    let text = raw.replace("=\n", "").replace("=3D", "=");
    Mail { raw, text }
}
