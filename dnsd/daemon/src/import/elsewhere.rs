//! Statements that no key stands for: because dnsd does it anyway, has it in another place, or doesn't have it.

use dnsd_core::named_conf::Statement;

use super::Import;

/// What needs no counterpart, and why.
const NOTED: &[(&str, &str)] = &[
    ("auth-nxdomain", "dnsd sets AA where RFC 1035 has it"),
    (
        "automatic-interface-scan",
        "\"interfaces:53\" in [listen] follows changes",
    ),
    ("bindkeys-file", "dnsd doesn't validate"),
    ("cleaning-interval", "nothing is to be cleaned"),
    ("coresize", "the service manager limits the process"),
    ("datasize", "the service manager limits the process"),
    ("deny-answer-addresses", "dnsd doesn't resolve by itself"),
    ("deny-answer-aliases", "dnsd doesn't resolve by itself"),
    (
        "disable-empty-zone",
        "dnsd forwards none of these names, and has no zones for them",
    ),
    ("dnssec-accept-expired", "dnsd doesn't validate"),
    ("dnssec-dnskey-kskonly", "dnsd serves zones as they were signed"),
    ("dnssec-enable", "signed zones are always served with their signatures"),
    ("dnssec-lookaside", "dnsd doesn't validate"),
    ("dnssec-must-be-secure", "dnsd doesn't validate"),
    (
        "dnssec-validation",
        "dnsd doesn't validate: the forwarders do, or the clients",
    ),
    ("dump-file", "`dnsd dump` writes where it is told to"),
    (
        "edns-udp-size",
        "dnsd says 1232 and takes any size; max-udp-size is what it sends",
    ),
    ("empty-contact", "there are no empty zones"),
    ("empty-server", "there are no empty zones"),
    (
        "empty-zones-enable",
        "names of private networks (RFC 6303) are never forwarded",
    ),
    ("fetch-quota-params", "dnsd doesn't resolve by itself"),
    ("fetches-per-server", "dnsd doesn't resolve by itself"),
    ("fetches-per-zone", "dnsd doesn't resolve by itself"),
    ("files", "the limit of open files is raised at the start"),
    (
        "flush-zones-on-shutdown",
        "every change is in the journal before it is answered",
    ),
    ("geoip-directory", "there are no geoip entries in lists"),
    ("glue-cache", "glue is always linked beforehand"),
    ("heartbeat-interval", "there is no dial-up mode"),
    ("interface-interval", "\"interfaces:53\" in [listen] follows changes"),
    (
        "ixfr-from-differences",
        "the differences of an edited file are always served",
    ),
    ("journal", "journals are in work-dir"),
    (
        "keep-response-order",
        "a TCP client gets answers as they are ready (RFC 7766)",
    ),
    ("key-directory", "dnsd doesn't sign"),
    ("lame-ttl", "dnsd doesn't resolve by itself"),
    ("lmdb-mapsize", "there is no database of new zones"),
    ("lock-file", "work-dir is locked"),
    ("managed-keys", "dnsd doesn't validate"),
    ("managed-keys-directory", "dnsd doesn't validate"),
    ("masterfile-style", "dnsd writes a record a line"),
    ("match-mapped-addresses", "v4-mapped addresses always count as v4"),
    ("max-clients-per-query", "dnsd doesn't resolve by itself"),
    ("max-recursion-depth", "dnsd doesn't resolve by itself"),
    ("max-recursion-queries", "dnsd doesn't resolve by itself"),
    ("memstatistics", "memory is a metric of the process"),
    ("memstatistics-file", "memory is a metric of the process"),
    ("message-compression", "answers are compressed"),
    ("multi-master", "of several primaries the highest serial counts"),
    ("nta-lifetime", "dnsd doesn't validate"),
    ("nta-recheck", "dnsd doesn't validate"),
    ("pid-file", "the service manager knows the process"),
    ("prefetch", "dnsd doesn't resolve by itself"),
    ("qname-minimization", "dnsd doesn't resolve by itself"),
    ("recursing-file", "there are no recursing clients to list"),
    ("recursive-clients", "dnsd bounds what waits for forwarders by itself"),
    ("request-expire", "dnsd obeys the SOA's timers"),
    ("request-nsid", "dnsd asks for nothing that it doesn't need"),
    ("require-rfc2308", "answers are as RFC 2308 says"),
    ("reserved-sockets", "sockets are not reserved"),
    ("resolver-query-timeout", "dnsd doesn't resolve by itself"),
    ("root-key-sentinel", "dnsd doesn't validate"),
    ("secroots-file", "dnsd doesn't validate"),
    ("send-cookie", "dnsd asks for nothing that it doesn't need"),
    ("session-keyfile", "there is no session key"),
    ("stacksize", "the service manager limits the process"),
    ("statistics-file", "metrics are served by [control] http"),
    ("synth-from-dnssec", "dnsd doesn't resolve by itself"),
    ("tcp-advertised-timeout", "tcp-idle-timeout is what clients are told"),
    ("tcp-keepalive-timeout", "tcp-idle-timeout is what clients are told"),
    ("tkey-dhkey", "there is no TKEY"),
    ("transfer-format", "transfers are always of many records a message"),
    ("trust-anchor-telemetry", "dnsd doesn't validate"),
    ("trust-anchors", "dnsd doesn't validate"),
    ("trusted-keys", "dnsd doesn't validate"),
    ("try-tcp-refresh", "TCP is tried when UDP gets no answer"),
    ("use-v4-udp-ports", "the system chooses ports"),
    ("use-v6-udp-ports", "the system chooses ports"),
    ("validate-except", "dnsd doesn't validate"),
    ("zero-no-soa-ttl", "answers are as RFC 2308 says"),
    ("zone-statistics", "there are metrics for each zone"),
];

