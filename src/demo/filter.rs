//! The query language of the API, as far as rows of the simulation need it. Pure.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The body of a query, or the `search` parameter. Autotask reads keys in any case; these two are in use.
#[derive(Debug, Deserialize)]
pub struct Query {
    #[serde(alias = "Filter")]
    filter: Option<Vec<Clause>>,
    #[serde(alias = "MaxRecords", rename = "maxRecords")]
    max_records: Option<usize>,
    #[serde(alias = "IncludeFields", rename = "includeFields")]
    include_fields: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Clause {
    #[serde(alias = "Op")]
    op: String,
    #[serde(alias = "Field")]
    field: Option<String>,
    #[serde(alias = "Value", default)]
    value: Value,
    #[serde(alias = "Items", default)]
    items: Vec<Clause>,
}

impl Query {
    /// None when there is no `filter`, or no JSON at all.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let query: Self = serde_json::from_slice(body).ok()?;
        query.filter.is_some().then_some(query)
    }

    /// The rows that match, with the fields asked for, at most as many as asked for and never more than 500. (D)
    #[must_use]
    pub fn select(&self, rows: Vec<Value>) -> Vec<Value> {
        let clauses = self.filter.as_deref().unwrap_or_default();
        rows.into_iter()
            .filter(|row| clauses.iter().all(|clause| clause.matches(row)))
            .take(self.max_records.unwrap_or(500).min(500))
            .map(|row| self.project(row))
            .collect()
    }

    fn project(&self, row: Value) -> Value {
        match (&self.include_fields, row) {
            (Some(wanted), Value::Object(fields)) if !wanted.is_empty() => {
                let asked_for =
                    |name: &String| wanted.iter().any(|field| field.eq_ignore_ascii_case(name));
                let kept = fields.into_iter().filter(|(name, _)| asked_for(name));
                Value::Object(kept.collect::<Map<_, _>>())
            }
            (_, row) => row,
        }
    }
}

impl Clause {
    fn matches(&self, row: &Value) -> bool {
        let own = self.own(row);
        let order = || compare(own, &self.value);
        match self.op.to_ascii_lowercase().as_str() {
            "and" => self.items.iter().all(|clause| clause.matches(row)),
            "or" => self.items.iter().any(|clause| clause.matches(row)),
            "eq" => order() == Some(Ordering::Equal),
            "noteq" => order() != Some(Ordering::Equal),
            "gt" => order() == Some(Ordering::Greater),
            "gte" => order().is_some_and(Ordering::is_ge),
            "lt" => order() == Some(Ordering::Less),
            "lte" => order().is_some_and(Ordering::is_le),
            "beginswith" => text(own).starts_with(&text(&self.value)),
            "endswith" => text(own).ends_with(&text(&self.value)),
            "contains" => text(own).contains(&text(&self.value)),
            "exist" => !own.is_null(),
            "notexist" => own.is_null(),
            "in" => self.is_listed(own),
            "notin" => !self.is_listed(own),
            _ => false,
        }
    }

    fn own<'row>(&self, row: &'row Value) -> &'row Value {
        let name = self.field.as_deref().unwrap_or_default();
        let fields = row.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
            .unwrap_or(&Value::Null)
    }

    fn is_listed(&self, own: &Value) -> bool {
        let listed = self.value.as_array().into_iter().flatten();
        listed
            .into_iter()
            .any(|value| compare(own, value) == Some(Ordering::Equal))
    }
}

/// Numbers as numbers, everything else as text without regard to case, as the database collates.
fn compare(own: &Value, wanted: &Value) -> Option<Ordering> {
    if own.is_null() || wanted.is_null() {
        return None;
    }
    let number = |value: &Value| {
        let written = value.as_str().and_then(|text| text.parse().ok());
        value.as_f64().or(written)
    };
    match (number(own), number(wanted)) {
        (Some(own), Some(wanted)) => own.partial_cmp(&wanted),
        _ => Some(text(own).cmp(&text(wanted))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operator_selects_its_rows() {
        let rows = || {
            vec![
                json!({"id": 1, "userName": "K3JX7Q@acme.example", "isActive": true}),
                json!({"id": 2, "userName": "other@acme.example", "isActive": false}),
                json!({"id": 10, "userName": null, "isActive": true}),
            ]
        };
        let cases = [
            (
                json!({"op": "eq", "field": "userName", "value": "k3jx7q@ACME.example"}),
                vec![1],
            ),
            (
                json!({"op": "noteq", "field": "id", "value": 1}),
                vec![2, 10],
            ),
            (json!({"op": "gt", "field": "id", "value": "2"}), vec![10]),
            (json!({"op": "gte", "field": "ID", "value": 2}), vec![2, 10]),
            (json!({"op": "lt", "field": "id", "value": 2}), vec![1]),
            (json!({"op": "lte", "field": "id", "value": 2}), vec![1, 2]),
            (
                json!({"op": "eq", "field": "isActive", "value": true}),
                vec![1, 10],
            ),
            (
                json!({"op": "beginsWith", "field": "userName", "value": "oth"}),
                vec![2],
            ),
            (
                json!({"op": "endsWith", "field": "userName", "value": "acme.example"}),
                vec![1, 2],
            ),
            (
                json!({"op": "contains", "field": "userName", "value": "jx7"}),
                vec![1],
            ),
            (json!({"op": "exist", "field": "userName"}), vec![1, 2]),
            (json!({"op": "notExist", "field": "userName"}), vec![10]),
            (
                json!({"op": "in", "field": "id", "value": [2, 10]}),
                vec![2, 10],
            ),
            (
                json!({"op": "notIn", "field": "id", "value": [2, 10]}),
                vec![1],
            ),
            (
                json!({"op": "or", "items": [{"op": "eq", "field": "id", "value": 1}, {"op": "eq", "field": "id", "value": 10}]}),
                vec![1, 10],
            ),
            (
                json!({"op": "sounds like", "field": "id", "value": 1}),
                vec![],
            ),
        ];
        for (clause, wanted) in cases {
            let body = json!({"filter": [clause], "includeFields": ["Id"]}).to_string();
            let found = Query::read(body.as_bytes()).unwrap().select(rows());
            let wanted: Vec<Value> = wanted.into_iter().map(|id| json!({"id": id})).collect();
            assert_eq!(found, wanted, "{body}");
        }
    }
}
