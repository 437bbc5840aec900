//! Signatures of requests: AWS's version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::endpoint::Service;
use super::error::Malformed;

/// Signs a request, whose body is given apart, at this time.
pub(super) fn sign_request(
    request: &mut Request<Full<Bytes>>,
    body: &[u8],
    service: Service,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<(), Malformed> {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        // The names of objects are anything: "a//../b" is one of them, and what was encoded once is what is signed.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    sign_as(request, body, service.name(), region, credentials, now, settings)
}

fn sign_as(
    request: &mut Request<Full<Bytes>>,
    body: &[u8],
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
    settings: SigningSettings,
) -> Result<(), Malformed> {
    const WRONG: Malformed = Malformed::Wrong("the request");
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|_| WRONG)?
        .into();
    let headers: Option<Vec<(&str, &str)>> = request
        .headers()
        .iter()
        .map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(
        request.method().as_str(),
        uri,
        headers.ok_or(WRONG)?.into_iter(),
        SignableBody::Bytes(body),
    )
    .map_err(|_| WRONG)?;
    let (instructions, _) = sign(signable, &parameters).map_err(|_| WRONG)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// The vectors that AWS publishes (its "aws-sig-v4-test-suite", and the examples of S3's documentation).
#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signature_of(request: &Request<Full<Bytes>>) -> String {
        let header = request.headers()["authorization"].to_str().unwrap();
        header.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    fn suite(method: &str, uri: &str, headers: &[(&str, &str)], body: &str, token: Option<&str>) -> String {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::default()).unwrap();
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, token.map(str::to_owned), None, "test");
        let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let mut settings = SigningSettings::default();
        if !body.is_empty() {
            // The suite signs bodies as S3 does.
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        sign_as(
            &mut request,
            body.as_bytes(),
            "service",
            "us-east-1",
            &credentials,
            now,
            settings,
        )
        .unwrap();
        signature_of(&request)
    }

    #[test]
    fn sigv4_test_suite() {
        const URI: &str = "https://example.amazonaws.com/";
        let get = |uri: &str| suite("GET", uri, &[], "", None);
        assert_eq!(
            get(URI),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            get("https://example.amazonaws.com/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1"),
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"
        );
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        assert_eq!(
            suite("GET", URI, &[], "", Some(token)),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
        assert_eq!(
            suite(
                "POST",
                URI,
                &[
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("content-length", "13")
                ],
                "Param1=value1",
                None
            ),
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
        );
    }

    /// "GET Object" and "PUT Object" of "Signature Calculations for the Authorization Header" in S3's API reference.
    #[test]
    fn s3_signs_the_digest_of_the_body_and_names_as_they_are() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        );
        let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let signature = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
            let uri = format!("https://examplebucket.s3.amazonaws.com{path}");
            let mut request = Request::builder().method(method).uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let mut request = request.body(Full::default()).unwrap();
            sign_request(&mut request, body, Service::S3, "us-east-1", &credentials, now).unwrap();
            signature_of(&request)
        };
        assert_eq!(
            signature("GET", "/test.txt", &[("range", "bytes=0-9")], b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature(
                "PUT",
                "/test%24file.text",
                &[
                    ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY")
                ],
                b"Welcome to Amazon S3."
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signature("GET", "/?max-keys=2&prefix=J", &[], b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some("the token".into()), None, "test");
        let shown = format!("{credentials:?}");
        assert!(!shown.contains(SECRET) && !shown.contains("the token"), "{shown}");
    }
}
