//! What `/metrics` says of each metric beside its value. The manual has the same ones, with their labels' values.

/// Name and explanation. Counters end in `_total`, all others are gauges.
pub(crate) const HELP: &[(&str, &str)] = &[
    (
        "logd_buffered_bytes",
        "Memory of lines that are rendered and not yet written.",
    ),
    (
        "logd_control_http_closed_total",
        "Connections to [control] http that were closed on their client, by reason.",
    ),
    (
        "logd_file_lookups_total",
        "Look-ups of a rendered path, by whether it was known.",
    ),
    ("logd_files_evicted_total", "Files that were closed to open others."),
    ("logd_files_open", "Files that are open."),
    ("logd_files_opened_total", "Files that were opened."),
    ("logd_input_bytes_total", "Octets taken in."),
    ("logd_input_connections", "Connections that are open."),
    ("logd_input_connections_total", "Connections that there were."),
    (
        "logd_input_discarded_bytes_total",
        "Octets cut from messages that were too long.",
    ),
    ("logd_input_dropped_total", "Messages that were not taken, by reason."),
    (
        "logd_input_framing_errors_total",
        "Streams that lost their frame borders, by reason.",
    ),
    (
        "logd_input_incomplete_bytes",
        "Memory of frames whose end was not received yet.",
    ),
    (
        "logd_input_kernel_drops_total",
        "Datagrams that the kernel had no room for.",
    ),
    ("logd_input_messages_total", "Messages taken in."),
    ("logd_input_parsed_total", "Messages by what they were found to be."),
    ("logd_input_refused_total", "Senders that were refused, by reason."),
    (
        "logd_input_tls_cut_off_total",
        "TLS connections that ended without close_notify.",
    ),
    (
        "logd_input_tls_handshakes_total",
        "TLS handshakes that led to a connection.",
    ),
    ("logd_input_truncated_total", "Messages that were too long and cut."),
    (
        "logd_input_unacknowledged_total",
        "RELP messages whose connection ended before they were acknowledged.",
    ),
    (
        "logd_input_wrong_pid_total",
        "Process numbers in tags that were not their sender's.",
    ),
    (
        "logd_live_skipped_total",
        "Messages that tail and live pages were too slow to be shown; files have them.",
    ),
    (
        "logd_messages_dropped_total",
        "Messages that no file has because of the rules, by reason.",
    ),
    (
        "logd_name_lookups_total",
        "Look-ups of senders' names, by what came of them.",
    ),
    (
        "logd_output_archived_bytes_total",
        "Octets of files that a plugin keeps elsewhere.",
    ),
    ("logd_output_bytes_total", "Octets written."),
    ("logd_output_connected", "1 for the target that is in use."),
    ("logd_output_connections_total", "Connections made to a target."),
    (
        "logd_output_cut_rows_total",
        "Rows with a value that was longer than its column.",
    ),
    (
        "logd_output_diverted_total",
        "Lines to the file of a sender that makes too many files.",
    ),
    ("logd_output_dropped_total", "Lines that were not written, by reason."),
    ("logd_output_errors_total", "Writes that the system refused."),
    (
        "logd_output_files_archived_total",
        "Rotated files that a plugin keeps elsewhere.",
    ),
    (
        "logd_output_files_compressed_total",
        "Rotated files that were compressed.",
    ),
    (
        "logd_output_files_removed_total",
        "Rotated files that were removed, by reason.",
    ),
    ("logd_output_files_rotated_total", "Files that were rotated."),
    (
        "logd_output_files_unarchived",
        "Rotated files that are still to be archived, as of the last round.",
    ),
    ("logd_output_held_up_files", "Files whose file system is full."),
    ("logd_output_lines_total", "Lines written."),
    (
        "logd_output_oldest_unwritten_seconds",
        "For how long the oldest line waits to be written or sent.",
    ),
    (
        "logd_output_queued_bytes",
        "Memory of records that wait for an output's worker or are with it.",
    ),
    (
        "logd_output_sent_total",
        "Records handed to a target, again after a failure too.",
    ),
    ("logd_output_spool_bytes", "Octets of the spool on the disk."),
    (
        "logd_output_spool_oldest_seconds",
        "For how long the oldest spooled record has waited.",
    ),
    ("logd_output_spool_records", "Spooled records that no target has."),
    (
        "logd_output_target_failures_total",
        "Attempts to connect, and connections, that failed.",
    ),
    ("logd_output_truncated_total", "Records cut to fit a datagram."),
    ("logd_plugin_hosts", "Hosts of a plugin's inventory."),
    (
        "logd_plugin_inventory_held",
        "1 while an inventory waits for an administrator, because much is missing in it.",
    ),
    (
        "logd_plugin_state",
        "1 for the state that a plugin is in: fresh, stale, cold or expired.",
    ),
    (
        "logd_tls_certificate_expires_timestamp_seconds",
        "When a certificate of ours ends.",
    ),
    (
        "logd_viewer_refused_total",
        "Requests to the viewer that were refused, by reason.",
    ),
    ("logd_viewer_searches_total", "Searches of the viewer, by outcome."),
];

/// The explanation of a metric that is written by hand.
pub(crate) fn of(name: &str) -> &'static str {
    HELP.iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, help)| help)
}
