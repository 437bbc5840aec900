//! DNS cookies (RFC 7873): what shows that a client gets the replies that are sent to its address. Made as servers of all
//! makers make them (RFC 9018), so that those behind one address can share a secret.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use data_encoding::HEXLOWER_PERMISSIVE;
use siphasher::sip::SipHasher24;

use super::Client;

/// A client's cookie (RFC 7873 §4).
pub(super) const CLIENT_COOKIE_BYTES: usize = 8;
/// A server's cookie as this server makes it (RFC 9018 §4).
const SERVER_COOKIE_BYTES: usize = 16;
/// Of these, what stands in front of the hash: version, reserved octets and the time it was made.
const HEAD_BYTES: usize = 8;
/// Both cookies, as they stand in a reply.
pub(super) const COOKIE_BYTES: usize = CLIENT_COOKIE_BYTES + SERVER_COOKIE_BYTES;

/// How old a server's cookie may be, in seconds (RFC 9018 §4.3).
const AGE_MAX: i32 = 3600;
/// How far ahead of our clock that of a server may be with which we share a secret, in seconds (RFC 9018 §4.3).
const AHEAD_MAX: i32 = 300;
/// From which age on a client gets a new one, in seconds (RFC 9018 §4.3).
const RENEWAL_AGE: i32 = 1800;

/// The version of RFC 9018 §4.1, and the three octets that are reserved (§4.2).
const VERSION_AND_RESERVED: [u8; 4] = [1, 0, 0, 0];

/// A secret that cookies are made with. Whoever has it can ask in anybody's name, so nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieSecret([u8; 16]);

impl CookieSecret {
    /// Takes 128 bits that nobody can guess.
    pub fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// Reads 128 bits as BIND and NSD have them in their configurations: 32 hexadecimal digits. `None` for anything else.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let secret = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
        secret.try_into().ok().map(Self)
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret")
    }
}

/// How the server answers cookies.
#[derive(Debug, Clone)]
pub struct Cookies {
    /// What cookies are made with.
    pub secret: CookieSecret,
    /// What cookies may have been made with that clients still have, so that no client loses its cookie when the secret is
    /// changed (RFC 9018 §5). One more hash each for every cookie that is bad.
    pub older_secrets: Box<[CookieSecret]>,
    /// Whether a client that sends a cookie has to send a good one of ours over UDP, and is told so (BADCOOKIE) instead of
    /// being answered (RFC 7873 §5.2.3).
    pub required: bool,
}

/// The COOKIE option of a request (RFC 7873 §4).
#[derive(Debug, Clone, Copy)]
pub(super) struct CookieOption<'m> {
    client: [u8; CLIENT_COOKIE_BYTES],
    /// What the client says that a server gave it: none, or 8 to 32 octets.
    server: &'m [u8],
}

/// What is made of a request's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CheckedCookie {
    /// What the reply has.
    pub(super) reply: [u8; COOKIE_BYTES],
    /// Whether the request had one of ours: its source address isn't forged.
    pub(super) is_valid: bool,
}

impl<'m> CookieOption<'m> {
    /// Takes an option's data; `None` when it has a length that none may have (RFC 7873 §5.2.2).
    pub(super) fn read(data: &'m [u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk::<CLIENT_COOKIE_BYTES>()?;
        matches!(server.len(), 0 | 8..=32).then_some(Self {
            client: *client,
            server,
        })
    }
}

/// Which secret a good cookie was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MadeWith {
    TheSecret,
    AnOlderSecret,
}