/// What is missing in a way that deserves more than the general words.
const LOST: &[(&str, &str)] = &[
    (
        "allow-update-forwarding",
        "a secondary here refuses updates: send them to the primary",
    ),
    (
        "auto-dnssec",
        "dnsd doesn't sign: sign the zone before it, or leave it where it is",
    ),
    (
        "blackhole",
        "dnsd has no such list: allow-query refuses, a firewall drops",
    ),
    (
        "catalog-zones",
        "a catalog is a secondary zone with catalog-role = \"interpret\" and catalog-template here",
    ),
    ("check-names", "names of hosts are not checked"),
    ("dlz", "zones come from files, transfers and plugins"),
    ("dns64", "answers are not synthesised"),
    (
        "dnssec-policy",
        "dnsd doesn't sign: sign the zone before it, or leave it where it is",
    ),
    ("dyndb", "zones come from files, transfers and plugins"),
    (
        "inline-signing",
        "dnsd doesn't sign: sign the zone before it, or leave it where it is",
    ),
    (
        "match-destinations",
        "views are chosen by clients only: nobody has this one, until you say in match-clients who",
    ),
    (
        "match-recursive-only",
        "views are chosen by clients only: nobody has this one, until you say in match-clients who",
    ),
    ("plugin", "BIND's plugins can't be loaded"),
    ("response-policy", "there are no response policies"),
    ("rrset-order", "records are answered in the order of the zone"),
    ("sortlist", "records are answered in the order of the zone"),
    (
        "stale-answer-enable",
        "an answer of a forwarder isn't used past its time",
    ),
    ("notify-source", "the source of what is asked stands in [remote] tables"),
    (
        "notify-source-v6",
        "the source of what is asked stands in [remote] tables",
    ),
    ("query-source", "the system chooses the source"),
    ("query-source-v6", "the system chooses the source"),
    (
        "transfer-source",
        "the source of what is asked stands in [remote] tables",
    ),
    (
        "transfer-source-v6",
        "the source of what is asked stands in [remote] tables",
    ),
    (
        "update-policy",
        "only allow-update is known, which allows all of a zone",
    ),
];

impl Import<'_> {
    /// Reports a statement that no key stands for; returns the comments that are left of it.
    pub(super) fn elsewhere(&mut self, statement: &Statement) -> Vec<String> {
        let name = statement
            .name()
            .map(|name| name.text.to_ascii_lowercase())
            .unwrap_or_default();
        let reason = |table: &[(&str, &'static str)]| {
            let found = table.iter().find(|(known, _)| *known == name);
            found.map(|(_, why)| *why)
        };
        if let Some(why) = reason(NOTED) {
            return self.noted(statement, why);
        }
        let is_off = statement
            .word(1)
            .is_some_and(|word| ["no", "none", "off"].iter().any(|off| word.is(off)));
        if is_off {
            return self.noted(statement, "as it is here");
        }
        let why = reason(LOST).unwrap_or("dnsd has nothing of this name");
        self.lost(statement, why)
    }
}
