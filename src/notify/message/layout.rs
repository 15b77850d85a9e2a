//! What a mail is made of, and the templates that lay it out as text and as HTML. Pure.
//!
//! A sentence is one line of the text: programs fold lines to their own width, and none of those on phones joins lines that
//! were folded before. Commands and links have a line of their own, to be copied.

use askama::Template;

/// One matter of a mail.
pub(super) struct Section {
    pub(super) headline: String,
    pub(super) blocks: Vec<Block>,
}

/// A part of a section, in the order in which it is read.
pub(super) enum Block {
    /// A paragraph.
    Says(String),
    /// Whether lockwatch will notice the fix, and how to tell it.
    Outlook(Outlook),
    /// Label and value.
    Table(Vec<(String, String)>),
    /// Sentences in no order.
    Points {
        title: &'static str,
        points: Vec<String>,
    },
    /// What to do, in order, and why.
    Steps {
        title: String,
        why: Vec<String>,
        steps: Vec<String>,
    },
    /// Many users, a few lines each.
    Rows(Vec<Row>),
    /// Many matters, a line each, and a command for those that have one.
    Brief(Vec<(String, Option<String>)>),
}

/// What becomes of the fix.
pub(super) struct Outlook {
    pub(super) text: String,
    /// Where lockwatch must be told.
    pub(super) command: Option<String>,
    pub(super) link: Option<String>,
}

/// One user among many.
pub(super) struct Row {
    pub(super) who: String,
    pub(super) why: String,
    /// Each a few words.
    pub(super) facts: Vec<String>,
    pub(super) outlook: Outlook,
}

/// Both templates render this.
pub(super) struct Body<'a> {
    pub(super) subject: &'a str,
    pub(super) intro: Vec<String>,
    pub(super) summary: Vec<String>,
    pub(super) sections: Vec<Section>,
    pub(super) signature: String,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    body: &'a Body<'a>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    body: &'a Body<'a>,
}

impl Body<'_> {
    /// Text and HTML. Rendering into memory has no way to fail; if it ever did, the subject alone still tells the worst.
    pub(super) fn render(&self) -> (String, String) {
        let fallback = |_| format!("{}\n", self.subject);
        (
            Text { body: self }.render().unwrap_or_else(fallback),
            Html { body: self }
                .render()
                .unwrap_or_else(|_| String::new()),
        )
    }
}
