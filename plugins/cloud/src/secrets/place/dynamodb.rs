//! A table of DynamoDB, with the keys "name" (hash) and "environment" (range), both texts: an item for each secret.

use crate::aws::Client;
use crate::aws::dynamodb::{CONDITION_FAILED, Expression, Item, Value};

use super::super::error::StoreError;
use super::super::id::SecretId;
use super::super::record::Record;
use super::Found;

const NAME: &str = "name";
const ENVIRONMENT: &str = "environment";
/// What a change is conditional on.
const REVISION: &str = "revision";
const DOCUMENT: &str = "document";

/// The table.
#[derive(Debug)]
pub(in crate::secrets) struct Table {
    pub(in crate::secrets) client: Client,
    pub(in crate::secrets) table: String,
}

impl Table {
    pub(super) async fn load(&self, id: &SecretId) -> Result<Found, StoreError> {
        let item = self.client.get_item(&self.table, &key(id)).await;
        let Some(item) = item.map_err(|error| StoreError::Unavailable(format!("DynamoDB: {error}")))? else {
            return Ok(Found::default());
        };
        let record = self.read(&item, Some(id))?;
        Ok(Found {
            tag: Some(record.revision.clone()),
            record: Some(record),
        })
    }

    pub(super) async fn save(&self, record: &Record, replaces: Option<&str>) -> Result<(), StoreError> {
        let id = record.id()?;
        let document = String::from_utf8_lossy(&record.write()).into_owned();
        let mut item = key(&id);
        item.insert(REVISION.to_owned(), Value::from(record.revision.as_str()));
        item.insert(DOCUMENT.to_owned(), Value::Text(document));
        let condition = condition(replaces);
        let put = self.client.put_item(&self.table, &item, Some(&condition)).await;
        put.map_err(|error| failed(&id, &error))
    }

    pub(super) async fn remove(&self, id: &SecretId, tag: &str) -> Result<(), StoreError> {
        let (key, condition) = (key(id), condition(Some(tag)));
        let deleted = self.client.delete_item(&self.table, &key, Some(&condition)).await;
        deleted.map_err(|error| failed(id, &error))
    }

    pub(super) async fn list(&self) -> Result<Vec<Result<Record, StoreError>>, StoreError> {
        let items = self.client.scan_items(&self.table).await;
        let items = items.map_err(|error| StoreError::Unavailable(format!("DynamoDB: {error}")))?;
        Ok(items.iter().map(|item| self.read(item, None)).collect())
    }

    /// The document of an item has to say what the item's keys say.
    fn read(&self, item: &Item, of: Option<&SecretId>) -> Result<Record, StoreError> {
        let text = |name| item.get(name).and_then(Value::as_text).unwrap_or_default();
        let place = format!("table {}, item {}/{}", self.table, text(ENVIRONMENT), text(NAME));
        let record = Record::read(text(DOCUMENT).as_bytes(), &place, of)?;
        let id = record.id()?;
        if (id.name(), id.environment(), record.revision.as_str()) != (text(NAME), text(ENVIRONMENT), text(REVISION)) {
            let why = "its document is that of another item, or of another time".to_owned();
            return Err(StoreError::Broken { place, why });
        }
        Ok(record)
    }
}

fn key(id: &SecretId) -> Item {
    Item::from([
        (NAME.to_owned(), Value::from(id.name())),
        (ENVIRONMENT.to_owned(), Value::from(id.environment())),
    ])
}

fn condition(replaces: Option<&str>) -> Expression {
    match replaces {
        None => Expression::new("attribute_not_exists(#n)").name("#n", NAME),
        Some(revision) => Expression::new("#r = :r")
            .name("#r", REVISION)
            .value(":r", Value::from(revision)),
    }
}

fn failed(id: &SecretId, error: &crate::aws::Error) -> StoreError {
    match error.is_refused_as(CONDITION_FAILED) {
        true => StoreError::Changed(id.clone()),
        false => StoreError::of_call("DynamoDB", error),
    }
}
