//! From what the files say to roles, in which nothing can be wrong any more.

use std::net::IpAddr;
use std::path::Path;

use ballast_shared::config::{Diagnostics, Key, Size, Span, Spanned, nearest};
use ballast_shared::tls::{PeerName, TlsFiles};

use super::forward::{Driver, Forward, Tls};
use super::names::{NotAName, SearchDomain, absolute, package};
use super::shipped::{Kind, ROLES, Shipped, Variable};
use super::spec::{CommandSpec, FileSpec, Keys, RoleSpec, Spec, TlsSpec};
use super::target::{Protocol, Target};
use super::{Command, File, Role};

/// What a log of a machine comes to in hours; new machines have small disks.
const SPOOL: Size = Size::gib(1);
/// A spool smaller than rsyslog's own files of it would hold nothing.
const SPOOL_MIN: Size = Size::mib(16);
/// What a C library's resolver looks at.
const DNS_MAX: usize = 3;
const SEARCH_MAX: usize = 6;
/// Octets of a file that is to go into user data, of which there are 16 KiB, compressed.
const SOURCE_BYTES_MAX: u64 = 256 * 1024;

/// Makes the roles: those that are shipped, as the configuration has them, and its own. What is wrong is reported.
pub(crate) fn resolve(spec: &Spec, diagnostics: &Diagnostics, files: &TlsFiles) -> Vec<Role> {
    let resolver = Resolver { diagnostics, files };
    let all = resolver.settings(&spec.all);
    resolver.check_peers(&spec.all, &all, &Settings::default());
    let mut roles = Vec::new();
    let mut seen: Vec<&Key> = Vec::new();
    for (key, role) in &spec.roles {
        if let Some(first) = seen.iter().find(|first| first.name == key.name) {
            let first = diagnostics.place(first.span);
            diagnostics.error(key.span, format!("there is a role of this name already, at {first}"));
            continue;
        }
        seen.push(key);
        roles.extend(resolver.role(key, role, &all));
    }
    for shipped in &ROLES {
        if !seen.iter().any(|key| key.name == shipped.name) {
            roles.push(assemble(
                shipped.name,
                shipped,
                &|variable| variable.default.to_owned(),
                &all,
                Settings::default(),
            ));
        }
    }
    roles
}

/// What the keys of one table come to.
#[derive(Default, Clone)]
struct Settings {
    /// It says something of TLS, be it wrong.
    has_tls: bool,
    targets: Option<Vec<Target>>,
    tls: Option<Tls>,
    spool: Option<Size>,
    dns: Option<Vec<IpAddr>>,
    search: Option<Vec<SearchDomain>>,
    packages: Vec<String>,
    files: Vec<File>,
    commands: Vec<Command>,
}

/// What is shipped, what all roles have, and what one role has, in this order: of two files of one path the later is the one.
fn assemble(name: &str, shipped: &Shipped, value: &dyn Fn(&Variable) -> String, all: &Settings, own: Settings) -> Role {
    let shipped_packages = shipped.packages.iter().map(|name| (*name).to_owned());
    let packages = shipped_packages.chain(all.packages.iter().cloned()).chain(own.packages);
    let mut files: Vec<File> = Vec::new();
    for file in shipped
        .files(value)
        .into_iter()
        .chain(all.files.iter().cloned())
        .chain(own.files)
    {
        match files.iter_mut().find(|there| there.path == file.path) {
            Some(there) => *there = file,
            None => files.push(file),
        }
    }
    let targets = own.targets.or_else(|| all.targets.clone()).unwrap_or_default();
    let forward = (!targets.is_empty()).then(|| Forward {
        targets,
        tls: own.tls.or_else(|| all.tls.clone()),
        spool: own.spool.or(all.spool).unwrap_or(SPOOL),
    });
    Role {
        name: name.to_owned(),
        forward,
        dns: own.dns.or_else(|| all.dns.clone()).unwrap_or_default(),
        search: own.search.or_else(|| all.search.clone()).unwrap_or_default(),
        packages: packages.collect(),
        files,
        commands: all
            .commands
            .iter()
            .cloned()
            .chain(shipped.commands())
            .chain(own.commands)
            .collect(),
    }
}

struct Resolver<'a> {
    diagnostics: &'a Diagnostics,
    files: &'a TlsFiles,
}

