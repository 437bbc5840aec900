//! A message as an event for a plugin: what is known of it while it passes, as the values of a record.

use std::io::Write;

use logd_core::cloud::Host;
use logd_core::template::{Context, Template};

use crate::output::fields;

/// What an event's texts are made by.
pub(crate) struct EventTemplates {
    /// The sentence for people.
    pub(crate) message: Template,
    /// What it says to programs. The names of the fields are the output's.
    pub(crate) fields: Box<[Template]>,
}

/// The values of a record: what every event has, then its fields.
pub(crate) struct EventRecord<'r, F> {
    /// 32 hexadecimal digits, the same whenever the same message is told of.
    pub(crate) id: &'r [u8],
    /// When it was received, in seconds since 1970.
    pub(crate) time: i64,
    /// The id of the machine that has sent it, if that is known.
    pub(crate) host: Option<&'r [u8]>,
    pub(crate) message: &'r [u8],
    pub(crate) fields: F,
}

impl EventTemplates {
    /// Appends the record of a message.
    pub(super) fn render(&self, context: &Context<'_>, record: &mut Vec<u8>) {
        fields::push(record, |out| {
            for byte in (context.uuid)() {
                write!(out, "{byte:02x}").expect("writing to a Vec does not fail");
            }
        });
        fields::push(record, |out| {
            out.extend_from_slice(&context.origin.received.unix_s.to_ne_bytes());
        });
        let host = context.cloud.host.map(Host::id).unwrap_or_default();
        fields::push(record, |out| out.extend_from_slice(host.as_bytes()));
        fields::push(record, |out| self.message.render(context, out));
        fields::render(&self.fields, context, record);
    }
}

/// The event of a record that [`EventTemplates`] made; `None`: it is no such record.
pub(crate) fn read(record: &[u8]) -> Option<EventRecord<'_, impl Iterator<Item = &[u8]>>> {
    let mut values = fields::of(record);
    let id = values.next()?;
    let time = i64::from_ne_bytes(values.next()?.try_into().ok()?);
    let host = values.next()?;
    Some(EventRecord {
        id,
        time,
        host: (!host.is_empty()).then_some(host),
        message: values.next()?,
        fields: values,
    })
}
