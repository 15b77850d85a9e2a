//! What `lockwatch demo` shows: on a terminal a table that stays in place, with the latest events below; elsewhere one
//! line per change. Shows what it is given and decides nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    io::{self, IsTerminal, Write},
};

use console::{Alignment, Style, pad_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Events that stay visible on a terminal.
const EVENTS: usize = 8;

/// One user, as shown. All texts must be printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Stable name; rows are found by it.
    pub id: String,
    /// Tenant.
    pub tenant: String,
    /// Such as `healthy`; decides the colour.
    pub state: String,
    /// Such as `ok`.
    pub reason: String,
    /// A few words, cut to the width of the terminal. A change of it alone makes no line elsewhere.
    pub detail: String,
}

/// The table. Call [`LiveTable::update`] with all rows as often as anything may have changed.
pub struct LiveTable(Face);

enum Face {
    Terminal(Box<Terminal>),
    Lines {
        out: Box<dyn Write + Send>,
        shown: BTreeMap<String, (String, String)>,
    },
}

struct Terminal {
    multi: MultiProgress,
    /// The addresses and an empty line.
    top: Vec<ProgressBar>,
    heading: ProgressBar,
    rows: BTreeMap<String, ProgressBar>,
    /// The empty line below the rows: new rows go above it.
    gap: ProgressBar,
    events: Vec<ProgressBar>,
    latest: VecDeque<String>,
}

impl LiveTable {
    /// Writes to standard output: a live table when that is a terminal, else lines. `addresses` are shown on top, one a
    /// line, such as `status page  http://127.0.0.1:9477/`.
    #[must_use]
    pub fn new(addresses: &[String]) -> Self {
        // A dumb terminal cannot be drawn on.
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb {
            Self(Face::Terminal(Box::new(Terminal::new(addresses))))
        } else {
            Self::lines(Box::new(io::stdout()), addresses)
        }
    }

    /// One line per change, to `out`.
    #[must_use]
    pub fn lines(out: Box<dyn Write + Send>, addresses: &[String]) -> Self {
        let mut table = Self(Face::Lines {
            out,
            shown: BTreeMap::new(),
        });
        for address in addresses {
            table.write(address);
        }
        table
    }

    /// Shows the present state of all users.
    pub fn update(&mut self, rows: &[Row]) {
        match &mut self.0 {
            Face::Terminal(terminal) => terminal.update(rows),
            Face::Lines { shown, .. } => {
                let mut changed = Vec::new();
                for row in rows {
                    let state = (row.state.clone(), row.reason.clone());
                    let before = shown.insert(row.id.clone(), state.clone());
                    if before.as_ref() != Some(&state) {
                        // The detail is the same for long: once is enough where lines stay.
                        changed.push(plain_line(row, before.is_none()));
                    }
                }
                for line in changed {
                    self.write(&line);
                }
            }
        }
    }

    /// Shows something that happened.
    pub fn event(&mut self, text: &str) {
        match &mut self.0 {
            Face::Terminal(terminal) => terminal.event(text),
            Face::Lines { .. } => self.write(&format!("* {text}")),
        }
    }

