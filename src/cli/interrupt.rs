//! Ctrl-C for commands that wait: the first ends the wait in good order, the second ends at once.

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failure};

/// Cancelled by the first Ctrl-C. Clones of `end` are cancelled with it.
///
/// # Errors
/// When signals cannot be listened to.
pub(super) fn listen(end: CancellationToken) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|why| Failure::internal(format!("failed to listen to signals: {why}")))?;
    tokio::spawn(async move {
        interrupt.recv().await;
        end.cancel();
        interrupt.recv().await;
        std::process::exit(Exit::Interrupted as i32);
    });
    Ok(())
}
