//! The way of a message from its frame to its files: cleaned, parsed, routed by the rules, and rendered straight into the
//! buffers of the files. Frames come from the inputs, many at a time; nothing is allocated for a message of the usual kind.
//!
//! A [`Pipeline`] is what one configuration makes of messages. A reload puts another in its place, and each input takes up
//! the new one, together with its own new settings, with the next bytes it reads.

pub(crate) mod event;
mod files;
mod scratch;

use std::cell::Cell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use logd_core::cloud;
use logd_core::control_chars::clean;
use logd_core::message::{Message, Origin, Shape};
use logd_core::parse::parse;
use logd_core::path::PathTemplate;
use logd_core::route::{InputId, Routed, Router};
use logd_core::template::{Context, Template};
use logd_core::time::{Timestamp, ZoneCache};
use metrics::{Counter, counter};

pub(crate) use event::EventTemplates;
pub(crate) use scratch::Scratch;

use crate::config::{Config, Output, OutputKind};
use crate::input::Limiter;
use crate::live::{Looking, Tap};
use crate::output::file::{Appended, FileOutput, Layout, LogFile, Owner, Store, Tree};
use crate::output::queue::Queued;
use crate::output::queued::QueuedOutput;
use crate::output::{HeldBack, Patience, Receipt, fields};
use crate::plugins::{Inventory, LastView};
use crate::viewer;

/// What one configuration makes of messages.
pub(crate) struct Pipeline {
    hostname: Box<str>,
    router: Router,
    /// By [`logd_core::route::OutputId`].
    destinations: Box<[Destination]>,
    store: Arc<Store>,
    /// What plugins know of senders, if it is asked for that.
    inventory: Option<Arc<Inventory>>,
    /// Where messages can be looked at as they pass.
    tap: Arc<Tap>,
    /// Where the files are, for the viewer.
    viewed: Arc<[Arc<viewer::Tree>]>,
    metrics: PipelineMetrics,
}

/// An output, and what is rendered for it.
enum Destination {
    File {
        owner: Owner,
        path: PathTemplate,
        format: Template,
    },
    Queued {
        output: Arc<QueuedOutput>,
        rendering: Rendering,
    },
}

/// How a record for a queue is rendered.
pub(crate) enum Rendering {
    /// A line, with its newline.
    Line(Template),
    /// As it is: whoever sends it marks it off from the next.
    Message(Template),
    /// Several values ([`fields`]).
    Fields(Box<[Template]>),
    /// What an event is made of ([`event`]).
    Event(Box<EventTemplates>),
}

struct PipelineMetrics {
    dropped: Counter,
    unmatched: Counter,
    file_hits: Counter,
    file_misses: Counter,
}

impl Pipeline {
    /// The pipeline of a configuration; outputs that the `running` one has with the same settings go on as they are.
    pub(crate) fn new(
        config: &mut Config,
        store: Arc<Store>,
        inventory: Arc<Inventory>,
        running: Option<&Self>,
    ) -> Self {
        let generation = store.next_generation();
        let viewed = config.outputs.iter().filter_map(Output::tree).map(Arc::new).collect();
        let destinations: Box<[Destination]> = config
            .outputs
            .drain(..)
            .map(|output| match output.kind {
                OutputKind::File { path, format, settings } => Destination::File {
                    owner: Owner {
                        output: running
                            .and_then(|running| running.file_output(&output.name))
                            .filter(|known| *known.settings() == settings)
                            .unwrap_or_else(|| Arc::new(FileOutput::new(&output.name, settings))),
                        generation,
                    },
                    path,
                    format,
                },
                OutputKind::Queued { rendering, settings } => Destination::Queued {
                    output: running
                        .and_then(|running| running.queued_output(&output.name))
                        .filter(|known| *known.settings() == settings)
                        .unwrap_or_else(|| Arc::new(QueuedOutput::new(&output.name, settings, store.clone()))),
                    rendering,
                },
            })
            .collect();
        let trees = destinations.iter().filter_map(|destination| match destination {
            Destination::File { owner, path, .. } => Tree::of(owner, path).map(Arc::new),
            Destination::Queued { .. } => None,
        });
        store.archive().set_trees(trees.collect());
        let asks_cloud = config.router.asks_cloud() || destinations.iter().any(Destination::asks_cloud);
        store.set_layout(layout(&destinations));
        Self {
            hostname: config.hostname.clone(),
            router: std::mem::replace(&mut config.router, Router::new(Vec::new())),
            inventory: asks_cloud.then_some(inventory),
            destinations,
            store,
            tap: running.map_or_else(Tap::new, |running| running.tap.clone()),
            viewed,
            metrics: PipelineMetrics {
                dropped: counter!("logd_messages_dropped_total", "reason" => "rule"),
                unmatched: counter!("logd_messages_dropped_total", "reason" => "no-rule"),
                file_hits: counter!("logd_file_lookups_total", "result" => "hit"),
                file_misses: counter!("logd_file_lookups_total", "result" => "miss"),
            },
        }
    }

