//! The shapes of answers, decided by body first and then by status. Pure.
