//! `dnsd compare --with ADDRESS`: whether another server answers as our zones would have it.
//!
//! Our zones are read from their files one after the other, with no daemon. Each is gone through name by name
//! ([`questions`]): the other server is asked ([`asking`]), and what it says is held against what the answer path makes of the
//! same question ([`essence`]). Questions are made, asked and forgotten by the thousand, so that a large zone costs no more
//! memory than itself.

mod asking;
mod essence;
mod questions;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use dnsd_core::answer::{Client, MinimalResponses, Outcome, Settings, Transport, answer_locally};
use dnsd_core::name::Name;
use dnsd_core::record::Record;
use dnsd_core::rrtype::Type;
use dnsd_core::serial::Serial;
use dnsd_core::zone::Zone;
use dnsd_core::zones::{ZoneNumber, ZoneState, Zones};
use tokio::task::JoinSet;

use crate::config;
use crate::messages::{Received, question};
use crate::server::MESSAGE_BYTES_MAX;
use crate::zones::files::{Files, ZoneFile};

use asking::{Asker, Server};
use essence::{Difference, differences, serial_of};
use questions::{Question, questions};

/// Questions that are made at once, and answered before the next.
const QUESTIONS_AT_ONCE: usize = 8192;

/// Differences of a zone that are printed. More say nothing new: there is another zone.
const SHOWN_MAX: usize = 1000;

/// Who doesn't answer so many questions of a zone won't answer the others, each of which is waited for.
const UNANSWERED_MAX: usize = 100;

/// What is compared with whom.
#[derive(Debug)]
pub(crate) struct Options {
    /// The other server.
    pub(crate) with: SocketAddr,
    /// The key to sign with.
    pub(crate) key: Option<Name>,
    /// The view that the other server has for us; `None`: zones outside the views.
    pub(crate) view: Option<String>,
    /// Only these zones; none: all.
    pub(crate) zones: Vec<Name>,
    /// Whether DNSSEC records are asked for.
    pub(crate) dnssec_ok: bool,
    /// Questions a second at most.
    pub(crate) rate: Option<NonZeroU32>,
    /// Questions under way at a time.
    pub(crate) in_flight: NonZeroUsize,
}

/// Reads the address of a server: with the port, or without it, which is 53 then; `ADDRESS#PORT`, as BIND writes it, too.
pub(crate) fn parse_server(text: &str) -> Result<SocketAddr, &'static str> {
    let with_port = text.parse().or_else(|_| {
        let (address, port) = text.split_once('#').unwrap_or((text, "53"));
        let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(drop)?;
        Ok(SocketAddr::new(address, port.parse().map_err(drop)?))
    });
    with_port.map_err(|()| "not an address: 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53")
}

/// Compares, and prints what differs.
pub(crate) fn run(config: &Path, options: &Options) -> Exit {
    let diagnostics = Diagnostics::new();
    let Some(config) = config::load(config, &diagnostics) else {
        eprint!("{diagnostics}");
        return Exit::Config;
    };
    let key = match &options.key {
        None => None,
        Some(name) => match config.keys.find(name.as_name_ref()) {
            Some(key) => Some(key.clone()),
            None => return usage(&format!("there is no key {name} in the configuration")),
        },
    };
    let files = Files::of(&config);
    let visible = match visible(&files, options.view.as_deref()) {
        Ok(visible) => visible,
        Err(exit) => return exit,
    };
    for name in &options.zones {
        if !visible.iter().any(|zone| zone.key.name == *name) {
            return usage(&format!("there is no zone {name} that would be compared"));
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("{cause}");
            return Exit::Os;
        }
    };
    let server = Arc::new(Server::new(options.with, key, options.dnssec_ok, options.rate));
    let mut comparison = Comparison {
        names: visible.iter().map(|zone| zone.key.name.clone()).collect(),
        askers: Vec::new(),
        in_flight: options.in_flight.get(),
        server,
        total: Tally::default(),
    };
    // A group whose folder can't be listed may have zones.
    for why in &files.unlisted {
        println!("not compared: {why}");
        comparison.total.not_compared += 1;
    }
    let chosen = |zone: &&ZoneFile| options.zones.is_empty() || options.zones.contains(&zone.key.name);
    let compared = runtime.block_on(async {
        for zone in visible.iter().copied().filter(chosen) {
            comparison.zone(zone).await?;
        }
        println!("{}", comparison.total.summary());
        Ok::<(), io::Error>(())
    });
    match compared {
        Ok(()) => comparison.total.exit(),
        Err(cause) => {
            eprintln!("{cause}");
            Exit::Io
        }
    }
}

fn usage(message: &str) -> Exit {
    eprintln!("{message}");
    Exit::Usage
}

