//! What tests of several rooms share: programs that end with the test, ports, certificates, databases, and a mail
//! server.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary uses another part of it"
)]

pub mod accounts;
pub mod certificates;
pub mod exim;
pub mod pages;
pub mod ports;
pub mod postgres;
pub mod program;
pub mod prometheus;
pub mod smtp;

use std::time::Duration;

/// Nothing that a test waits for takes so long, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
