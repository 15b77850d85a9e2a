//! A secret from a program's standard output: no shell, nothing on its standard input, its complaints unseen.

use std::{env, process::Stdio};

use tokio::process::Command;

use super::{LONGEST, read_some};

/// Where programs are looked for when `$PATH` is not set.
const PATH: &str = "/bin:/usr/bin";

/// Whether a file has this name, by its path or in `$PATH`; it need not be a program that can be started.
pub fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_else(|| PATH.into());
    // An absolute path stays what it is, whatever folder it is looked for in.
    env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// What the program writes. Dropping the future kills the program.
pub async fn output(words: &[String]) -> Result<Vec<u8>, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("names no program".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        // What is between the service manager and lockwatch, and lockwatch's own token, are no business of it.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .env_remove("LOCKWATCH_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It may print the secret there too.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let stdout = child.stdout.take().ok_or("has no standard output")?;
    let bytes = read_some(stdout).await?;
    if bytes.len() > LONGEST {
        // It may be waiting for a reader; `text` says what is wrong.
        return Ok(bytes);
    }
    let status = child
        .wait()
        .await
        .map_err(|error| format!("cannot be waited for: {error}"))?;
    if status.success() {
        Ok(bytes)
    } else {
        Err(format!("failed with {status}"))
    }
}