/// The zones that clients of a view see, or those who have none.
fn visible<'f>(files: &'f Files, view: Option<&str>) -> Result<Vec<&'f ZoneFile>, Exit> {
    let own = files.of_view(view);
    let Some(view) = view else {
        return Ok(own);
    };
    match files.view(view) {
        None => Err(usage(&format!("there is no view {view} in the configuration"))),
        Some(true) => Ok(own),
        Some(false) => {
            let is_hidden = |zone: &&ZoneFile| own.iter().any(|own| own.key.name == zone.key.name);
            let mut all: Vec<&ZoneFile> = files
                .of_view(None)
                .into_iter()
                .filter(|zone| !is_hidden(zone))
                .collect();
            all.extend(own.iter().copied());
            all.sort_by(|left, right| left.key.name.cmp(&right.key.name));
            Ok(all)
        }
    }
}

/// What came of it so far.
#[derive(Debug, Default)]
struct Tally {
    zones: usize,
    questions: usize,
    differences: usize,
    unanswered: usize,
    not_compared: usize,
}

impl Tally {
    fn summary(&self) -> String {
        let mut summary = format!(
            "{}, {}: {}",
            counted(self.zones, "zone"),
            counted(self.questions, "question"),
            counted(self.differences, "difference")
        );
        if self.unanswered > 0 {
            summary += &format!(", {} without an answer", counted(self.unanswered, "question"));
        }
        if self.not_compared > 0 {
            summary += &format!(", {} not compared", self.not_compared);
        }
        summary
    }

