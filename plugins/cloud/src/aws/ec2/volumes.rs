//! DescribeVolumes and DescribeSnapshots.

use std::collections::BTreeMap;

use super::super::Client;
use super::super::error::{Error, Malformed};
use super::super::operation::Operation;
use super::super::xml::Element;
use super::{Filter, form, seconds_of, tags};

/// Volumes or snapshots of a page.
const PAGE_MAX: u16 = 500;

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// "vol-…".
    pub id: String,
    /// "creating", "available", "in-use" …
    pub state: String,
    /// In GiB.
    pub size_gib: u64,
    /// The availability zone.
    pub zone: Option<String>,
    /// What it was made from.
    pub snapshot: Option<String>,
    /// What it is attached to.
    pub attachments: Vec<Attachment>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Where a volume is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The machine.
    pub instance: String,
    /// The device: "/dev/sdf".
    pub device: Option<String>,
    /// "attaching", "attached", "detaching" …
    pub state: Option<String>,
}

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// "snap-…".
    pub id: String,
    /// The volume.
    pub volume: Option<String>,
    /// "pending", "completed", "error" …
    pub state: String,
    /// When it was begun, in seconds since 1970.
    pub started: Option<i64>,
    /// In GiB.
    pub size_gib: Option<u64>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Client {
    /// All volumes that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn volumes(&self, filters: &[Filter]) -> Result<Vec<Volume>, Error> {
        let form = form(Operation::DescribeVolumes, filters);
        self.listing(form, Some(PAGE_MAX), "DescribeVolumesResponse", read_volumes)
            .await
    }

    /// All snapshots of the account's own that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn snapshots(&self, filters: &[Filter]) -> Result<Vec<Snapshot>, Error> {
        let form = form(Operation::DescribeSnapshots, filters).with_each("Owner", ["self"]);
        self.listing(form, Some(PAGE_MAX), "DescribeSnapshotsResponse", read_snapshots)
            .await
    }
}

fn read_volumes(page: &Element) -> Result<Vec<Volume>, Error> {
    let volumes = page.need_list("volumeSet", "item")?.map(|volume| {
        let attachments = volume.list("attachmentSet", "item").map(|attachment| {
            Ok(Attachment {
                instance: attachment.need_text("instanceId")?,
                device: attachment.string_of("device"),
                state: attachment.string_of("status"),
            })
        });
        Ok(Volume {
            id: volume.need_text("volumeId")?,
            state: volume.need_text("status")?,
            size_gib: volume
                .need_text("size")?
                .parse()
                .map_err(|_| Malformed::Wrong("size"))?,
            zone: volume.string_of("availabilityZone"),
            snapshot: volume.string_of("snapshotId"),
            attachments: attachments.collect::<Result<_, Malformed>>()?,
            tags: tags(volume),
        })
    });
    volumes.collect()
}

fn read_snapshots(page: &Element) -> Result<Vec<Snapshot>, Error> {
    let snapshots = page.need_list("snapshotSet", "item")?.map(|snapshot| {
        Ok(Snapshot {
            id: snapshot.need_text("snapshotId")?,
            volume: snapshot.string_of("volumeId"),
            state: snapshot.need_text("status")?,
            started: seconds_of(snapshot, "startTime"),
            size_gib: snapshot.text_of("volumeSize").and_then(|size| size.parse().ok()),
            tags: tags(snapshot),
        })
    });
    snapshots.collect()
}
