//! Tables written as text, so that a case stays on its line.

/// A table written as text: a line a row, its cells between bars.
pub(crate) fn rows<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let rows: Vec<[&str; N]> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.try_into().expect("as many cells as the table has")
        })
        .collect();
    assert!(!rows.is_empty(), "a table without rows tests nothing");
    rows
}