    /// What plugins know of senders, if it is asked for that.
    pub(crate) fn inventory(&self) -> Option<&Arc<Inventory>> {
        self.inventory.as_ref()
    }

    /// Where messages can be looked at as they pass; the same over reloads.
    pub(crate) fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// Where its files are, for the viewer.
    pub(crate) fn viewed(&self) -> Arc<[Arc<viewer::Tree>]> {
        self.viewed.clone()
    }

    /// Its outputs that are files.
    pub(crate) fn file_outputs(&self) -> impl Iterator<Item = &Arc<FileOutput>> {
        self.destinations.iter().filter_map(|destination| match destination {
            Destination::File { owner, .. } => Some(&owner.output),
            Destination::Queued { .. } => None,
        })
    }

    /// Its outputs behind queues.
    pub(crate) fn queued_outputs(&self) -> impl Iterator<Item = &Arc<QueuedOutput>> {
        self.destinations.iter().filter_map(|destination| match destination {
            Destination::Queued { output, .. } => Some(output),
            Destination::File { .. } => None,
        })
    }

    /// The file output of this name.
    pub(crate) fn file_output(&self, name: &str) -> Option<Arc<FileOutput>> {
        self.file_outputs().find(|output| output.name() == name).cloned()
    }

    fn queued_output(&self, name: &str) -> Option<Arc<QueuedOutput>> {
        self.queued_outputs().find(|output| output.name() == name).cloned()
    }

    /// Begins a batch: what was read from one input at one time. `held_back` learns of files that hold its sender back.
    pub(crate) fn batch<'b>(
        &'b self,
        input: InputId,
        input_name: &'b str,
        patience: Patience,
        scratch: &'b mut Scratch,
        held_back: &'b mut HeldBack,
    ) -> Batch<'b> {
        let received = scratch.own_zone.now();
        if let Some(inventory) = &self.inventory {
            scratch.view.look(inventory);
        }
        Batch {
            pipeline: self,
            input,
            input_name,
            patience,
            received,
            looking: self.tap.look(received),
            scratch,
            held_back,
            peer_name: None,
            sender_name: None,
            cloud: None,
            receipt: None,
            limiter: None,
            tally: Tally::default(),
        }
    }
}

/// What came of the messages of a batch, to be counted together: counters are shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    /// Indexed by [`Shape`].
    pub(crate) shapes: [u64; 5],
    pub(crate) truncated: u64,
    dropped: u64,
    unmatched: u64,
    file_hits: u64,
    file_misses: u64,
}

/// Who has sent a message over a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer<'n> {
    pub(crate) address: SocketAddr,
    /// What the address is called, where names are looked up and it has one.
    pub(crate) name: Option<&'n str>,
}

