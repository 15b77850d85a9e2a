//! The mirror of the TOML file.
