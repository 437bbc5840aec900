//! The tables that rows are written to, and their columns.
//!
//! Beside the rows each database has the table `logd_batches`, with a row for every run of every output that writes there: the
//! number of the last batch that it has committed.

/// Which table the rows go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// `logd_messages`: times to the microsecond with their zone, and a column for every part of RFC 5424.
    Own,
    /// `SystemEvents`, as rsyslog's ommysql and ompgsql write it and web front ends read it.
    SystemEvents,
}

/// How the databases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    MySql,
    Sqlite,
}

/// A column of a table, and the template of what stands in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) template: &'static str,
    pub(super) kind: Kind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that is one in every message.
    Number,
    /// A stamp of RFC 3339 in UTC.
    Instant,
    /// A stamp of local time, `2026-12-01 13:00:00`.
    LocalTime,
    /// Text of so many characters at most.
    Text(usize),
    /// The message itself, without the blank that RFC 3164 has before it.
    Message,
    /// The message as rsyslog writes it.
    RawMessage,
}

/// No host name is longer (RFC 5424 §6.2.4), nor is what an index of any of the databases takes as a key shorter.
const NAME_CHARS: usize = 255;

/// MEDIUMTEXT would take more; who needs to see a whole one that is longer has the files.
const STRUCTURED_CHARS: usize = 65_535;

/// What rsyslog's script for MySQL makes of the columns for host and tag.
const SYSTEM_EVENTS_CHARS: usize = 60;

const fn column(name: &'static str, template: &'static str, kind: Kind) -> Column {
    Column { name, template, kind }
}

const OWN: &[Column] = &[
    column("received", "%timegenerated:::date-rfc3339,date-utc%", Kind::Instant),
    column("reported", "%timereported:::date-rfc3339,date-utc%", Kind::Instant),
    column("host", "%HOSTNAME%", Kind::Text(NAME_CHARS)),
    column("sender", "%fromhost-ip%", Kind::Text(NAME_CHARS)),
    column("facility", "%syslogfacility%", Kind::Number),
    column("severity", "%syslogseverity%", Kind::Number),
    column("program", "%programname%", Kind::Text(NAME_CHARS)),
    column("procid", "%PROCID%", Kind::Text(NAME_CHARS)),
    column("msgid", "%MSGID%", Kind::Text(NAME_CHARS)),
    column("structured_data", "%STRUCTURED-DATA%", Kind::Text(STRUCTURED_CHARS)),
    column("message", "%msg:::drop-last-lf%", Kind::Message),
];

/// The columns that rsyslog's template RSYSLOG_StdDBFmt fills.
const SYSTEM_EVENTS: &[Column] = &[
    column("Message", "%msg%", Kind::RawMessage),
    column("Facility", "%syslogfacility%", Kind::Number),
    column("FromHost", "%HOSTNAME%", Kind::Text(SYSTEM_EVENTS_CHARS)),
    column("Priority", "%syslogseverity%", Kind::Number),
    column("DeviceReportedTime", "%timereported:::date-pgsql%", Kind::LocalTime),
    column("ReceivedAt", "%timegenerated:::date-pgsql%", Kind::LocalTime),
    column("InfoUnitID", "%iut%", Kind::Number),
    column("SysLogTag", "%syslogtag%", Kind::Text(SYSTEM_EVENTS_CHARS)),
];

