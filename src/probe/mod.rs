//! One request that learns one fact: the zone probe, the query probe, and the zone asked without a credential (`gate`). A
//! probe never repeats itself and never decides whether it may run; `slots` says only when there is room for it.

pub mod gate;
pub mod query;
pub mod slots;
pub mod zone;
