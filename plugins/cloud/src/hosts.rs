//! Hosts that URLs may name which others have written: where answers with passwords in them may be sent to, and where topics'
//! certificates may come from.

use http::Uri;
use http::uri::Scheme;

/// What the names of AWS's hosts end in.
const AWS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

/// The hosts.
#[derive(Debug, Clone)]
pub(crate) struct Hosts(Vec<Host>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// Every host whose name ends so; over TLS.
    Below(String),
    /// SNS's own of every region; over TLS. What is below AWS's names is anybody's, as buckets are.
    Sns,
    /// This one, with its port if it isn't the usual one.
    Exactly(Scheme, String),
}

/// Why nothing is sent to a URL. The host is all that is shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoUrl {
    Malformed,
    Host(String),
}

impl Hosts {
    /// Where CloudFormation takes answers.
    pub(crate) fn aws() -> Self {
        Self(AWS.map(|suffix| Host::Below(suffix.to_owned())).into())
    }

    /// Where AWS's topics have their certificates and are confirmed.
    pub(crate) fn sns() -> Self {
        Self(vec![Host::Sns])
    }

    /// "HOST", or "http://HOST:PORT"; `None` for the first text that is neither.
    pub(crate) fn read_exact<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Self, &'t str> {
        let hosts = texts.map(|text| match Host::read(text) {
            Some(host @ Host::Exactly(..)) => Ok(host),
            _ => Err(text),
        });
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// ".SUFFIX", "HOST", or "http://HOST:PORT"; `None` for the first text that is none of these.
    pub(crate) fn read<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Self, &'t str> {
        let hosts = texts.map(|text| Host::read(text).ok_or(text));
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// Reads a URL.
    pub(crate) fn check(&self, url: &str) -> Result<Uri, NoUrl> {
        let uri: Uri = url.parse().map_err(|_| NoUrl::Malformed)?;
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or(NoUrl::Malformed)?;
        // It may hold a password, and is not shown.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(NoUrl::Malformed);
        }
        let shown = format!("{scheme}://{authority}");
        let host = authority.as_str().to_ascii_lowercase();
        let is_allowed = self.0.iter().any(|allowed| match allowed {
            Host::Below(suffix) => *scheme == Scheme::HTTPS && host.len() > suffix.len() && host.ends_with(suffix),
            Host::Sns => *scheme == Scheme::HTTPS && is_of_sns(&host),
            Host::Exactly(with, exactly) => scheme == with && host == *exactly,
        });
        match is_allowed {
            true => Ok(uri),
            false => Err(NoUrl::Host(shown)),
        }
    }
}

/// Whether it is "sns.REGION" of AWS.
fn is_of_sns(host: &str) -> bool {
    let below = AWS.into_iter().find_map(|suffix| host.strip_suffix(suffix));
    let region = below.and_then(|below| below.strip_prefix("sns."));
    let is_part = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    region.is_some_and(|region| !region.is_empty() && region.bytes().all(is_part))
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if let Some(suffix) = lower.strip_prefix('.') {
            let is_suffix = suffix.contains('.') && suffix.parse::<http::uri::Authority>().is_ok();
            return is_suffix.then_some(Self::Below(lower));
        }
        let (scheme, host) = match lower.split_once("://") {
            None => (Scheme::HTTPS, lower.as_str()),
            Some(("https", host)) => (Scheme::HTTPS, host),
            Some(("http", host)) => (Scheme::HTTP, host),
            Some(_) => return None,
        };
        let authority: http::uri::Authority = host.parse().ok().filter(|_| !host.contains('@'))?;
        (!authority.host().is_empty()).then(|| Self::Exactly(scheme, host.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_aws_over_tls_only() {
        let hosts = Hosts::aws();
        for url in [
            "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/a%3Ab?Signature=c",
            "https://S3.AmazonAWS.com/a",
            "https://s3.cn-north-1.amazonaws.com.cn/a",
        ] {
            assert!(hosts.check(url).is_ok(), "{url}");
        }
        for (url, shown) in [
            ("http://s3.amazonaws.com/a?secret", "http://s3.amazonaws.com"),
            ("https://s3.amazonaws.com.example/a", "https://s3.amazonaws.com.example"),
            ("https://evilamazonaws.com/a", "https://evilamazonaws.com"),
            ("https://.amazonaws.com/a", "https://.amazonaws.com"),
            ("https://s3.amazonaws.com:8443/a", "https://s3.amazonaws.com:8443"),
            ("https://127.0.0.1/a", "https://127.0.0.1"),
        ] {
            assert_eq!(hosts.check(url), Err(NoUrl::Host(shown.to_owned())), "{url}");
        }
        for url in [
            "",
            "/a",
            "https:///a",
            "https://x@s3.amazonaws.com/a",
            "s3.amazonaws.com",
        ] {
            assert_eq!(hosts.check(url), Err(NoUrl::Malformed), "{url}");
        }
    }

    #[test]
    fn topics_have_their_certificates_at_hosts_of_sns_and_nobody_elses() {
        let hosts = Hosts::sns();
        for host in ["sns.eu-west-1.amazonaws.com", "SNS.cn-north-1.amazonaws.com.cn"] {
            assert!(hosts.check(&format!("https://{host}/a.pem")).is_ok(), "{host}");
        }
        for url in [
            "http://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "https://sns.s3.evil.amazonaws.com/a.pem",
            "https://sns.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://x-sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com.example/a.pem",
            "https://sns.eu-west-1.amazonaws.com@example.net/a.pem",
        ] {
            assert!(hosts.check(url).is_err(), "{url}");
        }
        assert_eq!(
            Hosts::read_exact([".amazonaws.com"].into_iter()).unwrap_err(),
            ".amazonaws.com"
        );
        assert!(Hosts::read_exact(["http://127.0.0.1:1"].into_iter()).is_ok());
    }

    #[test]
    fn other_hosts_and_no_tls_are_for_those_who_write_them_down() {
        let hosts = Hosts::read(["http://127.0.0.1:4566", "cfn.example.net"].into_iter()).unwrap();
        assert!(hosts.check("http://127.0.0.1:4566/x").is_ok());
        assert!(hosts.check("https://cfn.example.net/x").is_ok());
        for url in [
            "https://127.0.0.1:4566/x",
            "http://127.0.0.1:4567/x",
            "http://cfn.example.net/x",
            "https://s3.amazonaws.com/x",
        ] {
            assert!(hosts.check(url).is_err(), "{url}");
        }
        for text in ["", ".", ".com", "ftp://x", "a b", "http://", "x@y", "http://x/path"] {
            assert_eq!(Hosts::read([text].into_iter()).unwrap_err(), text);
        }
    }
}
