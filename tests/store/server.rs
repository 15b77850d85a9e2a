//! The server: what is only PostgreSQL's.
