//! What was measured, as a table that stands as it is in a page of Markdown.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

/// The table as it grows.
pub struct Report(Table);

/// What a number is held against.
#[derive(Clone, Copy)]
pub enum Against {
    /// At most this.
    Limit(f64),
    /// A peer, or the least that is possible.
    Other(f64),
    /// Nothing: it is told for the sake of the others.
    Nothing,
}

impl Report {
    pub fn new() -> Self {
        let mut table = Table::new();
        table
            .load_style(ASCII_MARKDOWN)
            .set_header(["what", "measured", "against", "ratio", ""]);
        for column in [1, 2, 3] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self(table)
    }

    /// A line between the cases.
    pub fn case(&mut self, name: &str) {
        self.0.add_row([
            format!("**{name}**"),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ]);
    }

    pub fn row(&mut self, what: &str, measured: f64, unit: &str, against: Against) {
        let show = |number: f64| -> String {
            let digits = if number.abs() >= 100.0 || number.fract() == 0.0 {
                0
            } else {
                2
            };
            format!("{number:.digits$} {unit}").trim_end().to_owned()
        };
        let (other, ratio, verdict) = match against {
            Against::Limit(limit) => {
                let ratio = if limit > 0.0 {
                    format!("{:.2}", measured / limit)
                } else {
                    String::new()
                };
                let verdict = if measured > limit {
                    "over the limit"
                } else {
                    "within"
                };
                (format!("≤ {}", show(limit)), ratio, verdict)
            }
            Against::Other(other) => (show(other), format!("{:.2}", measured / other), ""),
            Against::Nothing => (String::new(), String::new(), ""),
        };
        self.0.add_row([
            what.to_owned(),
            show(measured),
            other,
            ratio,
            verdict.to_owned(),
        ]);
    }

    /// Something that was not measured.
    pub fn without(&mut self, what: &str, why: &str) {
        self.0.add_row([
            what.to_owned(),
            "not measured".to_owned(),
            String::new(),
            String::new(),
            why.to_owned(),
        ]);
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
