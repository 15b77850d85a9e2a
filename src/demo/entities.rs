//! What is stored in a simulated tenant: a few rows that look alive, and what the API says about its entities. Pure.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answers::RawAnswer,
    api_user::{ApiUser, Level},
    world::World,
};

/// An entity of the API: its name in paths, and its name in `entityInformation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity {
    /// As in paths.
    pub plural: &'static str,
    /// As in `entityInformation`.
    pub singular: &'static str,
}

/// The entities that integrations commonly read. The real API has some two hundred; any other is an unknown path here.
const ENTITIES: &[(&str, &str)] = &[
    ("Appointments", "Appointment"),
    ("BillingCodes", "BillingCode"),
    ("Companies", "Company"),
    ("CompanyLocations", "CompanyLocation"),
    ("CompanyNotes", "CompanyNote"),
    ("ConfigurationItems", "ConfigurationItem"),
    ("Contacts", "Contact"),
    ("Contracts", "Contract"),
    ("Departments", "Department"),
    ("Invoices", "Invoice"),
    ("Opportunities", "Opportunity"),
    ("Phases", "Phase"),
    ("Products", "Product"),
    ("Projects", "Project"),
    ("Quotes", "Quote"),
    ("Resources", "Resource"),
    ("Roles", "Role"),
    ("ServiceCalls", "ServiceCall"),
    ("Services", "Service"),
    ("Subscriptions", "Subscription"),
    ("Tasks", "Task"),
    ("TicketNotes", "TicketNote"),
    ("Tickets", "Ticket"),
    ("TimeEntries", "TimeEntry"),
];

/// Licence types as the picklist of the simulation numbers them; clients must read the labels. (D)
const LICENCES: [(Level, u8, &str); 2] = [
    (Level::Ordinary, 1, "Professional"),
    (Level::ApiOnly, 7, "API User (API-only)"),
];

impl Entity {
    /// Finds an entity by its name in a path, whatever the case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let (plural, singular) = ENTITIES
            .iter()
            .find(|(plural, _)| plural.eq_ignore_ascii_case(name))?;
        Some(Self { plural, singular })
    }

    /// Every row of this entity in a tenant.
    #[must_use]
    pub fn rows(self, world: &World, tenant: &str) -> Vec<Value> {
        match self.plural {
            "Companies" => companies(tenant),
            "Contacts" => contacts(),
            "Tickets" => tickets(),
            "Resources" => {
                let users = world.users.values().filter(|user| user.tenant == tenant);
                users.zip(29_682_885..).map(resource).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `entityInformation`: what the entity supports, and what this user may do.
    #[must_use]
    pub fn information(self, user: &ApiUser) -> RawAnswer {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            name: &'static str,
            can_create: bool,
            can_delete: bool,
            can_query: bool,
            can_update: bool,
            user_access_for_create: &'static str,
            user_access_for_delete: &'static str,
            user_access_for_query: &'static str,
            user_access_for_update: &'static str,
            has_user_defined_fields: bool,
            supports_webhook_callouts: bool,
        }
        #[derive(Serialize)]
        struct EntityInformation {
            info: Info,
        }
        let rights = user.rights_on(self.plural);
        let extended = matches!(
            self.plural,
            "Companies" | "ConfigurationItems" | "Contacts" | "Tickets"
        );
        RawAnswer::json(
            200,
            &EntityInformation {
                info: Info {
                    name: self.singular,
                    can_create: true,
                    can_delete: false,
                    can_query: true,
                    can_update: true,
                    user_access_for_create: rights.create.as_str(),
                    // What cannot be deleted by anyone cannot be deleted by this user.
                    user_access_for_delete: "None",
                    user_access_for_query: rights.query.as_str(),
                    user_access_for_update: rights.update.as_str(),
                    has_user_defined_fields: extended,
                    supports_webhook_callouts: extended,
                },
            },
        )
    }

    /// `entityInformation/fields`: the fields of the rows, with the picklist of licences.
    #[must_use]
    pub fn fields(self, world: &World, tenant: &str) -> RawAnswer {
        let rows = self.rows(world, tenant);
        let first = rows.first().and_then(Value::as_object);
        let fields: Vec<Value> = first.into_iter().flatten().map(field).collect();
        RawAnswer::json(200, &json!({ "fields": fields }))
    }
}

fn field((name, value): (&String, &Value)) -> Value {
    let data_type = match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        _ => "string",
    };
    let picklist: Vec<Value> = if name == "licenseType" {
        let one = |(order, (_, value, label)): (usize, &(Level, u8, &str))| {
            json!({
                "value": value.to_string(), "label": label, "isDefaultValue": false, "sortOrder": order,
                "parentValue": "", "isActive": true, "isSystem": true
            })
        };
        LICENCES.iter().enumerate().map(one).collect()
    } else {
        Vec::new()
    };
    json!({
        "name": name, "dataType": data_type, "length": 0, "isRequired": name == "id", "isReadOnly": name == "id",
        "isQueryable": true, "isReference": false, "referenceEntityType": "",
        "isPickList": !picklist.is_empty(), "picklistValues": picklist, "picklistParentValueField": ""
    })
}

fn companies(tenant: &str) -> Vec<Value> {
    // Company 0 is the owner of the database itself.
    [tenant, "Alder Dental", "Birch & Sons", "Cedar Logistics"]
        .iter()
        .zip([0, 174, 175, 181])
        .map(|(name, id)| {
            json!({"id": id, "companyName": name, "companyType": 1, "isActive": true, "phone": "555-0100"})
        })
        .collect()
}

fn contacts() -> Vec<Value> {
    [("Ada", "Alder", 174), ("Ben", "Birch", 175)]
        .iter()
        .zip(30_682_701..)
        .map(|((first, last, company), id)| {
            let address = format!("{first}.{last}@customers.example").to_lowercase();
            json!({
                "id": id, "firstName": first, "lastName": last, "companyID": company,
                "emailAddress": address, "isActive": 1
            })
        })
        .collect()
}

fn tickets() -> Vec<Value> {
    [
        ("Printer on floor 2 does not print", 174, 1),
        ("New laptop for reception", 175, 8),
        ("Backup warning", 181, 5),
    ]
    .iter()
    .zip(7_581..)
    .map(|((title, company, status), id)| {
        json!({
            "id": id, "title": title, "companyID": company, "status": status, "priority": 2,
            "ticketNumber": format!("T20261102.{:04}", id - 7_580)
        })
    })
    .collect()
}

fn resource((user, id): (&ApiUser, u64)) -> Value {
    let licence = LICENCES.iter().find(|(level, ..)| *level == user.level);
    json!({
        "id": id, "firstName": "API", "lastName": "User",
        "userName": user.username, "email": format!("it@{}.example", user.tenant), "isActive": user.active,
        "licenseType": licence.map(|(_, value, _)| value), "userType": 17, "resourceType": "Employee"
    })
}
