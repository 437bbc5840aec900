//! The formats that rsyslog has built in, by its names, and `json`, which is ours.

use super::{Escape, Op, Template, json_line};

/// The format that files have by default.
const TRADITIONAL: &str = "RSYSLOG_TraditionalFileFormat";

/// A built-in format's name, its text in the template language, and what its properties are escaped for.
const BUILTINS: &[(&str, &str, Escape)] = &[
    (
        TRADITIONAL,
        r"%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n",
        Escape::None,
    ),
    (
        "RSYSLOG_FileFormat",
        r"%TIMESTAMP:::date-rfc3339% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n",
        Escape::None,
    ),
    (
        "RSYSLOG_SysklogdFileFormat",
        r"%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\n",
        Escape::None,
    ),
    (
        "RSYSLOG_TraditionalForwardFormat",
        r"<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag:1:32%%msg:::sp-if-no-1st-sp%%msg%",
        Escape::None,
    ),
    (
        "RSYSLOG_ForwardFormat",
        r"<%PRI%>%TIMESTAMP:::date-rfc3339% %HOSTNAME% %syslogtag:1:32%%msg:::sp-if-no-1st-sp%%msg%",
        Escape::None,
    ),
    (
        "RSYSLOG_SyslogProtocol23Format",
        r"<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA% %msg%\n",
        Escape::None,
    ),
    (
        "RSYSLOG_SyslogRFC5424Format",
        r"<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA% %msg%",
        Escape::None,
    ),
    (
        "RSYSLOG_DebugFormat",
        concat!(
            r"Debug line with all properties:\n",
            r"FROMHOST: '%FROMHOST%', fromhost-ip: '%fromhost-ip%', HOSTNAME: '%HOSTNAME%', PRI: %PRI%,\n",
            r"syslogtag '%syslogtag%', programname: '%programname%', APP-NAME: '%APP-NAME%', PROCID: '%PROCID%', MSGID: '%MSGID%',\n",
            r"TIMESTAMP: '%TIMESTAMP%', STRUCTURED-DATA: '%STRUCTURED-DATA%',\n",
            r"msg: '%msg%'\n",
            r"escaped msg: '%msg:::drop-cc%'\n",
            r"inputname: %inputname% rawmsg: '%rawmsg%'\n",
            // rsyslog's script variables, of which there are none.
            r"$!:\n$.:\n$/:\n\n",
        ),
        Escape::None,
    ),
    (
        "RSYSLOG_StdJSONFmt",
        concat!(
            r#"{"message":"%msg:::json%","fromhost":"%HOSTNAME:::json%","facility":"%syslogfacility-text%","#,
            r#""priority":"%syslogpriority-text%","timereported":"%timereported:::date-rfc3339%","#,
            r#""timegenerated":"%timegenerated:::date-rfc3339%"}"#,
        ),
        Escape::None,
    ),
    (
        "RSYSLOG_WallFmt",
        r"\r\n\007Message from syslogd@%HOSTNAME% at %timegenerated% ...\r\n %syslogtag%%msg%\n\r",
        Escape::None,
    ),
    ("RSYSLOG_StdUsrMsgFmt", r" %syslogtag%%msg%\n\r", Escape::None),
    (
        "RSYSLOG_StdDBFmt",
        concat!(
            "insert into SystemEvents (Message, Facility, FromHost, Priority, DeviceReportedTime, ReceivedAt, ",
            "InfoUnitID, SysLogTag) values ('%msg%', %syslogfacility%, '%HOSTNAME%', %syslogpriority%, ",
            "'%timereported:::date-mysql%', '%timegenerated:::date-mysql%', %iut%, '%syslogtag%')",
        ),
        Escape::Sql,
    ),
    (
        "RSYSLOG_StdPgSQLFmt",
        concat!(
            "insert into SystemEvents (Message, Facility, FromHost, Priority, DeviceReportedTime, ReceivedAt, ",
            "InfoUnitID, SysLogTag) values ('%msg%', %syslogfacility%, '%HOSTNAME%', %syslogpriority%, ",
            "'%timereported:::date-pgsql%', '%timegenerated:::date-pgsql%', %iut%, '%syslogtag%')",
        ),
        Escape::StandardSql,
    ),
    ("RSYSLOG_spoofadr", "%fromhost-ip%", Escape::None),
];

/// The formats that are not templates in rsyslog but its string generators: they write the blank before the message also
/// where there is no message.
const STRING_GENERATORS: &[&str] = &[
    TRADITIONAL,
    "RSYSLOG_FileFormat",
    "RSYSLOG_TraditionalForwardFormat",
    "RSYSLOG_ForwardFormat",
];

/// The built-in format of this name. rsyslog's names are matched as written, as rsyslog does.
pub(super) fn builtin(name: &str) -> Option<Template> {
    if name == json_line::NAME {
        return Some(Template {
            ops: Box::new([Op::JsonLine]),
            escape: Escape::None,
            is_traditional: false,
            builtin: Some(json_line::NAME),
        });
    }
    let (known, text, escape) = BUILTINS.iter().find(|(known, _, _)| *known == name)?;
    let mut template = Template::parse(text).expect("a test reads every built-in format");
    template.builtin = Some(known);
    if STRING_GENERATORS.contains(&name) {
        for op in &mut template.ops {
            if let Op::Property(expr) = op {
                expr.options.blank_if_empty = expr.options.blank_before;
            }
        }
    }
    Some(Template {
        is_traditional: name == TRADITIONAL,
        ..template.with_escape(*escape)
    })
}

/// Every built-in format's name, to suggest from.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|&(name, _, _)| name).chain([json_line::NAME])
}
