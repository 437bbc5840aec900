//! Actions as sysklogd writes them: `-/var/log/mail.log;FORMAT`, `@@host`, `:omusrmsg:*`, `|/dev/xconsole`.

use logd_core::rsyslog_conf::{Place, Text};

use super::{NOT_ALL, Targets, WHEN_SUSPENDED};
use crate::import::Import;
use crate::import::legacy::is_on;

impl Import<'_> {
    /// An action as sysklogd writes it.
    pub(in crate::import) fn legacy_action(&mut self, action: &Text) -> Targets {
        let targets = self.legacy_targets(&action.text, action.place);
        if self.legacy.next("actionqueuefilename").is_some() && !action.text.starts_with(['@', ':']) {
            self.noted_part(action.place, "only forwards have a queue on disk");
        }
        self.legacy.next.retain(|(name, _)| {
            !["actionqueue", "actionresume", "actionname"]
                .iter()
                .any(|begin| name.starts_with(begin))
        });
        targets
    }

    fn legacy_targets(&mut self, text: &str, place: Place) -> Targets {
        // A template's name follows behind a semicolon, which no host, path or user has.
        let (what, template) = text.split_once(';').unwrap_or((text, ""));
        let what = what.trim();
        let template = Some(template.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
        if let Some(name) = &template
            && let Some(why) = self.no_format(name)
        {
            return Err(why.to_owned());
        }
        if let Some(why) = self.legacy_only() {
            return Err(why.to_owned());
        }
        let mut characters = what.chars();
        match characters.next() {
            Some('/') => self.legacy_file(what, self.legacy.syncs, template),
            Some('?') => self.legacy_tree(characters.as_str(), self.legacy.syncs, template),
            Some('-') => match characters.as_str().strip_prefix('?') {
                Some(name) => self.legacy_tree(name, false, template),
                None => self.legacy_file(characters.as_str(), false, template),
            },
            Some('|') => self.pipe(characters.as_str().trim(), template),
            Some('@') => self.legacy_forward(what, place, template),
            Some('*') => self.users(vec!["*".to_owned()], template),
            Some(':') => self.legacy_module(what, place, template),
            Some('>') => self.database("mysql", characters.as_str(), template),
            Some('^') => Err(
                "rsyslogd starts the program for each message, with the message as its argument; an output `program` \
                 writes to the standard input of one that goes on running"
                    .to_owned(),
            ),
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                self.users(what.split(',').map(str::to_owned).collect(), template)
            }
            _ => Err("this is no action that is known".to_owned()),
        }
    }

    /// `:omusrmsg:root`, `:ommysql:host,database,user,password`
    fn legacy_module(&mut self, what: &str, place: Place, template: Option<String>) -> Targets {
        let Some((module, argument)) = what[1..].split_once(':') else {
            return Err("this is no action that is known".to_owned());
        };
        match module {
            "omusrmsg" => self.users(
                argument.split(',').map(|user| user.trim().to_owned()).collect(),
                template,
            ),
            "ommysql" => self.database("mysql", argument, template),
            "ompgsql" => self.database("postgres", argument, template),
            "omrelp" => self.legacy_relp(argument, place, template),
            "omfile" => Err("there are no output channels: `rotate` and `keep` bound a file".to_owned()),
            "omprog" => Err("give the program in an output `program`".to_owned()),
            _ => Err("there is no such output".to_owned()),
        }
    }

    fn legacy_file(&mut self, path: &str, syncs: bool, template: Option<String>) -> Targets {
        let mut keys = self.legacy.files.clone();
        keys.sync = syncs.then(|| "always".to_owned());
        self.file(path, keys, template)
    }

    fn legacy_tree(&mut self, name: &str, syncs: bool, template: Option<String>) -> Targets {
        let mut keys = self.legacy.files.clone();
        keys.sync = syncs.then(|| "always".to_owned());
        self.tree(name.trim(), keys, template)
    }

    /// Why an action is not done with every message that comes to it.
    fn legacy_only(&self) -> Option<&'static str> {
        let only = |name: &str| self.legacy.next(&format!("actionexeconly{name}"));
        if only("whenpreviousissuspended").is_some_and(is_on) {
            return Some(WHEN_SUSPENDED);
        }
        let some = [
            ("onceeveryinterval", "0"),
            ("everynthtime", "1"),
            ("everynthtimetimeout", "0"),
        ];
        let is_limited = |(name, all): (&str, &str)| only(name).is_some_and(|value| value != all && value != "0");
        some.into_iter().any(is_limited).then_some(NOT_ALL)
    }

    /// `server,database,user,password`
    fn database(&mut self, kind: &'static str, argument: &str, template: Option<String>) -> Targets {
        let parts: Vec<&str> = argument.split(',').map(str::trim).collect();
        let [server, database, user, rest @ ..] = parts.as_slice() else {
            return Err("server, database and user are missing".to_owned());
        };
        self.database_of(
            kind,
            server,
            database,
            user,
            rest.first().copied().unwrap_or_default(),
            template,
        )
    }
}
