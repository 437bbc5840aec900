//! `logd explain`: what becomes of a message, without anything becoming of it.

mod matrix;

use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ballast_shared::exit::Exit;
use jiff::tz::TimeZone;
use logd_core::cloud::Host;
use logd_core::control_chars::clean;
use logd_core::message::Origin;
use logd_core::parse::{parse, parse_local};
use logd_core::route::{InputId, OutputId, Routed, RuleId, Verdict};
use logd_core::template::{Context, PropertyExpr};
use logd_core::time::{Timestamp, ZoneCache};

use crate::config::{Config, Input, OutputKind};
use crate::pipeline::{Now, Rendering, SHAPES, render_line, shape_index};
use crate::plugins::{self, View};

/// What is shown of every message, as templates have it.
const PROPERTIES: [&str; 11] = [
    "pri-text",
    "timereported:::date-rfc3339",
    "hostname",
    "fromhost-ip",
    "syslogtag",
    "programname",
    "procid",
    "msgid",
    "structured-data",
    "msg",
    "rawmsg",
];

/// What is shown beside, where there are plugins.
const CLOUD_PROPERTIES: [&str; 9] = [
    "cloud-id",
    "cloud-name",
    "cloud-group",
    "cloud-zone",
    "cloud-type",
    "cloud-vpc",
    "cloud-subnet",
    "cloud-lifecycle",
    "cloud-state",
];

/// How messages are to be taken to have come.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Show which outputs each facility and severity goes to, instead of reading messages.
    #[arg(long)]
    matrix: bool,
    /// Say of each rule why it matches or not.
    #[arg(long)]
    why: bool,
    /// The input that messages come by; the first one if not given.
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// The address that messages come from.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    from: IpAddr,
}

/// Reads messages, a line each, and prints how each parses, which rules match, and which line each file would get.
pub(super) fn run(config: &Path, options: &Options) -> Exit {
    let config = match super::read_config(config) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let to = &mut io::stdout().lock();
    if options.matrix {
        // A closed pipe behind `explain | head` is no reason to fail; so too below.
        return matrix::print(&config, to).map_or(Exit::Ok, |()| Exit::Ok);
    }
    let by_name = |name: &String| config.inputs.iter().position(|input| *input.name == **name);
    let input = match &options.input {
        Some(name) => by_name(name),
        None => (!config.inputs.is_empty()).then_some(0),
    };
    let Some(input) = input else {
        eprintln!("no such input in the configuration");
        return Exit::Usage;
    };
    let inventory = (!config.plugins.is_empty()).then(|| plugins::last_known(&config.plugins));
    let inventory = match inventory.transpose() {
        Ok(inventory) => inventory,
        Err(error) => {
            eprintln!("cannot start threads: {error}");
            return Exit::Os;
        }
    };
    let mut explainer = Explainer {
        inventory: inventory.as_ref(),
        zone: ZoneCache::new(config.inputs[input].time_zone.clone()),
        own_zone: ZoneCache::new(TimeZone::system()),
        input: &config.inputs[input],
        id: InputId(u32::try_from(input).unwrap_or(u32::MAX)),
        from: SocketAddr::new(options.from, 0),
        config: &config,
        why: options.why,
    };
    for line in io::stdin().lock().split(b'\n') {
        let explained = line.map(|line| explainer.explain(&line, to));
        match explained {
            Ok(Ok(())) => {}
            Ok(Err(_)) => break,
            Err(error) => {
                eprintln!("stdin: {error}");
                return Exit::Io;
            }
        }
    }
    Exit::Ok
}

struct Explainer<'c> {
    config: &'c Config,
    /// What plugins said last, where there are any.
    inventory: Option<&'c View>,
    input: &'c Input,
    id: InputId,
    from: SocketAddr,
    zone: ZoneCache,
    own_zone: ZoneCache,
    /// Each rule is explained.
    why: bool,
}