/// Messages on their way.
pub(crate) struct Batch<'b> {
    pipeline: &'b Pipeline,
    input: InputId,
    input_name: &'b str,
    patience: Patience,
    received: Timestamp,
    looking: Looking,
    scratch: &'b mut Scratch,
    held_back: &'b mut HeldBack,
    peer_name: Option<&'b str>,
    sender_name: Option<&'b str>,
    /// What is known of the one sender of all of it.
    cloud: Option<cloud::Sender<'b>>,
    receipt: Option<&'b mut Receipt>,
    limiter: Option<&'b Limiter>,
    tally: Tally,
}

impl<'b> Batch<'b> {
    /// Its sender has shown a certificate for this name.
    pub(crate) fn with_peer_name(self, peer_name: Option<&'b str>) -> Self {
        Self { peer_name, ..self }
    }

    /// Its sender's address has this name.
    pub(crate) fn with_sender_name(self, sender_name: Option<&'b str>) -> Self {
        Self { sender_name, ..self }
    }

    /// This is known of its sender.
    pub(crate) fn with_cloud(self, cloud: Option<cloud::Sender<'b>>) -> Self {
        Self { cloud, ..self }
    }

    /// Notes where its messages go.
    pub(crate) fn with_receipt(self, receipt: &'b mut Receipt) -> Self {
        Self {
            receipt: Some(receipt),
            ..self
        }
    }

    /// Drops what a sender sends beyond its limit.
    pub(crate) fn with_limiter(self, limiter: Option<&'b Limiter>) -> Self {
        Self { limiter, ..self }
    }

