//! A record of several values: each with its length in front.

use logd_core::template::{Context, Template};

/// What a length takes.
const LENGTH_BYTES: usize = size_of::<u32>();

/// Appends what each of the templates makes of a message.
pub(crate) fn render(templates: &[Template], context: &Context<'_>, record: &mut Vec<u8>) {
    for template in templates {
        push(record, |record| template.render(context, record));
    }
}

/// Appends one value, which `write` appends.
pub(crate) fn push(record: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = record.len() + LENGTH_BYTES;
    record.resize(start, 0);
    write(record);
    let length = u32::try_from(record.len() - start).expect("no message is so long");
    record[start - LENGTH_BYTES..start].copy_from_slice(&length.to_ne_bytes());
}

/// The values of a record that [`render`] made.
pub(crate) fn of(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = record;
    std::iter::from_fn(move || {
        let (length, values) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let (value, later) = values.split_at(u32::from_ne_bytes(*length) as usize);
        rest = later;
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_length_are_told_apart() {
        let mut record = Vec::new();
        for value in [&b"one"[..], b"", b"three"] {
            push(&mut record, |record| record.extend_from_slice(value));
        }
        assert_eq!(of(&record).collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    }
}
