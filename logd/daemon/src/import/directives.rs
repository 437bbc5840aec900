//! `$` directives, in the order written: what they set, or why nothing needs to.

use logd_core::rsyslog_conf::{Statement, Text};

use super::Import;
use super::legacy::is_on;
use super::report::comments;
use super::toml::{Rank, Value};

/// What needs no counterpart, by how the name begins, and why.
const NOTED: &[(&str, &str)] = &[
    ("workdirectory", "logd keeps its own state in work-dir, /var/lib/logd"),
    (
        "dynafilecachesize",
        "as many files are kept open as the system lets, see open-files-max",
    ),
    ("omfileflushinterval", "lines are written after flush-interval, 100 ms"),
    ("omfileflushontxend", "lines are written after flush-interval, 100 ms"),
    ("omfileasyncwriting", "lines are written after flush-interval, 100 ms"),
    ("omfileiobuffersize", "lines are written after flush-interval, 100 ms"),
    (
        "mainmsgqueue",
        "messages are routed as they come; buffer-max bounds what waits to be written",
    ),
    (
        "defaultnetstreamdriver",
        "certificates stand in the tables of inputs and outputs",
    ),
    ("udpservertimerequery", "the time is asked for every message"),
    ("imudpscheduling", "the system schedules"),
    ("inputtcpflowcontrol", "a full output holds the senders back"),
    ("inputtcpserver", "of the next input"),
    ("inputptcpserver", "of the next input"),
    ("inputtcpmaxsessions", "of the next input"),
    ("inputtcpmaxlisteners", "as many as are written"),
    ("inputrelpserver", "of the next input"),
    ("inputudpserver", "of the next input"),
    ("udpserver", "of the next input"),
    ("modload", ""),
    ("moddir", "there are no modules to be loaded"),
    ("template", ""),
    ("allowedsender", ""),
    ("maxmessagesize", ""),
    ("markmessageperiod", ""),
    ("systemlogsocketname", ""),
    ("omitlocallogging", ""),
    ("systemlogratelimit", ""),
    ("inputunixlistensocket", "of the next input"),
    ("imjournalstatefile", "what was read is kept in work-dir"),
    ("failonchownfailure", "what cannot be given to its owner is reported"),
    ("abortonuncleanconfig", "a configuration with an error is never run"),
    ("optimizeforuniprocessor", "there is nothing to set"),
    (
        "maxopenfiles",
        "the limit of open files is raised at the start, see open-files-max",
    ),
    ("pstats", "metrics are served by [control] http"),
    ("klogpath", "it is /dev/kmsg"),
    (
        "klogpermitnonkernelfacility",
        "what others write to the kernel's log has their facility",
    ),
    ("systemlogusesystimestamp", "the stamp of the message counts"),
    ("systemloguseptime", "the stamp of the message counts"),
    ("systemlogflowcontrol", "a sender waits 100 ms at most"),
    ("rulesetcreatemainqueue", "messages are routed as they come"),
    ("privdroptogroup", ""),
];

/// Directives about the next action, by how they begin: what is not carried over with it, and why. The first that fits counts.
const OF_THE_NEXT_ACTION: &[(&str, &str)] = &[
    ("actionqueuefilename", ""),
    ("actionqueuemaxdiskspace", ""),
    (
        "actionqueuediscardmark",
        "a spool that is full drops its oldest messages",
    ),
    (
        "actionqueuediscardseverity",
        "a spool that is full drops its oldest messages",
    ),
    (
        "actionqueue",
        "what waits in memory is bounded by `queue`, a spool by its `max`",
    ),
    ("actionresume", "outputs are tried again until it works"),
    (
        "actionsendtcprebindinterval",
        "a connection is kept as long as it works",
    ),
    (
        "actionsendudprebindinterval",
        "a connection is kept as long as it works",
    ),
    ("actionsendstreamdriver", ""),
    (
        "actionsendtcp",
        "what was on its way when a connection broke may be lost or sent again",
    ),
];

/// What is as it is here when it is on, and what it is otherwise.
const AS_HERE_WHEN_ON: &[(&str, &str)] = &[
    (
        "escapecontrolcharactersonreceive",
        "control characters are always escaped: they could forge a line",
    ),
    ("escapecontrolcharactertab", "a tab is a control character, and escaped"),
    (
        "droptrailinglfonreception",
        "a line feed at a message's end is always dropped",
    ),
    ("spacelfonreceive", ""),
    ("createdirs", "folders that are missing are made"),
];