    /// Our own name.
    pub(crate) fn my_hostname(&self) -> &'b str {
        &self.pipeline.hostname
    }

    /// Sends a frame on its way. `zone` is that of senders that don't name theirs.
    pub(crate) fn message(&mut self, frame: &[u8], truncated: bool, peer: SocketAddr, zone: &mut ZoneCache) {
        let sender = Peer {
            address: peer,
            name: self.sender_name,
        };
        self.message_of(frame, truncated, sender, self.received, zone);
    }

    /// The same for one of many senders, whose frame was received at this time.
    pub(crate) fn message_of(
        &mut self,
        frame: &[u8],
        truncated: bool,
        sender: Peer<'_>,
        received: Timestamp,
        zone: &mut ZoneCache,
    ) {
        if self
            .limiter
            .is_some_and(|limiter| !limiter.admit(sender.address.ip(), None))
        {
            return;
        }
        let clean = clean(frame);
        let message = parse(&clean, received, zone);
        self.send(&message, truncated, Some(sender), received);
    }

    /// Sends a message of this machine on its way, which was received at this time.
    pub(crate) fn submit(&mut self, message: &Message<'_>, truncated: bool, received: Timestamp) {
        self.send(message, truncated, None, received);
    }

    /// When the batch was begun, in our own zone.
    pub(crate) fn received(&self) -> Timestamp {
        self.received
    }

    fn send(&mut self, message: &Message<'_>, truncated: bool, sender: Option<Peer<'_>>, received: Timestamp) {
        let peer = sender.map(|sender| sender.address);
        self.tally.messages += 1;
        self.tally.shapes[shape_index(message.shape)] += 1;
        self.tally.truncated += u64::from(truncated);
        let origin = Origin {
            peer,
            received,
            peer_name: self.peer_name,
            input: self.input_name,
            truncated,
        };
        let Self {
            pipeline,
            scratch,
            held_back,
            receipt,
            tally,
            looking,
            patience,
            cloud,
            ..
        } = self;
        let patience = *patience;
        let Scratch {
            key,
            path,
            value,
            uuids,
            files,
            view,
            ..
        } = &mut **scratch;
        let uuid = Cell::new(None);
        let uuid = || match uuid.get() {
            Some(known) => known,
            None => {
                let new = uuids.next();
                uuid.set(Some(new));
                new
            }
        };
        let context = Context {
            message,
            origin: &origin,
            sender_name: sender.and_then(|sender| sender.name),
            cloud: sender_in(&pipeline.inventory, *cloud, view, peer, received),
            my_hostname: &pipeline.hostname,
            now: self.received,
            uuid: &uuid,
        };
        pipeline.tap.show(looking, &context);
        let routed = pipeline.router.route(&context, self.input, value, |_, id| {
            let (owner, path_template, format) = match &pipeline.destinations[id.0 as usize] {
                Destination::File { owner, path, format } => (owner, path, format),
                Destination::Queued { output, rendering } => {
                    let queue = output.queue();
                    let queued = queue.append(patience, |record| rendering.render(&context, record));
                    held_back.note_queue(queue);
                    if let (Some(receipt), Queued::Waiting(number)) = (&mut *receipt, queued) {
                        receipt.note_queue(queue, number);
                    }
                    return;
                }
            };
            key.clear();
            if !path_template.append_key(&context, key) {
                // Then the path itself says which file it is.
                path_template.render(&context, key);
            }
            let hash = files.hash(id, key);
            let (mut hit, mut diverted) = (true, false);
            loop {
                let looked_up;
                let mut look_up = || {
                    path.clear();
                    path_template.render(&context, path);
                    let found = find_file(&pipeline.store, path_template, path, owner, peer, patience);
                    (hit, diverted) = (found.is_known, found.is_diverted);
                    found.file
                };
                let file = match hash {
                    Some(hash) => files.find(owner.generation, hash, key, look_up),
                    None => {
                        looked_up = look_up();
                        &looked_up
                    }
                };
                let render = |line: &mut Vec<u8>| render_line(format, &context, line);
                match file.append(&pipeline.store, owner, patience, render) {
                    Appended::Gone => hash.iter().for_each(|hash| files.forget(*hash)),
                    Appended::Buffered | Appended::Dropped => {
                        held_back.note_file(file);
                        if let Some(receipt) = receipt {
                            receipt.note_file(file);
                        }
                        break;
                    }
                }
            }
            if diverted {
                // Of this message only: the next one may have its own file.
                hash.iter().for_each(|hash| files.forget(*hash));
            }
            tally.file_hits += u64::from(hit);
            tally.file_misses += u64::from(!hit);
        });
        match routed {
            Routed::Matched => {}
            Routed::Dropped(_) => tally.dropped += 1,
            Routed::Unmatched => tally.unmatched += 1,
        }
    }

    /// Counts what was done; what the input itself counts is handed back.
    pub(crate) fn finish(self) -> Tally {
        self.pipeline.tap.finish(&self.looking, self.received);
        let metrics = &self.pipeline.metrics;
        let counters = [
            (&metrics.dropped, self.tally.dropped),
            (&metrics.unmatched, self.tally.unmatched),
            (&metrics.file_hits, self.tally.file_hits),
            (&metrics.file_misses, self.tally.file_misses),
        ];
        for (counter, count) in counters {
            if count > 0 {
                counter.increment(count);
            }
        }
        self.tally
    }
}

/// What is known of a message's sender, where that is asked for: what is known of it already, or what the maps say.
fn sender_in<'b>(
    inventory: &Option<Arc<Inventory>>,
    known: Option<cloud::Sender<'b>>,
    view: &'b LastView,
    peer: Option<SocketAddr>,
    received: Timestamp,
) -> cloud::Sender<'b> {
    match (inventory, known, view.get()) {
        (None, ..) | (_, None, None) => cloud::Sender::default(),
        (_, Some(known), _) => known,
        (_, None, Some(view)) => view.sender(peer, received.unix_s),
    }
}

