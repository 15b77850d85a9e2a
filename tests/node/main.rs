//! docs/kubernetes.md on a whole Kubernetes of one node: every command of the page is typed, in order, and after it is looked
//! at whether what the page says is so. tests/tools/node.bash gets what is needed; without it nothing here can run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test says that something is wrong, and what was printed stands before it"
)]

#[path = "../support/mod.rs"]
mod support;

mod node;
mod reader;
mod site;
mod steps;

use reader::Reader;
use support::{
    accounts::{By, of},
    pages::{Page, commands},
};

const PAGE: &str = "docs/kubernetes.md";

#[test]
fn the_page_is_typed_from_top_to_bottom() {
    let all = commands(PAGE);
    let ours = of(|by| by == By::Cluster);
    assert!(ours.iter().all(|typed| typed.page == PAGE), "{ours:?}");
    // A whole command in the prose would be typed by nobody.
    let spans = Page::read(PAGE).spans.into_iter();
    let hidden: Vec<_> = spans.filter(|span| span.contains("kubectl -n")).collect();
    assert!(hidden.is_empty(), "{hidden:?}");

    let steps: Vec<_> = all.iter().map(|typed| steps::of(&typed.text)).collect();
    for (nth, (part, _)) in steps::ALL.iter().enumerate() {
        let taken = steps.iter().any(|(taken, _)| *taken == nth);
        assert!(taken, "no command holds {part:?}");
    }

    let mut reader = Reader::arrives();
    for (typed, (_, step)) in all.iter().zip(steps) {
        println!("{PAGE}:{}: {}", typed.line, typed.text);
        step(&mut reader, typed);
    }
}
