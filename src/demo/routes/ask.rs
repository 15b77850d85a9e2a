//! What a request asks for, by method and path. Pure.

use axum::http::Method;

use crate::demo::entities::Entity;

/// What a path asks for.
#[derive(Debug)]
pub enum Ask {
    ZoneInformation,
    VersionInformation,
    /// Wants a credential; the name of the endpoint, as far as the limit of simultaneous requests goes.
    Api(&'static str, Read),
}

#[derive(Debug)]
pub enum Read {
    Version,
    Threshold,
    Query(Entity),
    Count(Entity),
    Item(Entity, i64),
    Information(Entity),
    Fields(Entity),
}

impl Ask {
    /// None: a path that the web server does not know. Paths have no case.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let get = method == Method::GET;
        match parts.as_slice() {
            ["atservicesrest", "versioninformation"] if get => Some(Self::VersionInformation),
            ["atservicesrest", "v1.0", "zoneinformation"] if get => Some(Self::ZoneInformation),
            ["atservicesrest", "v1.0", rest @ ..] => {
                let (endpoint, read) = Read::of(get, method == Method::POST, rest)?;
                Some(Self::Api(endpoint, read))
            }
            _ => None,
        }
    }
}

impl Read {
    fn of(get: bool, post: bool, parts: &[&str]) -> Option<(&'static str, Self)> {
        match parts {
            ["version"] if get => return Some(("Version", Self::Version)),
            ["thresholdinformation"] if get => {
                return Some(("ThresholdInformation", Self::Threshold));
            }
            _ => {}
        }
        let (name, rest) = parts.split_first()?;
        let entity = Entity::find(name)?;
        let read = match rest {
            ["query"] if get || post => Self::Query(entity),
            ["query", "count"] if get || post => Self::Count(entity),
            ["entityinformation"] if get => Self::Information(entity),
            ["entityinformation", "fields"] if get => Self::Fields(entity),
            [id] if get => Self::Item(entity, id.parse().ok()?),
            _ => return None,
        };
        Some((entity.plural, read))
    }

    /// The API's own name for it, as its messages have it.
    pub fn method_name(&self) -> &'static str {
        match self {
            Self::Threshold => "getThresholdAndUsageInfo",
            Self::Query(_) | Self::Count(_) | Self::Item(..) => "query",
            Self::Version => "getVersion",
            Self::Information(_) | Self::Fields(_) => "getEntityInfo",
        }
    }
}