impl Explainer<'_> {
    fn explain(&mut self, frame: &[u8], to: &mut impl Write) -> io::Result<()> {
        let received: Timestamp = self.own_zone.now();
        let clean = clean(&frame[..frame.len().min(self.input.message_bytes_max)]);
        let is_local = self.input.kind.is_local();
        let parse_as = if is_local { parse_local } else { parse };
        let message = parse_as(&clean, received, &mut self.zone);
        let origin = Origin {
            peer: (!is_local).then_some(self.from),
            peer_name: None,
            received,
            input: &self.input.name,
            truncated: frame.len() > self.input.message_bytes_max,
        };
        let context = Context {
            message: &message,
            origin: &origin,
            sender_name: None,
            cloud: self
                .inventory
                .map(|view| view.sender(origin.peer, received.unix_s))
                .unwrap_or_default(),
            my_hostname: &self.config.hostname,
            now: received,
            uuid: &|| [0; 16],
        };
        writeln!(to, "{}", String::from_utf8_lossy(&clean))?;
        writeln!(to, "  {:16} {}", "shape", SHAPES[shape_index(message.shape)])?;
        let of_cloud = self.inventory.map(|_| CLOUD_PROPERTIES);
        for property in PROPERTIES.into_iter().chain(of_cloud.into_iter().flatten()) {
            let expression = PropertyExpr::parse(property).expect("the names of properties above are right");
            let mut value = Vec::new();
            expression.render(&context, &mut value);
            let name = property.split(':').next().unwrap_or(property);
            writeln!(to, "  {name:16} {}", String::from_utf8_lossy(&value))?;
        }
        for (name, value) in context.cloud.host.into_iter().flat_map(Host::labels) {
            writeln!(to, "  cloud-label:{name} {value}")?;
        }
        if origin.truncated {
            writeln!(to, "  cut to message-max")?;
        }
        if self.why {
            self.print_verdicts(&context, to)?;
        }
        let mut ways = Vec::new();
        let routed = self
            .config
            .router
            .route(&context, self.id, &mut Vec::new(), |rule, output| {
                ways.push((rule, output));
            });
        for (rule, output) in &ways {
            self.print_way(&context, *rule, *output, to)?;
        }
        match routed {
            Routed::Dropped(rule) => writeln!(to, "  {}: dropped", self.rule_name(rule))?,
            Routed::Unmatched => writeln!(to, "  no rule matches")?,
            Routed::Matched if ways.is_empty() => writeln!(to, "  only rules without outputs match")?,
            Routed::Matched => {}
        }
        writeln!(to)
    }

    fn print_way(&self, context: &Context<'_>, rule: RuleId, output: OutputId, to: &mut impl Write) -> io::Result<()> {
        let output = &self.config.outputs[output.0 as usize];
        writeln!(to, "  {}: {}", self.rule_name(rule), output.name)?;
        let mut line = Vec::new();
        match &output.kind {
            OutputKind::File { path, format, .. } => {
                let mut rendered = Vec::new();
                path.render(context, &mut rendered);
                writeln!(to, "    file {}", String::from_utf8_lossy(&rendered))?;
                render_line(format, context, &mut line);
            }
            OutputKind::Queued {
                rendering: Rendering::Fields(templates),
                ..
            } => {
                for template in templates {
                    let mut value = Vec::new();
                    template.render(context, &mut value);
                    writeln!(to, "    value {}", String::from_utf8_lossy(&value))?;
                }
                return Ok(());
            }
            OutputKind::Queued {
                rendering: Rendering::Event(templates),
                ..
            } => {
                for (what, template) in std::iter::once(("message", &templates.message))
                    .chain(templates.fields.iter().map(|template| ("field", template)))
                {
                    let mut value = Vec::new();
                    template.render(context, &mut value);
                    writeln!(to, "    {what} {}", String::from_utf8_lossy(&value))?;
                }
                return Ok(());
            }
            OutputKind::Queued { rendering, .. } => rendering.render(context, &mut line),
        }
        write!(to, "    line {}", String::from_utf8_lossy(&line))
    }

    fn print_verdicts(&self, context: &Context<'_>, to: &mut impl Write) -> io::Result<()> {
        for (rule, verdict) in self.config.router.verdicts(context, self.id) {
            let name = self.rule_name(rule);
            match verdict {
                Verdict::Matches => writeln!(to, "  {name}: matches")?,
                Verdict::NotSelected => writeln!(
                    to,
                    "  {name}: no match: its `select` names other facilities or severities"
                )?,
                Verdict::NotFrom => writeln!(to, "  {name}: no match: its `from` does not name {}", self.input.name)?,
                Verdict::Where(unmet) if unmet.is_empty() => writeln!(to, "  {name}: no match: its `any` is empty")?,
                Verdict::Where(unmet) => {
                    for unmet in unmet {
                        writeln!(to, "  {name}: no match: {unmet}")?;
                    }
                }
                Verdict::NotReached(by) => {
                    writeln!(to, "  {name}: not reached: {} comes before it", self.rule_name(by))?;
                }
            }
        }
        Ok(())
    }

    fn rule_name(&self, rule: RuleId) -> &str {
        &self.config.rule_names[rule.0 as usize]
    }
}