/// What is as it is here when it is off, and what is missing otherwise.
const AS_HERE_WHEN_OFF: &[(&str, &str)] = &[
    (
        "repeatedmsgreduction",
        "every message is written, however often it comes",
    ),
    (
        "repeatedmsgcontainsoriginalmsg",
        "every message is written, however often it comes",
    ),
    (
        "escape8bitcharactersonreceive",
        "bytes past ASCII are written as they came",
    ),
    (
        "preservefqdn",
        "our own name is its first label: give the whole of it as `hostname`",
    ),
    ("actionwriteallmarkmessages", "a mark is a message like others"),
    ("generateconfiggraph", "logd explain --matrix shows where messages go"),
];

impl Import<'_> {
    pub(super) fn directive(&mut self, statement: &Statement, name: &Text, value: &Text) {
        let lower = name.text.to_ascii_lowercase();
        let first = value.text.split_whitespace().next().unwrap_or_default();
        if self.legacy.set(&lower, &value.text) {
            if let Some(told) = self.of_next_action(statement, &lower, first) {
                return self.at_top(told);
            }
            let above = comments(statement);
            // Written with the files that have it.
            self.document.section(Rank::Default, "default.file").above(above);
            return;
        }
        match lower.as_str() {
            "umask" => return self.process(statement, "umask", first),
            "privdroptouser" | "privdroptouserid" => return self.process(statement, "user", first),
            "privdroptogroup" | "privdroptogroupid" => return self.process(statement, "group", first),
            "localhostname" => {
                let hostname = Value::Text(first.to_owned());
                let top = self.document.section(Rank::Top, "");
                return top.set(comments(statement), "hostname", hostname);
            }
            "ruleset" | "defaultruleset" => {
                let is_default = first.eq_ignore_ascii_case("RSYSLOG_DefaultRuleset");
                if lower == "ruleset" {
                    self.ruleset = (!is_default).then(|| first.to_owned());
                } else if !is_default {
                    let above = self.lost(statement, "bind the inputs to it: give their names in `from`");
                    return self.at_top(above);
                }
                return self.at_top(comments(statement));
            }
            // Listeners, modules and templates, which were declared with these comments.
            "inputtcpserverrun"
            | "inputptcpserverrun"
            | "udpserverrun"
            | "inputrelpserverrun"
            | "modload"
            | "allowedsender"
            | "template"
            | "addunixlistensocket" => return,
            _ => {}
        }
        if let Some(above) = self.unheard(statement, &lower) {
            return self.at_top(above);
        }
        let found = |table: &[(&str, &'static str)], is_same: fn(&str, &str) -> bool| {
            let found = table.iter().find(|(known, _)| is_same(&lower, known));
            found.map(|(_, why)| *why)
        };
        let is = |name: &str, known: &str| name == known;
        let begins = |name: &str, known: &str| name.starts_with(known);
        let off = found(AS_HERE_WHEN_OFF, is).map(|why| (why, !is_on(first)));
        let on = found(AS_HERE_WHEN_ON, is).map(|why| (why, is_on(first)));
        let above = match off.or(on) {
            Some((_, true)) => self.noted(statement, "as it is here"),
            Some((why, false)) => self.lost(statement, why),
            None => match found(NOTED, begins) {
                Some("") => comments(statement),
                Some(why) => self.noted(statement, why),
                None if lower == "controlcharacterescapeprefix" && first == "#" => {
                    self.noted(statement, "as it is here")
                }
                None => self.lost(statement, "logd has nothing of this name"),
            },
        };
        self.at_top(above);
    }

    /// What is said of a directive about the next action, unless the action has what it says.
    fn of_next_action(&mut self, statement: &Statement, name: &str, value: &str) -> Option<Vec<String>> {
        let (begin, why) = OF_THE_NEXT_ACTION.iter().find(|(begin, _)| name.starts_with(begin))?;
        match (*begin, *why) {
            (_, "") => None,
            ("actionsendtcprebindinterval" | "actionsendudprebindinterval", why) if value != "0" => {
                Some(self.lost(statement, why))
            }
            (_, why) => Some(self.noted(statement, why)),
        }
    }

    fn process(&mut self, statement: &Statement, key: &str, value: &str) {
        let process = self.document.section(Rank::Process, "process");
        process.set(comments(statement), key, Value::Text(value.to_owned()));
    }
}