    fn exit(&self) -> Exit {
        if self.differences > 0 {
            Exit::Differs
        } else if self.unanswered > 0 || self.not_compared > 0 {
            Exit::Unavailable
        } else {
            Exit::Ok
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A comparison under way.
struct Comparison {
    /// All zones that answers are from: a name below one of them is none of the zones above.
    names: Vec<Name>,
    server: Arc<Server>,
    /// As many as questions may be under way.
    askers: Vec<Asker>,
    in_flight: usize,
    total: Tally,
}

/// A zone of ours, and what its answers are made with.
struct Subject {
    zones: Zones,
    number: ZoneNumber,
    settings: Settings,
    dnssec_ok: bool,
    /// Whether the other server has another version, so that serials say nothing more.
    ignores_serial: bool,
}

impl Comparison {
    async fn zone(&mut self, file: &ZoneFile) -> io::Result<()> {
        let key = &file.key;
        let zone = match file.load() {
            Ok(zone) => zone,
            Err(why) => {
                self.total.not_compared += 1;
                println!("zone {key}: not compared: {why}");
                return Ok(());
            }
        };
        while self.askers.len() < self.in_flight {
            self.askers.push(Asker::new(self.server.clone()).await?);
        }
        let Some(mut subject) = self.subject(&key.name, &zone) else {
            return Ok(());
        };
        let soa = match self.askers[0].ask(&key.name, Type::SOA).await {
            Ok(soa) => soa,
            Err(why) => {
                self.total.not_compared += 1;
                println!("zone {key}: not compared: no answer from {}: {why}", self.server);
                return Ok(());
            }
        };
        let serial = |record: &Record| serial_of(record.rtype, &record.rdata).map(Serial);
        let Some(theirs) = soa.answers.iter().find_map(serial) else {
            // It hasn't got the zone at all, and says so again for every name.
            println!("zone {key}: serial {} here, {} there", zone.serial(), soa.summary());
            self.total.zones += 1;
            self.total.questions += 1;
            self.total.differences += 1;
            return Ok(());
        };
        if theirs != zone.serial() {
            println!("zone {key}: serial {} here, {theirs} there", zone.serial());
            subject.ignores_serial = true;
        }
        let mut tally = Tally {
            zones: 1,
            // A version is a difference, whatever its records are.
            differences: usize::from(subject.ignores_serial),
            ..Tally::default()
        };
        self.go_through(&zone, &Arc::new(subject), &mut tally).await?;
        println!("zone {key}: {}", {
            let Tally {
                questions, differences, ..
            } = tally;
            format!(
                "{}, {}",
                counted(questions, "question"),
                counted(differences, "difference")
            )
        });
        if tally.unanswered > UNANSWERED_MAX {
            println!("zone {key}: not compared to its end: too many questions have no answer");
            self.total.not_compared += 1;
        }
        self.total.zones += 1;
        self.total.questions += tally.questions;
        self.total.differences += tally.differences;
        self.total.unanswered += tally.unanswered;
        Ok(())
    }

    fn subject(&self, origin: &Name, zone: &Arc<Zone>) -> Option<Subject> {
        let zones = self.names.iter().map(|name| (name.clone(), ZoneState::Failed));
        let zones = Zones::new(zones).replaced(origin.as_name_ref(), ZoneState::Loaded(zone.clone()))?;
        Some(Subject {
            number: zones.number(origin.as_name_ref())?,
            zones,
            settings: Settings {
                // What an answer needn't have is each server's own choice.
                minimal_responses: MinimalResponses::Yes,
                ..Settings::default()
            },
            dnssec_ok: self.server.dnssec_ok(),
            ignores_serial: false,
        })
    }

    /// Asks all that there is to ask about a zone.
    async fn go_through(&mut self, zone: &Zone, subject: &Arc<Subject>, tally: &mut Tally) -> io::Result<()> {
        let mut questions = questions(zone);
        loop {
            let batch: Arc<[Question]> = questions.by_ref().take(QUESTIONS_AT_ONCE).collect();
            if batch.is_empty() || tally.unanswered > UNANSWERED_MAX {
                return Ok(());
            }
            let outcomes = self.ask_all(&batch, subject, tally.unanswered).await;
            tally.questions += outcomes.asked;
            let mut out = io::stdout().lock();
            for (n, verdict) in outcomes.verdicts {
                let Question { name, qtype } = &batch[n];
                let difference = match verdict {
                    Verdict::Differs(difference) => {
                        tally.differences += 1;
                        difference.to_string()
                    }
                    Verdict::Unanswered(why) => {
                        tally.unanswered += 1;
                        format!("+ no answer: {why}\n")
                    }
                };
                if tally.differences + tally.unanswered <= SHOWN_MAX {
                    write!(out, "@@ {name} {qtype} @@\n{difference}")?;
                } else if tally.differences + tally.unanswered == SHOWN_MAX + 1 {
                    writeln!(out, "… and further ones, which are only counted")?;
                }
            }
        }
    }

    /// Asks questions, so many at a time, and gives what is wrong with the answers, in the order of the questions. Of a server
    /// that has left too many without an answer, `unanswered` before, nothing more is asked.
    async fn ask_all(&mut self, questions: &Arc<[Question]>, subject: &Arc<Subject>, unanswered: usize) -> Outcomes {
        let next = Arc::new(AtomicUsize::new(0));
        let unanswered = Arc::new(AtomicUsize::new(unanswered));
        let mut tasks = JoinSet::new();
        for mut asker in self.askers.drain(..) {
            let (next, questions, subject) = (next.clone(), questions.clone(), subject.clone());
            let unanswered = unanswered.clone();
            tasks.spawn(async move {
                let mut outcomes = Outcomes::default();
                let mut out = vec![0; MESSAGE_BYTES_MAX];
                while let Some((n, question)) = {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let goes_on = unanswered.load(Ordering::Relaxed) <= UNANSWERED_MAX;
                    questions.get(n).filter(|_| goes_on).map(|question| (n, question))
                } {
                    let Some(expected) = subject.expected(question, &mut out) else {
                        continue;
                    };
                    outcomes.asked += 1;
                    let verdict = match asker.ask(&question.name, question.qtype).await {
                        Ok(found) => differences(&expected, &found, subject.ignores_serial).map(Verdict::Differs),
                        Err(why) => {
                            unanswered.fetch_add(1, Ordering::Relaxed);
                            Some(Verdict::Unanswered(why.to_string()))
                        }
                    };
                    outcomes.verdicts.extend(verdict.map(|verdict| (n, verdict)));
                }
                (asker, outcomes)
            });
        }
        let mut all = Outcomes::default();
        while let Some(ended) = tasks.join_next().await {
            let (asker, outcomes) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            self.askers.push(asker);
            all.asked += outcomes.asked;
            all.verdicts.extend(outcomes.verdicts);
        }
        all.verdicts.sort_by_key(|(n, _)| *n);
        all
    }
}

/// What came of some questions.
#[derive(Default)]
struct Outcomes {
    asked: usize,
    verdicts: Vec<(usize, Verdict)>,
}

/// What is wrong with an answer.
enum Verdict {
    Differs(Difference),
    Unanswered(String),
}

impl Subject {
    /// What our zone says to a question; `None` when it belongs to another zone.
    fn expected(&self, asked: &Question, out: &mut [u8]) -> Option<Received> {
        let client = Client {
            transport: Transport::Tcp,
            address: IpAddr::from([127, 0, 0, 1]),
            now: 0,
            held_back: 0,
        };
        let request = question(0, asked.name.as_name_ref(), asked.qtype, false, self.dnssec_ok);
        match answer_locally(&self.zones, &self.settings, &client, &request, out) {
            Outcome::Reply(reply) if reply.zone == Some(self.number) => Received::read(&out[..reply.len]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("192.0.2.1#5353", "192.0.2.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:54", "[2001:db8::1]:54"),
            ("2001:db8::1#54", "[2001:db8::1]:54"),
        ] {
            assert_eq!(parse_server(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "ns.example.net", "192.0.2.1:", "192.0.2.1#x", "192.0.2.1:70000"] {
            assert!(parse_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_exit_code_tells_equal_from_different_from_unknown() {
        let tally = |differences, unanswered, not_compared| Tally {
            zones: 1,
            questions: 9,
            differences,
            unanswered,
            not_compared,
        };
        assert_eq!(tally(0, 0, 0).exit(), Exit::Ok);
        assert_eq!(tally(1, 1, 1).exit(), Exit::Differs);
        assert_eq!(tally(0, 1, 0).exit(), Exit::Unavailable);
        assert_eq!(tally(0, 0, 1).exit(), Exit::Unavailable);
        assert_eq!(tally(0, 0, 0).summary(), "1 zone, 9 questions: 0 differences");
        assert_eq!(
            tally(1, 2, 1).summary(),
            "1 zone, 9 questions: 1 difference, 2 questions without an answer, 1 not compared"
        );
    }
}
