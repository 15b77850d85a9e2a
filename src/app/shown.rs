//! Fills the board: at the start, after a reload, and when the store is back.

use std::sync::Arc;

use crate::{
    board::{Board, Entry},
    check::Checker,
    clock,
    record::{Recent, Record},
    schedule::first_slot,
    setup::Setup,
    store::{Store, StoreError},
};

/// Shows what the store remembers of the configured users, or, where it cannot be used, the users alone.
pub(super) async fn fill(checker: &Checker, setup: &Setup) -> Result<(), StoreError> {
    if let Ok(store) = checker.store.get() {
        match entries(&store, setup).await {
            Ok(entries) => {
                checker.board.replace(entries);
                return Ok(());
            }
            Err(cause) => {
                checker.store.lose(&cause);
                if checker.store.trouble().is_none() {
                    return Err(cause);
                }
            }
        }
    }
    fill_without(&checker.board, setup);
    Ok(())
}

/// What the store remembers of the configured users.
pub(super) async fn entries(store: &Store, setup: &Setup) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for stored in store.load().await? {
        let Some(user) = setup.user(&stored.id) else {
            continue;
        };
        let mut record = stored.record;
        if record.last_check.is_none() {
            record.budget.attempts_left = setup.limits().max_rejections;
        }
        entries.push(Entry {
            user: Arc::clone(user),
            record,
            recent: stored.recent,
            due: stored.due,
            first_seen: stored.first_seen,
            username_hash: store.name_hash(&user.username.key()),
        });
    }
    Ok(entries)
}

/// Shows the users while nothing is known of them but their configuration; who is shown already stays.
fn fill_without(board: &Board, setup: &Setup) {
    let now = clock::now();
    let enabled = setup.config.users.iter().filter(|user| user.enabled);
    let entries = enabled.map(|user| match board.get(&user.id) {
        Some(shown) => Entry {
            user: Arc::clone(user),
            ..Entry::clone(&shown)
        },
        None => Entry {
            user: Arc::clone(user),
            // Nothing may be attempted, whatever the budget.
            record: Record::forgotten(now),
            recent: Recent::default(),
            due: first_slot(&user.id, user.interval, now),
            first_seen: now,
            username_hash: String::new(),
        },
    });
    board.replace(entries.collect());
}
