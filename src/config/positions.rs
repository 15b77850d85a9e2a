//! Byte offsets of a text as lines and columns, for people.

use std::ops::Range;

/// Where the lines of a text begin.
pub struct Positions<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    /// Finds the lines of `text`.
    pub fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    /// Line and column of a byte, both from 1; a column is a character.
    pub fn of(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line(offset);
        let column = self.text[self.starts[line]..offset].chars().count();
        (line + 1, column + 1)
    }

    /// The number of the line that holds a byte, from 0.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// How many lines there are; a text that ends in a line break has an empty last one.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The lines from the one that holds `offset` to the next that begins with `[`, or the end.
    /// What follows a broken table header belongs to nobody knows which table.
    pub fn section(&self, offset: usize) -> Range<usize> {
        let first = self.line(offset);
        let next = (first + 1..self.lines()).find(|line| self.is_header(*line));
        first..next.unwrap_or(self.lines())
    }

    /// Whether a line is meant as a table header.
    pub fn is_header(&self, line: usize) -> bool {
        let start = self.starts[line];
        let text = self.text[start..].trim_start_matches([' ', '\t']);
        text.starts_with('[')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_everything_counts_from_one() {
        let positions = Positions::new("a\nzoë = 1\n");
        for (offset, expected) in [
            (0, (1, 1)),
            (1, (1, 2)),
            (2, (2, 1)),
            (7, (2, 5)),
            (11, (3, 1)),
            (99, (3, 1)),
        ] {
            assert_eq!(positions.of(offset), expected, "offset {offset}");
        }
    }

    #[test]
    fn a_section_ends_at_the_next_header() {
        let positions = Positions::new("[a\nx = 1\n[b]\ny = 1\n");
        assert_eq!(positions.section(1), 0..2);
        assert!(positions.is_header(2));
        assert!(!positions.is_header(1));
    }
}
