//! DynamoDB: items in tables, changed under conditions.

mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::value::Value;
use super::Client;
use super::error::{Error, Malformed};
use super::json::Action;
use super::operation::Operation;
use super::pages::Pages;

/// An item, or the key of one: values by the names of attributes.
pub type Item = BTreeMap<String, Value>;

/// The code under which a change is refused whose condition does not hold.
pub const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// An expression: a condition, or an update. Names that are reserved words stand in it as "#name" and values as ":value".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expression {
    /// "attribute_not_exists(#n)".
    pub text: String,
    /// What stands for names.
    pub names: BTreeMap<String, String>,
    /// What stands for values.
    pub values: Item,
}

impl Expression {
    /// Without names and values yet.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// With a name.
    #[must_use]
    pub fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    /// With a value.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: Value) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }
}

#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_names: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_values: BTreeMap<&'a str, &'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_start_key: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_index_forward: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values: Option<&'static str>,
}

impl<'a> Request<'a> {
    fn new(table: &'a str) -> Self {
        Self {
            table_name: table,
            ..Self::default()
        }
    }

    fn with_names_of(&mut self, expression: &'a Expression) {
        let names = expression.names.iter().map(|(key, name)| (key.as_str(), name.as_str()));
        self.expression_attribute_names.extend(names);
        let values = expression.values.iter().map(|(key, value)| (key.as_str(), value));
        self.expression_attribute_values.extend(values);
    }

    fn with_condition(mut self, condition: Option<&'a Expression>) -> Self {
        if let Some(condition) = condition {
            self.condition_expression = Some(&condition.text);
            self.with_names_of(condition);
        }
        self
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    item: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    items: Vec<Item>,
    last_evaluated_key: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Changed {
    #[serde(default)]
    attributes: Item,
}

const fn action(operation: Operation, is_repeatable: bool) -> Action {
    Action {
        operation,
        is_repeatable,
        service_waits: Duration::ZERO,
    }
}

impl Client {
    /// The item of a key, as of now.
    ///
    /// # Errors
    /// When it can't be had.
    pub async fn get_item(&self, table: &str, key: &Item) -> Result<Option<Item>, Error> {
        let request = Request {
            key: Some(key),
            consistent_read: Some(true),
            ..Request::new(table)
        };
        let got: Got = self.json(action(Operation::GetItem, true), &request).await?;
        Ok(got.item)
    }

    /// Puts an item in the place of the one with its key, if the condition holds. With a condition it is never made twice, as
    /// the second would find what the first did: when it is not known whether it was done, that is the error.
    ///
    /// # Errors
    /// When it is not done, or not known to be; [`CONDITION_FAILED`] is the code where the condition does not hold.
    pub async fn put_item(&self, table: &str, item: &Item, condition: Option<&Expression>) -> Result<(), Error> {
        let request = Request {
            item: Some(item),
            ..Request::new(table)
        };
        let request = request.with_condition(condition);
        let _: Changed = self
            .json(action(Operation::PutItem, condition.is_none()), &request)
            .await?;
        Ok(())
    }

    /// Deletes the item of a key, if the condition holds. That there is none is no error, unless by the condition.
    ///
    /// # Errors
    /// As those of [`Client::put_item`].
    pub async fn delete_item(&self, table: &str, key: &Item, condition: Option<&Expression>) -> Result<(), Error> {
        let request = Request {
            key: Some(key),
            ..Request::new(table)
        };
        let request = request.with_condition(condition);
        let _: Changed = self
            .json(action(Operation::DeleteItem, condition.is_none()), &request)
            .await?;
        Ok(())
    }

    /// Changes the item of a key, which is made if there is none, if the condition holds; gives it as it is then. It is never
    /// made twice.
    ///
    /// # Errors
    /// As those of [`Client::put_item`].
    pub async fn update_item(
        &self,
        table: &str,
        key: &Item,
        update: &Expression,
        condition: Option<&Expression>,
    ) -> Result<Item, Error> {
        let mut request = Request {
            key: Some(key),
            update_expression: Some(&update.text),
            return_values: Some("ALL_NEW"),
            ..Request::new(table)
        };
        request.with_names_of(update);
        let request = request.with_condition(condition);
        let changed: Changed = self.json(action(Operation::UpdateItem, false), &request).await?;
        Ok(changed.attributes)
    }

    /// All items that a condition on keys selects, as of now, in the order of the sort key or against it.
    ///
    /// # Errors
    /// When a page of them can't be had.
    pub async fn query_items(&self, table: &str, keys: &Expression, is_ascending: bool) -> Result<Vec<Item>, Error> {
        self.all_items(Operation::Query, || {
            let mut request = Request {
                key_condition_expression: Some(&keys.text),
                scan_index_forward: Some(is_ascending),
                ..Request::new(table)
            };
            request.with_names_of(keys);
            request
        })
        .await
    }

    /// All items of a table, as of now, in no order.
    ///
    /// # Errors
    /// When a page of them can't be had.
    pub async fn scan_items(&self, table: &str) -> Result<Vec<Item>, Error> {
        self.all_items(Operation::Scan, || Request::new(table)).await
    }

    async fn all_items<'a>(&self, operation: Operation, request: impl Fn() -> Request<'a>) -> Result<Vec<Item>, Error> {
        let mut pages = Pages::new();
        loop {
            let start = pages
                .token()
                .map(serde_json::from_str)
                .transpose()
                .map_err(|_| Malformed::Json)?;
            let request = Request {
                consistent_read: Some(true),
                exclusive_start_key: start,
                ..request()
            };
            let found: Found = self.json(action(operation, true), &request).await?;
            let next = found.last_evaluated_key.filter(|key| !key.is_empty());
            let next = next
                .map(|key| serde_json::to_string(&key))
                .transpose()
                .map_err(|_| Malformed::Json)?;
            if pages.add(found.items, next)? {
                return Ok(pages.into_list());
            }
        }
    }
}