impl Cookies {
    /// Checks what a client sent, and says what it gets: its cookie again while it is good and young, else a new one.
    pub(super) fn check(&self, option: CookieOption<'_>, client: &Client) -> CheckedCookie {
        let presented = option
            .server
            .first_chunk()
            .filter(|_| option.server.len() == SERVER_COOKIE_BYTES);
        let made_with = presented.and_then(|server| self.verify(option.client, server, client));
        let server = match (presented, made_with) {
            (Some(server), Some(MadeWith::TheSecret))
                if age(server, client) < RENEWAL_AGE && server.starts_with(&VERSION_AND_RESERVED) =>
            {
                *server
            }
            _ => self.made_for(option.client, client),
        };
        let mut reply = [0; COOKIE_BYTES];
        reply[..CLIENT_COOKIE_BYTES].copy_from_slice(&option.client);
        reply[CLIENT_COOKIE_BYTES..].copy_from_slice(&server);
        CheckedCookie {
            reply,
            is_valid: made_with.is_some(),
        }
    }

    /// `None` when a server's cookie is none of ours, another client's or out of its time.
    fn verify(
        &self,
        client_cookie: [u8; CLIENT_COOKIE_BYTES],
        server: &[u8; SERVER_COOKIE_BYTES],
        client: &Client,
    ) -> Option<MadeWith> {
        let is_in_time = (-AHEAD_MAX..=AGE_MAX).contains(&age(server, client));
        if server[0] != VERSION_AND_RESERVED[0] || !is_in_time {
            return None;
        }
        let (head, presented) = server.split_first_chunk()?;
        // As whole words: comparing them takes the same time wherever they differ.
        let presented = u64::from_le_bytes(presented.try_into().ok()?);
        let is_by = |secret| hash(secret, client_cookie, *head, client.address) == presented;
        if is_by(&self.secret) {
            return Some(MadeWith::TheSecret);
        }
        self.older_secrets.iter().any(is_by).then_some(MadeWith::AnOlderSecret)
    }

    fn made_for(&self, client_cookie: [u8; CLIENT_COOKIE_BYTES], client: &Client) -> [u8; SERVER_COOKIE_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&VERSION_AND_RESERVED);
        head[4..].copy_from_slice(&client.now.to_be_bytes());
        let hash = hash(&self.secret, client_cookie, head, client.address);
        let mut server = [0; SERVER_COOKIE_BYTES];
        server[..HEAD_BYTES].copy_from_slice(&head);
        server[HEAD_BYTES..].copy_from_slice(&hash.to_le_bytes());
        server
    }
}

/// How long ago a cookie was made, in seconds; less than nothing when it was made ahead of our clock. Serial arithmetic
/// (RFC 1982), as the time stamp wraps in 2106.
fn age(server: &[u8; SERVER_COOKIE_BYTES], client: &Client) -> i32 {
    let made_at = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
    client.now.wrapping_sub(made_at).cast_signed()
}

