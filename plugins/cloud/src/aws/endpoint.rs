//! Where a service is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// The services that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Groups of machines.
    AutoScaling,
    /// Stacks.
    CloudFormation,
    /// Tables.
    DynamoDb,
    /// Machines, networks, volumes.
    Ec2,
    /// Keys.
    Kms,
    /// Objects.
    S3,
    /// Queues.
    Sqs,
    /// Credentials for a time.
    Sts,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AutoScaling,
        Self::CloudFormation,
        Self::DynamoDb,
        Self::Ec2,
        Self::Kms,
        Self::S3,
        Self::Sqs,
        Self::Sts,
    ];

    /// Its name in a configuration, in its host name and in signatures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoScaling => "autoscaling",
            Self::CloudFormation => "cloudformation",
            Self::DynamoDb => "dynamodb",
            Self::Ec2 => "ec2",
            Self::Kms => "kms",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
        }
    }
}

/// Where a service is: "https://host:port/path/".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Of HTTP: with TLS or without.
    pub(super) scheme: Scheme,
    /// The host, and the port if it isn't the usual one.
    pub(super) authority: Authority,
    /// What stands before the path of each call, without a slash at its end: Eucalyptus has "/services/compute".
    pub(super) prefix: String,
}

/// A text that is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEndpoint;

impl fmt::Display for NotAnEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not the URL of a service: \"https://\" or \"http://\", a host, and a port and a path where it has them",
        )
    }
}

impl std::error::Error for NotAnEndpoint {}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let uri: Uri = text.parse().map_err(|_| NotAnEndpoint)?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or(NotAnEndpoint)?;
        let authority = parts.authority.ok_or(NotAnEndpoint)?;
        let path = parts.path_and_query;
        let has_query = path.as_ref().is_some_and(|path| path.query().is_some());
        let is_http = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        // Who writes a name and a password there thinks of credentials; these have their own places.
        if !is_http || has_query || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(NotAnEndpoint);
        }
        let prefix = path
            .map(|path| path.path().trim_end_matches('/').to_owned())
            .unwrap_or_default();
        Ok(Self {
            scheme,
            authority,
            prefix,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

/// A text that is no region's name, so that no host can be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARegion;

impl fmt::Display for NotARegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a region: letters, digits and \"-\", such as \"eu-west-1\"")
    }
}

impl std::error::Error for NotARegion {}

/// Where all services are.
#[derive(Debug, Clone)]
pub struct Endpoints {
    region: String,
    configured: BTreeMap<Service, Endpoint>,
}

impl Endpoints {
    /// Those of a region of AWS, but for the services that are elsewhere.
    ///
    /// # Errors
    /// When no region is called that.
    pub fn new(region: &str, configured: BTreeMap<Service, Endpoint>) -> Result<Self, NotARegion> {
        let is_region = (1..=32).contains(&region.len())
            && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !region.starts_with('-')
            && !region.ends_with('-');
        match is_region {
            true => Ok(Self {
                region: region.to_owned(),
                configured,
            }),
            false => Err(NotARegion),
        }
    }

    /// The region, which is a part of signatures.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where a service is.
    #[must_use]
    pub fn of(&self, service: Service) -> Endpoint {
        if let Some(endpoint) = self.configured.get(&service) {
            return endpoint.clone();
        }
        let top = match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let host = format!("{}.{}.{top}", service.name(), self.region);
        Endpoint {
            scheme: Scheme::HTTPS,
            authority: host.parse().expect("letters, digits, dots and hyphens are a host"),
            prefix: String::new(),
        }
    }

    /// Whether the service is where AWS has it.
    pub(super) fn is_default(&self, service: Service) -> bool {
        !self.configured.contains_key(&service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_its_path() {
        let endpoint: Endpoint = "http://euca.example.net:8773/services/compute/".parse().unwrap();
        assert_eq!(endpoint.prefix, "/services/compute");
        assert_eq!(endpoint.to_string(), "http://euca.example.net:8773/services/compute");
        let endpoint: Endpoint = "https://[::1]".parse().unwrap();
        assert_eq!((endpoint.prefix.as_str(), endpoint.authority.as_str()), ("", "[::1]"));
    }

    #[test]
    fn what_is_no_url_of_a_service_is_refused() {
        for text in [
            "",
            "ec2.example.net",
            "ftp://x/",
            "https://",
            "https://a:b@x/",
            "http://x/?a=b",
            "/services",
            "http://x y",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(NotAnEndpoint), "{text}");
        }
    }

    #[test]
    fn services_are_where_aws_has_them_or_where_the_configuration_says() {
        let here: Endpoint = "http://127.0.0.1:5000".parse().unwrap();
        let of = |region| Endpoints::new(region, BTreeMap::from([(Service::Ec2, here.clone())])).unwrap();
        assert_eq!(of("eu-west-1").of(Service::Ec2), here);
        assert_eq!(
            of("eu-west-1").of(Service::Kms).to_string(),
            "https://kms.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            of("cn-north-1").of(Service::S3).to_string(),
            "https://s3.cn-north-1.amazonaws.com.cn"
        );
        for region in ["", "-", "eu west", "a/b", "x.y"] {
            assert!(Endpoints::new(region, BTreeMap::new()).is_err(), "{region}");
        }
    }
}
