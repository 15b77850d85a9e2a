//! lockwatch: see `lockwatch --help`, and docs/architecture.md for the house.

use std::process::ExitCode;

fn main() -> ExitCode {
    lockwatch::cli::main()
}
