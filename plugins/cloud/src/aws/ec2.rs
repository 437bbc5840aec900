//! EC2: machines, networks, volumes and the prices of spot capacity.

mod instances;
mod networks;
mod prices;
mod volumes;

pub use instances::{Instance, InstanceAddress};
pub use networks::{Address, Gateway, Route, RouteTable, Subnet, Vpc};
pub use prices::SpotPrice;
pub use volumes::{Attachment, Snapshot, Volume};

use super::Client;
use super::error::Error;
use super::operation::Operation;
use super::pages::Pages;
use super::query::Form;
use super::xml::Element;

const VERSION: &str = "2016-11-15";

/// What a listing is narrowed to: "vpc-id", or "tag:NAME", and the values that it takes, in which `*` and `?` stand for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// As EC2 calls it.
    pub name: String,
    /// One of these.
    pub values: Vec<String>,
}

impl Filter {
    /// By name and values.
    #[must_use]
    pub fn new<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> Self {
        Self {
            name: name.to_owned(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }
}

fn form(operation: Operation, filters: &[Filter]) -> Form {
    let mut form = Form::new(operation, VERSION);
    for (index, filter) in filters.iter().enumerate() {
        form = form
            .with(&format!("Filter.{}.Name", index + 1), &filter.name)
            .with_each(&format!("Filter.{}.Value", index + 1), &filter.values);
    }
    form
}

impl Client {
    /// All pages of a listing. `page_max` is for lists that come in pages only when that is asked for.
    async fn listing<T>(
        &self,
        form: Form,
        page_max: Option<u16>,
        root: &'static str,
        read: fn(&Element) -> Result<Vec<T>, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut pages = Pages::new();
        loop {
            let form = form
                .clone()
                .with_some("MaxResults", page_max.map(|max| max.to_string()).as_deref())
                .with_some("NextToken", pages.token());
            let page = self.query(form, true, root).await?;
            if pages.add(read(&page)?, page.string_of("nextToken"))? {
                return Ok(pages.into_list());
            }
        }
    }
}

/// The tags in a `tagSet`.
fn tags(element: &Element) -> std::collections::BTreeMap<String, String> {
    element
        .list("tagSet", "item")
        .filter_map(|tag| Some((tag.string_of("key")?, tag.string_of("value").unwrap_or_default())))
        .collect()
}

/// A time in RFC 3339, in seconds since 1970.
fn seconds_of(element: &Element, name: &str) -> Option<i64> {
    let time: jiff::Timestamp = element.text_of(name)?.parse().ok()?;
    Some(time.as_second())
}
