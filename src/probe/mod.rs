//! One request that learns one fact: the zone probe and the query probe. A probe never repeats itself and never decides
//! whether it may run; `slots` says only when there is room for it.

pub mod query;
pub mod slots;
pub mod zone;
