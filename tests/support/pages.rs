//! README, CHANGELOG and docs as a Markdown parser reads them: blocks, commands, code spans, links, headings.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// README, CHANGELOG and everything below docs, by paths from the root, in order.
pub fn pages() -> Vec<String> {
    let mut found = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() >= 6, "{found:?}");
    let from_root = |path: PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    let mut pages: Vec<_> = found.into_iter().map(from_root).collect();
    pages.sort();
    pages
}

/// A fenced block, or a command in the prose, which is a block of shell.
pub struct Block {
    /// What stands behind the fence; empty where nothing does.
    pub language: String,
    /// Without its fences and their indent.
    pub text: String,
    /// The line of its first line, from 1.
    pub line: usize,
}

/// What a page is made of.
#[derive(Default)]
pub struct Page {
    /// Fenced blocks, and commands in the prose.
    pub blocks: Vec<Block>,
    /// Code in the prose.
    pub spans: Vec<String>,
    /// Where links lead, as written.
    pub links: Vec<String>,
    /// Headings, their marks taken away.
    pub headings: Vec<String>,
}

impl Page {
    /// Reads a page of the repository.
    pub fn read(path: &str) -> Self {
        Self::of(&read(path))
    }

    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let mut page = Self::default();
        let (mut in_block, mut heading) = (false, None::<String>);
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.to_string(),
                        CodeBlockKind::Indented => "indented".to_owned(),
                    };
                    let line = text[..range.start].matches('\n').count() + 2;
                    page.blocks.push(Block {
                        language,
                        text: String::new(),
                        line,
                    });
                    in_block = true;
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.headings.extend(heading.take()),
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push(dest_url.to_string()),
                Event::Text(words) if in_block => {
                    page.blocks.last_mut().unwrap().text += &words;
                }
                Event::Text(words) => heading.iter_mut().for_each(|heading| *heading += &words),
                Event::Code(code) => {
                    heading.iter_mut().for_each(|heading| *heading += &code);
                    if is_command(&code) {
                        page.blocks.push(Block {
                            language: "sh".to_owned(),
                            text: code.to_string(),
                            line: text[..range.start].matches('\n').count() + 1,
                        });
                    }
                    page.spans.push(code.to_string());
                }
                _ => {}
            }
        }
        page
    }
}

/// Whether somebody could type this as it stands in the prose, which has names of commands too. Those of docker can be told
/// apart: a name has two words.
fn is_command(code: &str) -> bool {
    code.starts_with("docker ") && code.split_whitespace().count() > 2
}

/// A command that a page has people type.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The page.
    pub page: String,
    /// The line where it begins.
    pub line: usize,
    /// As it stands there; several lines where it takes them.
    pub text: String,
}

/// Every command of a page, in order. Where one ends, bash says.
pub fn commands(page: &str) -> Vec<Typed> {
    let blocks = Page::read(page).blocks;
    let shell = blocks.iter().filter(|block| block.language == "sh");
    shell.flat_map(|block| in_block(page, block)).collect()
}

fn in_block(page: &str, block: &Block) -> Vec<Typed> {
    let (mut all, mut text, mut line) = (Vec::new(), String::new(), block.line);
    for (nth, typed) in block.text.lines().enumerate() {
        if text.is_empty() {
            line = block.line + nth;
        } else {
            text.push('\n');
        }
        text += typed;
        if !text.ends_with('\\') && is_whole(&text) {
            let text = std::mem::take(&mut text);
            all.push(Typed {
                page: page.to_owned(),
                line,
                text,
            });
        }
    }
    assert!(text.is_empty(), "{page}:{line}: not a command: {text}");
    all
}

/// Whether bash could run this as it is.
fn is_whole(text: &str) -> bool {
    let asked = Command::new("bash").args(["-n", "-c", text]).output();
    asked.unwrap().status.success()
}