/// SipHash-2-4 of the client's cookie, of what stands in front of the hash, and of the address (RFC 9018 §4.4).
fn hash(
    secret: &CookieSecret,
    client_cookie: [u8; CLIENT_COOKIE_BYTES],
    head: [u8; HEAD_BYTES],
    address: IpAddr,
) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    hasher.write(&client_cookie);
    hasher.write(&head);
    match address {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use data_encoding::HEXLOWER;

    use super::*;
    use crate::answer::Transport;

    fn secret(hex: &str) -> CookieSecret {
        CookieSecret::from_hex(hex).unwrap()
    }

    fn cookies(secrets: &[&str]) -> Cookies {
        Cookies {
            secret: secret(secrets[0]),
            older_secrets: secrets[1..].iter().map(|hex| secret(hex)).collect(),
            required: false,
        }
    }

    /// What a client gets for a cookie, and whether that was good.
    fn check(cookies: &Cookies, address: &str, now: u32, cookie: &str) -> (String, bool) {
        let data = HEXLOWER.decode(cookie.as_bytes()).unwrap();
        let client = Client {
            transport: Transport::Udp,
            address: address.parse::<IpAddr>().unwrap(),
            now,
            held_back: 0,
        };
        let checked = cookies.check(CookieOption::read(&data).unwrap(), &client);
        (HEXLOWER.encode(&checked.reply), checked.is_valid)
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn rfc9018_a_1_learning_a_new_server_cookie() {
        let (reply, valid) = check(&cookies(&[SECRET]), "198.51.100.100", 1_559_731_985, "2464c4abcf10c957");
        assert_eq!(reply, "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
        assert!(!valid);
    }

    #[test]
    fn rfc9018_a_2_the_same_client_learning_a_renewed_cookie() {
        let known = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let (reply, valid) = check(&cookies(&[SECRET]), "198.51.100.100", 1_559_734_385, known);
        assert_eq!(reply, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
        assert!(valid);
    }

    #[test]
    fn rfc9018_a_3_another_client_with_reserved_octets_set() {
        let known = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let cookies = cookies(&[SECRET]);
        // In the appendix the cookie is older than an hour by the time of the answer, but taken all the same.
        assert!(check(&cookies, "203.0.113.203", 1_559_727_985, known).1);
        let (reply, valid) = check(&cookies, "203.0.113.203", 1_559_734_700, known);
        assert_eq!(reply, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
        assert!(!valid);
    }

    #[test]
    fn rfc9018_a_4_a_query_over_ipv6_after_the_secret_was_changed() {
        let rolled = cookies(&["445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"]);
        let known = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let (reply, valid) = check(&rolled, "2001:db8:220:1:59de:d0f4:8769:82b8", 1_559_741_961, known);
        assert_eq!(reply, "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
        assert!(valid);
    }

    #[test]
    fn rfc9018_4_3_a_cookie_is_good_for_an_hour_and_kept_for_half_of_it() {
        let cookies = cookies(&[SECRET]);
        let made = 1_559_731_985;
        let (known, _) = check(&cookies, "198.51.100.100", made, "2464c4abcf10c957");
        for (age, valid, kept) in [
            (0, true, true),
            (1799, true, true),
            (1800, true, false),
            (3600, true, false),
            (3601, false, false),
            (-300, true, true),
            (-301, false, false),
        ] {
            let now = (made as i32 + age).cast_unsigned();
            let (reply, good) = check(&cookies, "198.51.100.100", now, &known);
            assert_eq!((good, reply == known), (valid, kept), "{age}");
        }
    }

    #[test]
    fn a_cookie_of_another_address_client_or_secret_is_bad() {
        let cookies = cookies(&[SECRET]);
        let now = 1_559_731_985;
        let (known, _) = check(&cookies, "198.51.100.100", now, "2464c4abcf10c957");
        assert!(check(&cookies, "198.51.100.100", now, &known).1);
        assert!(!check(&cookies, "198.51.100.101", now, &known).1);
        let other_client = known.replace("2464", "2465");
        assert!(!check(&cookies, "198.51.100.100", now, &other_client).1);
        let other_version = known.replace("c95701", "c95702");
        assert!(!check(&cookies, "198.51.100.100", now, &other_version).1);
        let longer = format!("{known}00");
        assert!(!check(&cookies, "198.51.100.100", now, &longer).1);
        let other_secret = tests::cookies(&["00000000000000000000000000000000"]);
        assert!(!check(&other_secret, "198.51.100.100", now, &known).1);
    }

    #[test]
    fn rfc7873_5_2_2_lengths_that_no_cookie_has_are_malformed() {
        let data = [0; 50];
        let taken = (0..data.len()).filter(|&length| CookieOption::read(&data[..length]).is_some());
        assert!(taken.eq([8].into_iter().chain(16..=40)));
    }

    #[test]
    fn a_secret_is_32_hexadecimal_digits() {
        assert_eq!(
            CookieSecret::from_hex(SECRET),
            CookieSecret::from_hex(&SECRET.to_uppercase())
        );
        for wrong in [
            "",
            "e5",
            &SECRET[1..],
            &format!("{SECRET}00"),
            &SECRET.replace('e', "g"),
        ] {
            assert_eq!(CookieSecret::from_hex(wrong), None);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", cookies(&["01010101010101010101010101010101"])).contains('1'));
    }
}