impl Schema {
    /// The templates of what a row is made of, in the order of its columns.
    pub(crate) fn templates(self) -> impl Iterator<Item = &'static str> {
        self.columns().iter().map(|column| column.template)
    }

    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Own => OWN,
            Self::SystemEvents => SYSTEM_EVENTS,
        }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Own => "logd_messages",
            Self::SystemEvents => "SystemEvents",
        }
    }

    /// The names of the columns as they stand in an INSERT.
    pub(super) fn column_names(self) -> String {
        let names: Vec<_> = self.columns().iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// Asks for nothing of the table, and fails where there is none.
    pub(super) fn probe(self) -> String {
        format!("SELECT 1 FROM {} WHERE 1 = 0", self.table())
    }

    /// Makes the table and its indexes: all of it or nothing, wherever it is cut off. MySQL commits each of such statements by itself,
    /// so there it is a single one; the others take them in a transaction.
    pub(super) fn create(self, dialect: Dialect) -> Vec<String> {
        let table = self.table();
        let columns = self.table_columns(dialect);
        let options = options(dialect);
        if dialect == Dialect::MySql {
            let indexes = self
                .indexes()
                .map(|(name, keys)| format!("INDEX {table}_{name} ({keys})"));
            // Another logd may be at it.
            return vec![format!(
                "CREATE TABLE IF NOT EXISTS {table} ({columns}, {}){options}",
                indexes.join(", ")
            )];
        }
        let indexes = self
            .indexes()
            .map(|(name, keys)| format!("CREATE INDEX {table}_{name} ON {table} ({keys})"));
        let mut statements = vec![format!("CREATE TABLE {table} ({columns}){options}")];
        statements.extend(indexes);
        statements
    }

    /// What its indexes are called behind its own name, and their columns.
    fn indexes(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Own => [("received", "received"), ("host", "host, received")],
            Self::SystemEvents => [("ReceivedAt", "ReceivedAt"), ("FromHost", "FromHost, ReceivedAt")],
        }
    }

    fn table_columns(self, dialect: Dialect) -> String {
        let id = match dialect {
            Dialect::Postgres => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            Dialect::MySql => "bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY",
            Dialect::Sqlite => "integer PRIMARY KEY",
        };
        match self {
            Self::Own => {
                let columns = self.columns().iter().map(|column| own_column(column, dialect));
                let columns = std::iter::once(format!("id {id}")).chain(columns);
                columns.collect::<Vec<_>>().join(", ")
            }
            Self::SystemEvents => {
                let stamp = if dialect == Dialect::Postgres {
                    "timestamp"
                } else {
                    "datetime"
                };
                // All columns of rsyslog's table, so that what reads that finds them; most are of Windows' event log.
                format!(
                    "ID {id}, CustomerID bigint, ReceivedAt {stamp}, DeviceReportedTime {stamp}, Facility smallint, \
                     Priority smallint, FromHost varchar(60), Message text, NTSeverity int, Importance int, \
                     EventSource varchar(60), EventUser varchar(60), EventCategory int, EventID int, \
                     EventBinaryData text, MaxAvailable int, CurrUsage int, MinUsage int, MaxUsage int, InfoUnitID int, \
                     SysLogTag varchar(60), EventLogType varchar(60), GenericFileName varchar(60), SystemID int"
                )
            }
        }
    }
}

/// The table of what is committed: a row for each run of each output.
pub(super) fn create_batches(dialect: Dialect) -> String {
    let stamp = match dialect {
        Dialect::Postgres => "timestamptz",
        Dialect::MySql => "datetime",
        Dialect::Sqlite => "text",
    };
    // Several outputs of one logd make it at the same time.
    format!(
        "CREATE TABLE IF NOT EXISTS logd_batches (writer varchar(36) PRIMARY KEY, batch bigint NOT NULL, committed {stamp} NOT NULL){}",
        options(dialect)
    )
}

/// Fails where [`create_batches`] has not been.
pub(super) const PROBE_BATCHES: &str = "SELECT 1 FROM logd_batches WHERE 1 = 0";

fn own_column(column: &Column, dialect: Dialect) -> String {
    let kind = match (column.kind, dialect) {
        (Kind::Number, _) => "smallint".to_owned(),
        (Kind::Instant, Dialect::Postgres) => "timestamptz".to_owned(),
        (Kind::Instant, Dialect::MySql) => "datetime(6)".to_owned(),
        (Kind::Text(chars), Dialect::MySql) if chars <= NAME_CHARS => format!("varchar({chars})"),
        (_, Dialect::MySql) => "mediumtext".to_owned(),
        (_, Dialect::Postgres | Dialect::Sqlite) => "text".to_owned(),
    };
    format!("{} {kind} NOT NULL", column.name)
}

/// Whatever the server's defaults are: rows of a batch come and go together, and any character can be written.
fn options(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4",
        Dialect::Postgres | Dialect::Sqlite => "",
    }
}

#[cfg(test)]
mod tests {
    use logd_core::template::Template;

    use super::*;

    #[test]
    fn every_column_has_a_template_that_there_is() {
        for schema in [Schema::Own, Schema::SystemEvents] {
            for text in schema.templates() {
                Template::parse(text).unwrap();
            }
        }
    }

    #[test]
    fn mysql_makes_a_table_with_its_indexes_in_one_statement_as_it_commits_each_by_itself() {
        for schema in [Schema::Own, Schema::SystemEvents] {
            let statements = schema.create(Dialect::MySql);
            assert_eq!(statements.len(), 1);
            assert_eq!(statements[0].matches("INDEX ").count(), 2, "{statements:?}");
        }
    }

    #[test]
    fn system_events_is_what_rsyslogs_own_template_fills() {
        let written = "insert into SystemEvents (Message, Facility, FromHost, Priority, DeviceReportedTime, ReceivedAt, \
                       InfoUnitID, SysLogTag) values";
        let ours = format!(
            "insert into {} ({}) values",
            Schema::SystemEvents.table(),
            Schema::SystemEvents.column_names()
        );
        assert_eq!(ours, written);
    }
}