impl Destination {
    /// Whether a plugin's inventory is asked for what goes there.
    fn asks_cloud(&self) -> bool {
        let asks = |template: &Template| template.asks_cloud_at().is_some();
        match self {
            Self::File { path, format, .. } => path.asks_cloud() || asks(format),
            Self::Queued { rendering, .. } => match rendering {
                Rendering::Line(format) | Rendering::Message(format) => asks(format),
                Rendering::Fields(templates) => templates.iter().any(asks),
                // Of which host it is.
                Rendering::Event(_) => true,
            },
        }
    }
}

impl Rendering {
    /// Appends the record of a message.
    pub(crate) fn render(&self, context: &Context<'_>, record: &mut Vec<u8>) {
        match self {
            Self::Line(format) => render_line(format, context, record),
            Self::Message(format) => format.render(context, record),
            Self::Fields(templates) => fields::render(templates, context, record),
            Self::Event(templates) => templates.render(context, record),
        }
    }
}

/// The file that a message goes to.
struct FoundFile {
    file: Arc<LogFile>,
    is_known: bool,
    /// It is not the file of the message's path.
    is_diverted: bool,
}

/// The file of a rendered path. A sender that makes too many files has one of its own, whose path has its address in the place of
/// every property.
fn find_file(
    store: &Store,
    template: &PathTemplate,
    path: &[u8],
    owner: &Owner,
    peer: Option<SocketAddr>,
    patience: Patience,
) -> FoundFile {
    let found = |(file, is_known), is_diverted| FoundFile {
        file,
        is_known,
        is_diverted,
    };
    if template.is_fixed() {
        return found(store.file(path, usize::MAX, owner), false);
    }
    let sender = peer.map(|peer| peer.ip().to_canonical());
    if let Some(own) = store.file_of_sender(path, trusted(template), owner, sender, patience) {
        return found(own, false);
    }
    let name = sender.map_or_else(|| "local".to_owned(), |sender| sender.to_string());
    owner.output.count_diverted(&name);
    let mut path = Vec::new();
    template.render_with(name.as_bytes(), &mut path);
    found(store.file(&path, trusted(template), owner), true)
}

/// What these write to.
fn layout(destinations: &[Destination]) -> Layout {
    let mut directories = HashSet::new();
    let mut queued_bytes_max = None;
    for destination in destinations {
        match destination {
            Destination::File { path, .. } => {
                directories.insert(path.root());
            }
            Destination::Queued { output, .. } => {
                let max = output.settings().limits.bytes_max;
                queued_bytes_max = Some(queued_bytes_max.unwrap_or(0_usize).saturating_add(max));
            }
        }
    }
    Layout {
        directories: directories.len(),
        queued_bytes_max,
    }
}

/// How much of a rendered path the administrator wrote.
fn trusted(path: &PathTemplate) -> usize {
    if path.is_fixed() { usize::MAX } else { path.root().len() }
}

/// Appends the line of a message. A template that forgets the newline at its end gets one: a file has whole lines.
pub(crate) fn render_line(format: &Template, context: &Context<'_>, line: &mut Vec<u8>) {
    let start = line.len();
    format.render(context, line);
    if line.len() > start && line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
}

/// The names of shapes in metrics, in the order of [`Tally::shapes`].
pub(crate) const SHAPES: [&str; 5] = ["rfc5424", "rfc3164", "rfc3164-rfc3339", "device", "unparsed"];

pub(crate) fn shape_index(shape: Shape) -> usize {
    match shape {
        Shape::Rfc5424 => 0,
        Shape::Rfc3164 => 1,
        Shape::Rfc3164Rfc3339 => 2,
        Shape::Device => 3,
        Shape::Unparsed => 4,
    }
}

/// The time of a zone's clocks.
pub(crate) trait Now {
    /// Now, in this zone.
    fn now(&mut self) -> Timestamp;
}

impl Now for ZoneCache {
    fn now(&mut self) -> Timestamp {
        // A clock before 1970 is not set yet.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.timestamp_at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), now.subsec_nanos())
    }
}
