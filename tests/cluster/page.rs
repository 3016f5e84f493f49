//! A page of the documentation as data: its blocks, in their order, each with the heading that it stands under.

use std::fs;

use crate::installation::repository;

/// What stands between two fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Of the section that it belongs to.
    pub(crate) heading: String,
    pub(crate) content: Content,
}

/// What a reader does with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Types it.
    Commands(String),
    /// Puts it into the file that its first line names: anew, or at the end of what is there.
    File { name: String, added: bool, text: String },
}

/// All blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(repository().join(page)).unwrap();
    let (mut heading, mut blocks) = (String::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        }
        if let Some(language) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let heading = heading.clone();
            let content = content(language, &inside);
            blocks.push(Block { heading, content });
        }
    }
    blocks
}

/// Those of one section.
pub(crate) fn section(page: &str, heading: &str) -> Vec<Content> {
    let all = blocks(page).into_iter();
    let found: Vec<_> = all.filter(|block| block.heading == heading).collect();
    assert!(!found.is_empty(), "{page} has no blocks under {heading}");
    found.into_iter().map(|block| block.content).collect()
}

fn content(language: &str, lines: &[&str]) -> Content {
    match language {
        "yaml" => file(lines),
        "" | "sh" => Content::Commands(lines.join("\n")),
        other => panic!("nobody knows what to do with {other}"),
    }
}

/// `# mine/kustomization.yaml`, `# prometheus.yml, added to scrape_configs`, `# mine/brokers.yaml, for kubectl apply -f`.
fn file(lines: &[&str]) -> Content {
    let first = lines.first().and_then(|line| line.strip_prefix("# "));
    let first = first.unwrap_or_else(|| panic!("the first line of {lines:?} says no file"));
    let (name, what) = first.split_once(", ").unwrap_or((first, ""));
    Content::File {
        name: name.to_owned(),
        added: what.starts_with("added"),
        text: lines[1..].join("\n") + "\n",
    }
}