    fn write(&mut self, line: &str) {
        if let Face::Lines { out, .. } = &mut self.0 {
            // A reader that has gone away (`| head`) does not end the demo.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }
}

impl Drop for LiveTable {
    /// Leaves the last picture on the screen, as plain text: living lines would vanish, and ending them one by one draws
    /// some of them twice.
    fn drop(&mut self) {
        if let Face::Terminal(terminal) = &self.0 {
            let last: Vec<_> = terminal.lines().map(ProgressBar::message).collect();
            // A terminal that has gone away keeps nothing.
            let _ = terminal.multi.clear();
            terminal.multi.set_draw_target(ProgressDrawTarget::hidden());
            let mut out = io::stdout();
            for line in last {
                let _ = writeln!(out, "{line}");
            }
        }
    }
}

impl Terminal {
    fn new(addresses: &[String]) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let line = |text: String| {
            let line = multi.add(ProgressBar::new_spinner().with_style(whole_line()));
            line.set_message(text);
            line
        };
        let empty = [String::new()];
        Self {
            top: addresses.iter().chain(&empty).cloned().map(line).collect(),
            heading: line(String::new()),
            gap: line(String::new()),
            events: (0..EVENTS).map(|_| line(String::new())).collect(),
            rows: BTreeMap::new(),
            latest: VecDeque::new(),
            multi,
        }
    }

    /// All lines, from top to bottom.
    fn lines(&self) -> impl Iterator<Item = &ProgressBar> {
        let table = std::iter::once(&self.heading).chain(self.rows.values());
        let below = std::iter::once(&self.gap).chain(&self.events);
        self.top.iter().chain(table).chain(below)
    }

    fn update(&mut self, rows: &[Row]) {
        let widths = Widths::of(rows);
        let heading = widths.cells("user", "tenant", "state", "reason");
        let heading = format!("{}  detail", heading.join("  "));
        self.heading
            .set_message(Style::new().bold().apply_to(heading).to_string());
        for row in rows {
            let line = self.rows.entry(row.id.clone()).or_insert_with(|| {
                let line = ProgressBar::new_spinner().with_style(whole_line());
                self.multi.insert_before(&self.gap, line)
            });
            line.set_message(coloured_line(row, &widths));
        }
        self.rows.retain(|id, line| {
            let kept = rows.iter().any(|row| row.id == *id);
            if !kept {
                line.finish_and_clear();
            }
            kept
        });
    }

    fn event(&mut self, text: &str) {
        if self.latest.len() == EVENTS {
            self.latest.pop_front();
        }
        self.latest.push_back(text.to_owned());
        for (line, text) in self.events.iter().zip(&self.latest) {
            line.set_message(
                Style::new()
                    .cyan()
                    .apply_to(format!("* {text}"))
                    .to_string(),
            );
        }
    }
}

/// A template that cuts the text to the width of the terminal.
fn whole_line() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

struct Widths([usize; 4]);

impl Widths {
    fn of(rows: &[Row]) -> Self {
        let widest = |least: usize, text: fn(&Row) -> &str| {
            let widths = rows
                .iter()
                .map(|row| console::measure_text_width(text(row)));
            widths.max().unwrap_or(0).max(least)
        };
        Self([
            widest(12, |row| &row.id),
            widest(7, |row| &row.tenant),
            widest(10, |row| &row.state),
            widest(20, |row| &row.reason),
        ])
    }

    fn cells(&self, id: &str, tenant: &str, state: &str, reason: &str) -> [String; 4] {
        let Self([a, b, c, d]) = self;
        [(id, a), (tenant, b), (state, c), (reason, d)]
            .map(|(text, width)| pad_str(text, *width, Alignment::Left, None).into_owned())
    }
}

fn coloured_line(row: &Row, widths: &Widths) -> String {
    let [id, tenant, state, reason] = widths.cells(&row.id, &row.tenant, &row.state, &row.reason);
    let style = match row.state.as_str() {
        "healthy" => Style::new().green(),
        "failing" | "locked_out" => Style::new().red().bold(),
        "unclear" | "activating" => Style::new().yellow(),
        _ => Style::new().dim(),
    };
    let state = style.apply_to(state);
    format!("{id}  {tenant}  {state}  {reason}  {}", row.detail)
}

fn plain_line(row: &Row, with_detail: bool) -> String {
    let Row {
        id,
        tenant,
        state,
        reason,
        detail,
    } = row;
    let mut line = format!("{id} ({tenant}): {state}, {reason}");
    if with_detail && !detail.is_empty() {
        line.push_str(": ");
        line.push_str(detail);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn row(id: &str, state: &str, reason: &str, detail: &str) -> Row {
        Row {
            id: id.to_owned(),
            tenant: "acme".to_owned(),
            state: state.to_owned(),
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn without_a_terminal_each_change_is_one_line_without_colours() {
        let paper = Paper::default();
        let addresses = ["status page  http://127.0.0.1:9477/".to_owned()];
        let mut table = LiveTable::lines(Box::new(paper.clone()), &addresses);
        let good = row("acme-backup", "healthy", "ok", "");
        table.update(&[
            good.clone(),
            row("acme-billing", "unclear", "suspected", "401"),
        ]);
        table.update(&[
            good.clone(),
            row("acme-billing", "unclear", "suspected", "401, twice"),
        ]);
        table.event("zone AE17 goes down");
        table.update(&[
            good,
            row("acme-billing", "failing", "credential_rejected", "401"),
        ]);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "status page  http://127.0.0.1:9477/\n\
             acme-backup (acme): healthy, ok\n\
             acme-billing (acme): unclear, suspected: 401\n\
             * zone AE17 goes down\n\
             acme-billing (acme): failing, credential_rejected\n"
        );
    }

    #[test]
    fn columns_stand_below_each_other_whatever_the_colour() {
        let rows = [
            row("a", "healthy", "ok", "|"),
            row("a-rather-long-user-id", "locked_out", "locked_out", "|"),
            row("b", "paused", "integration_code_invalid", "|"),
        ];
        console::set_colors_enabled(true);
        let widths = Widths::of(&rows);
        let at: Vec<_> = rows
            .iter()
            .map(|row| console::strip_ansi_codes(&coloured_line(row, &widths)).find('|'))
            .collect();
        assert_eq!(at, [Some(70); 3]);
    }
}