impl Resolver<'_> {
    fn role(&self, key: &Key, spec: &RoleSpec, all: &Settings) -> Option<Role> {
        if !is_role_name(&key.name) {
            let message = "the name of a role is 1 to 64 letters, digits, hyphens and underscores";
            self.diagnostics.error(key.span, message);
        }
        let base = match &spec.based_on {
            Some(base) => self.known(
                base.span,
                &base.value,
                "no role that is shipped is called",
                ROLES.iter().map(|role| role.name),
                Shipped::find,
            ),
            None => Some(Shipped::find(&key.name).unwrap_or(&ROLES[0])),
        };
        let own = self.settings(&spec.keys);
        self.check_peers(&spec.keys, &own, all);
        let base = base?;
        let mut values: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &spec.variables {
            let find = |name: &str| base.variables.iter().find(|variable| variable.name == name);
            let names = base.variables.iter().map(|variable| variable.name);
            if let Some(variable) = self.known(name.span, &name.name, "this role has no variable", names, find) {
                self.check(variable.kind, value);
                values.push((variable.name, &value.value));
            }
        }
        let value = |variable: &Variable| {
            let given = values.iter().find(|(name, _)| *name == variable.name);
            given.map_or(variable.default, |(_, value)| value).to_owned()
        };
        Some(assemble(&key.name, base, &value, all, own))
    }

    fn known<'n, T>(
        &self,
        span: Span,
        name: &str,
        what: &str,
        names: impl Iterator<Item = &'n str>,
        find: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = find(name);
        if found.is_none() {
            let message = format!("{what} `{name}`");
            match nearest(name, names) {
                Some(help) => self.diagnostics.error_with_help(span, message, help),
                None => self.diagnostics.error(span, message),
            }
        }
        found
    }

    fn check(&self, kind: Kind, value: &Spanned<String>) {
        let text = value.value.as_str();
        let problem = match kind {
            Kind::Number(min, max) => match text.parse::<u32>() {
                Ok(number) if (min..=max).contains(&number) && number.to_string() == text => None,
                _ => Some(format!("out of range: it takes {min} to {max}")),
            },
            Kind::Packages => {
                let are_names = !text.is_empty() && text.split(' ').all(|name| package(name).is_ok());
                (!are_names).then(|| "not names of packages, with a space between each two".to_owned())
            }
            Kind::Url => {
                let is_url = text.starts_with("https://") && text.bytes().all(|b| b.is_ascii_graphic());
                (!is_url).then(|| "not an address that begins with \"https://\"".to_owned())
            }
        };
        if let Some(problem) = problem {
            self.diagnostics.error(value.span, problem);
        }
    }

    fn settings(&self, keys: &Keys) -> Settings {
        Settings {
            has_tls: keys.tls.is_some(),
            targets: keys.log.as_ref().map(|log| {
                let targets = log.value.0.iter();
                targets.filter_map(|target| self.parsed(target, str::parse)).collect()
            }),
            tls: keys.tls.as_ref().and_then(|tls| self.tls(tls)),
            spool: keys.spool.as_ref().map(|spool| {
                if spool.value < SPOOL_MIN {
                    self.diagnostics
                        .error(spool.span, "out of range: it takes \"16MiB\" or more");
                }
                spool.value
            }),
            dns: keys.dns.as_ref().map(|dns| {
                self.limit(dns.span, dns.value.len(), DNS_MAX, "addresses");
                dns.value.clone()
            }),
            search: keys.search.as_ref().map(|search| {
                self.limit(search.span, search.value.len(), SEARCH_MAX, "domains");
                let domains = search.value.iter();
                domains.filter_map(|domain| self.parsed(domain, str::parse)).collect()
            }),
            packages: keys
                .packages
                .iter()
                .filter_map(|name| self.parsed(name, |name| package(name).map(str::to_owned)))
                .collect(),
            files: keys.files.iter().filter_map(|file| self.file(file)).collect(),
            commands: keys
                .commands
                .iter()
                .filter_map(|command| self.command(command))
                .collect(),
        }
    }

    fn limit(&self, span: Span, count: usize, max: usize, what: &str) {
        if count > max {
            self.diagnostics
                .error(span, format!("more than {max} {what}: resolvers look at no more"));
        }
    }

    fn parsed<T, E: std::fmt::Display>(
        &self,
        text: &Spanned<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(&text.value) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.diagnostics.error(text.span, error.to_string());
                None
            }
        }
    }

    /// What is sent by TLS goes to somebody whose name is known. Where a table has no targets or no TLS of its own, it has those
    /// of all roles; what is wrong with both of these is said once.
    fn check_peers(&self, keys: &Keys, own: &Settings, all: &Settings) {
        let place = keys
            .log
            .as_ref()
            .map(|log| log.span)
            .or(keys.tls.as_ref().map(|tls| tls.span));
        let (Some(span), Some(targets)) = (place, own.targets.as_ref().or(all.targets.as_ref())) else {
            return;
        };
        let tls = own.tls.as_ref().or(all.tls.as_ref());
        for target in targets {
            let is_encrypted = match (target.protocol, tls) {
                (Protocol::Tls, None) if !own.has_tls && !all.has_tls => {
                    let help = "write tls = { ca = \"ca.pem\" }";
                    self.diagnostics
                        .error_with_help(span, "whose certificates are trusted is not said", help);
                    return;
                }
                (Protocol::Tls | Protocol::Relp, Some(_)) => true,
                _ => false,
            };
            if is_encrypted && target.name().is_none() && tls.is_some_and(|tls| tls.peer_name.is_none()) {
                let help = "write tls = { …, peer-name = \"logs.example.net\" }";
                let message = format!(
                    "the name that the certificate of {} has to be for is not said",
                    target.host
                );
                self.diagnostics.error_with_help(span, message, help);
                return;
            }
        }
    }

    fn tls(&self, spec: &TlsSpec) -> Option<Tls> {
        let peer_name = spec
            .peer_name
            .as_ref()
            .and_then(|name| self.parsed(name, |name| name.parse::<PeerName>().map(|_| name.to_owned())));
        let driver = match spec.driver.as_ref().map(|driver| driver.value.as_str()) {
            None | Some("gtls") => Driver::Gtls,
            Some("ossl") => Driver::Ossl,
            Some(_) => {
                let span = spec.driver.as_ref().map_or(spec.span, |driver| driver.span);
                self.diagnostics
                    .error(span, "not a driver of rsyslog's: \"gtls\" or \"ossl\"");
                Driver::Gtls
            }
        };
        let identity = match (&spec.certificate, &spec.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let path = |text| self.parsed(text, |text| plain_path(text).map(str::to_owned));
                path(certificate).zip(path(key))
            }
            _ => {
                self.diagnostics.error(spec.span, "`certificate` and `key` go together");
                None
            }
        };
        let ca = spec.ca.as_ref()?;
        if let Err(error) = self.files.authorities(&ca.value) {
            self.diagnostics.error(ca.span, error.to_string());
            return None;
        }
        let authority = self.source(ca)?;
        if authority.contains("PRIVATE KEY-----") {
            let message = "there is a private key in it, and all programs of a machine can read its user data";
            self.diagnostics.error(ca.span, message);
        }
        Some(Tls {
            authority,
            peer_name,
            identity,
            driver,
        })
    }

    fn file(&self, spec: &FileSpec) -> Option<File> {
        let content = match (&spec.content, &spec.source) {
            (Some(content), None) => Some(content.value.clone()),
            (None, Some(source)) => self.source(source),
            _ => {
                self.diagnostics
                    .error(spec.span, "either `content` or `source` goes here");
                None
            }
        };
        let permissions = spec.permissions.as_ref().map_or(Some("0644".to_owned()), |mode| {
            self.parsed(mode, |mode| {
                match matches!(mode.len(), 3 | 4) && mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
                    true => Ok(mode.to_owned()),
                    false => Err("not permissions: \"0644\""),
                }
            })
        });
        let owner = spec.owner.as_ref().and_then(|owner| {
            self.parsed(owner, |owner| match is_owner(owner) {
                true => Ok(owner.to_owned()),
                false => Err("not a user and a group: \"root:root\""),
            })
        });
        let path = self.parsed(spec.path.as_ref()?, |path| absolute(path).map(str::to_owned));
        Some(File {
            path: path?,
            content: content?,
            permissions: permissions?,
            owner,
        })
    }

    fn source(&self, source: &Spanned<impl AsRef<Path>>) -> Option<String> {
        let path = source.value.as_ref();
        let length = std::fs::metadata(path).map(|metadata| metadata.len());
        let read = match length {
            Ok(length) if length > SOURCE_BYTES_MAX => Err("too large for user data".to_owned()),
            _ => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        };
        match read {
            Ok(text) => Some(text),
            Err(problem) => {
                self.diagnostics
                    .error(source.span, format!("{}: {problem}", path.display()));
                None
            }
        }
    }

    fn command(&self, spec: &CommandSpec) -> Option<Command> {
        match spec {
            CommandSpec::Line(line) => Some(Command::Line(line.clone())),
            CommandSpec::Program(words, span) => {
                if words.first().is_none_or(String::is_empty) {
                    self.diagnostics.error(*span, "a command without a program");
                    return None;
                }
                Some(Command::Program(words.clone()))
            }
        }
    }
}

fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_owner(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    is_name(user) && is_name(group)
}

/// A path that stands in rsyslog's configuration as it is.
fn plain_path(text: &str) -> Result<&str, NotAName> {
    absolute(text)?;
    match text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b))
    {
        true => Ok(text),
        false => absolute(""),
    }
}
