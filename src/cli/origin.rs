//! Where a wrong value came from: clap names the option, also where a variable stood in its place.

use clap::{
    Arg,
    error::{ContextKind, ContextValue},
};

/// Adds the variable to an error about its value.
pub(super) fn name(error: &mut clap::Error) {
    let Some(ContextValue::String(said)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    // `--log-level <LEVEL>`
    let option = said.split(' ').next().unwrap_or_default().to_owned();
    let typed = |argument: &str| argument.starts_with(&option);
    if std::env::args_os().any(|argument| argument.to_str().is_some_and(typed)) {
        return;
    }
    let command = super::command_line();
    let is_it = |arg: &&Arg| arg.get_long() == option.strip_prefix("--");
    let arg = command
        .get_subcommands()
        .find_map(|command| command.get_arguments().find(is_it));
    if let Some(variable) = arg.and_then(Arg::get_env) {
        let tip = format!("the value comes from ${}", variable.display());
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
}
