//! The EDNS options of a request, and what the reply says to them. Options that mean nothing here are ignored (RFC 6891
//! §6.1.2).

use super::cookie::CookieOption;
use super::{ChaosText, Client, Settings, Transport};
use crate::message::{Edns, ReplyOptions, option};

/// What the options of a request amount to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options<'s> {
    /// What the reply has.
    pub(super) reply: ReplyOptions<'s>,
    /// Whether one of them was a cookie with a server's part that is good.
    pub(super) cookie_valid: bool,
}

impl<'s> Options<'s> {
    /// Reads the options; `None` when one is malformed.
    pub(super) fn read(settings: &'s Settings, client: &Client, edns: Edns<'_>) -> Option<Self> {
        let mut options = Self::default();
        for (code, data) in edns.options() {
            match code {
                option::NSID => options.reply.nsid = settings.chaos.server_id.as_ref().map(ChaosText::as_bytes),
                option::COOKIE => {
                    // The first counts, all others are as if they weren't there (RFC 7873 §5.2), whatever they hold.
                    if let (Some(cookies), None) = (&settings.cookies, options.reply.cookie) {
                        let checked = cookies.check(CookieOption::read(data)?, client);
                        options.reply.cookie = Some(checked.reply);
                        options.cookie_valid = checked.is_valid;
                    }
                }
                // It is about a TCP connection with nothing but DNS (RFC 7828 §3.2.2): HTTP and QUIC have ways of their own.
                option::TCP_KEEPALIVE if matches!(client.transport, Transport::Tcp | Transport::Tls) => {
                    options.reply.tcp_keepalive = settings.tcp_keepalive;
                }
                // In the clear there is nothing to hide (RFC 7830 §6).
                option::PADDING if client.transport.is_encrypted() => options.reply.padding = Some(0),
                _ => {}
            }
        }
        Some(options)
    }
}
