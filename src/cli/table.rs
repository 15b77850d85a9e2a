//! Tables of users, worst first. On a terminal, columns that do not fit are left out, the least important first; elsewhere all
//! are there.

use std::io::{self, IsTerminal};

use comfy_table::{
    Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};
use jiff::Timestamp;

use super::{ages, report::say};
use crate::web::{page::badness, view::UserView};

/// Between two columns.
const GAP: u16 = 2;

/// A column: its head, and how soon it is left out; 0 for never.
type Column = (&'static str, u8);

const STATUS: [Column; 8] = [
    ("USER", 0),
    ("TENANT", 1),
    ("STATE", 0),
    ("REASON", 0),
    ("SINCE", 2),
    ("FOR", 0),
    ("LAST GOOD", 3),
    ("LEFT", 4),
];

const RETRIED: [Column; 5] = [
    ("USER", 0),
    ("TENANT", 1),
    ("ATTEMPT", 0),
    ("STATE", 0),
    ("REASON", 0),
];

/// All users.
pub(super) fn of_users(users: &[UserView], now: Timestamp) {
    let mut table = table(&STATUS);
    for user in worst_first(users.iter(), |user| user) {
        let good = user.last_accepted.max(user.last_verified);
        table.add_row([
            Cell::new(&user.id),
            Cell::new(&user.tenant),
            state(user),
            Cell::new(&user.reason),
            Cell::new(ages::clock(user.since, now)),
            Cell::new(ages::age(user.since, now)),
            Cell::new(good.map_or_else(
                || "never".to_owned(),
                |at| format!("{} ago", ages::age(at, now)),
            )),
            Cell::new(
                user.attempts_left
                    .map_or_else(|| "–".to_owned(), |left| left.to_string()),
            )
            .set_alignment(CellAlignment::Right),
        ]);
    }
    print(table, &STATUS);
}

/// Users and what became of their attempts.
pub(super) fn of_retried<'a>(users: impl Iterator<Item = (&'a UserView, String)>) {
    let mut table = table(&RETRIED);
    for (user, attempt) in worst_first(users, |(user, _)| user) {
        table.add_row([
            Cell::new(&user.id),
            Cell::new(&user.tenant),
            Cell::new(attempt),
            state(user),
            Cell::new(&user.reason),
        ]);
    }
    print(table, &RETRIED);
}

fn worst_first<T>(all: impl Iterator<Item = T>, user: impl Fn(&T) -> &UserView) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    all.sort_by_cached_key(|one| {
        let user = user(one);
        (badness(&user.state), user.id.clone())
    });
    all
}

fn table(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|(head, _)| *head));
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if console::colors_enabled() {
        table.enforce_styling();
        table.style_text_only();
    } else {
        table.force_no_tty();
    }
    table
}

fn print(mut table: Table, columns: &[Column]) {
    let terminal = io::stdout().is_terminal();
    if let Some((_, width)) = console::Term::stdout().size_checked().filter(|_| terminal) {
        fit(&mut table, columns, width);
    }
    say(table.trim_fmt());
}

/// Leaves out what does not fit into `width`; when what must stay does not either, words are broken.
fn fit(table: &mut Table, columns: &[Column], width: u16) {
    let widths = table.column_max_content_widths();
    let mut order: Vec<_> = columns.iter().zip(widths).enumerate().collect();
    order.sort_by_key(|(_, ((_, leaves), _))| *leaves);
    let mut room = width.saturating_add(GAP);
    for (nth, ((_, leaves), wide)) in order {
        let wide = wide.saturating_add(GAP);
        if *leaves == 0 || wide <= room {
            room = room.saturating_sub(wide);
        } else if let Some(column) = table.column_mut(nth) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width.saturating_add(GAP));
}

fn state(user: &UserView) -> Cell {
    let colour = match user.state.as_str() {
        "failing" | "locked_out" => Color::DarkRed,
        "healthy" => Color::DarkGreen,
        _ => Color::DarkYellow,
    };
    let held = if user.held { " (held)" } else { "" };
    Cell::new(format!("{}{held}", user.state)).fg(colour)
}
