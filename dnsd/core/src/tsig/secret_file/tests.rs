use super::*;

/// The secret that all of the files here have.
const SECRET: &[u8] = b"a secret of 20 bytes";

/// The algorithm and the secret, or line, column and what is wrong there.
type Found = Result<(Option<Algorithm>, Vec<u8>), (u32, u32, SecretFileProblem)>;

fn read(text: &str) -> Found {
    let name: Name = "LAN-TRANSFER".parse().unwrap();
    match read_secret_file(text.as_bytes(), &name) {
        Ok(found) => Ok((found.algorithm, found.secret.as_bytes().to_vec())),
        Err(error) => Err((error.line, error.column, error.problem)),
    }
}

fn found(algorithm: Option<Algorithm>) -> Found {
    Ok((algorithm, SECRET.to_vec()))
}

#[test]
fn base64_alone_is_a_secret() {
    assert_eq!(read("\n YSBzZWNyZXQgb2YgMjAgYnl0ZXM=\n"), found(None));
    assert_eq!(
        read("\n  YSBzZWNyZXQ\n"),
        Err((2, 3, SecretFileProblem::Secret(SecretError::NotBase64)))
    );
    assert_eq!(read(""), Err((1, 1, SecretFileProblem::Secret(SecretError::Empty))));
}

#[test]
fn a_key_clause_is_found_by_its_name_among_others() {
    let text = r#"
        // Made by hand: { not this }
        key other { algorithm hmac-md5; secret "b3RoZXI="; };
        server 192.0.2.1 { keys { lan-transfer; }; };
        /* the one */
        key "lan-transfer." {
            algorithm HMAC-SHA256-128; # cut down
            secret YSBzZWNyZXQgb2YgMjAgYnl0ZXM=;
        };
    "#;
    assert_eq!(read(text), found(Some("hmac-sha256-128".parse().unwrap())));
}

#[test]
fn what_tsig_keygen_prints_is_read() {
    let text = "key \"LAN-TRANSFER\" {\n\talgorithm hmac-sha512;\n\tsecret \"YSBzZWNyZXQgb2YgMjAgYnl0ZXM=\";\n};\n";
    assert_eq!(read(text), found(Some(Algorithm::HMAC_SHA512)));
}

#[test]
fn a_bad_key_clause_is_said_with_its_place() {
    for (text, expected) in [
        ("key a { secret \"YQ==\"; };", (1, 1, SecretFileProblem::NoSuchKey)),
        (
            "key lan-transfer { algorithm hmac-md5; };",
            (1, 1, SecretFileProblem::NoSecret),
        ),
        (
            "\nkey lan-transfer { secret \"YQ==\"; };",
            (2, 1, SecretFileProblem::NoAlgorithm),
        ),
        (
            "key lan-transfer {\n algorithm sha256; secret \"YQ==\"; };",
            (2, 12, SecretFileProblem::Algorithm(AlgorithmError::Unknown)),
        ),
        (
            "key lan-transfer { algorithm hmac-md5;\n  secret \"YQ=\"; };",
            (2, 10, SecretFileProblem::Secret(SecretError::NotBase64)),
        ),
        (
            "key lan-transfer { algorithm hmac-md5; secret \"YQ==\"; };\nkey LAN-transfer {};",
            (2, 1, SecretFileProblem::SecondKey),
        ),
        (
            "key lan-transfer { algorithm hmac-md5; secret \"YQ==\"; ",
            (1, 18, SecretFileProblem::Syntax(SyntaxErrorKind::UnclosedBlock)),
        ),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
    }
}

#[test]
fn a_private_key_file_is_read() {
    let text = "Private-key-format: v1.3\nAlgorithm: 161 (HMAC_SHA1)\nKey: YSBzZWNyZXQgb2YgMjAgYnl0ZXM=\n\
                Bits: AAA=\nCreated: 20261122000000\n";
    assert_eq!(read(text), found(Some(Algorithm::HMAC_SHA1)));
    let truncated = text.replace("AAA=", "AFA=").replace("\n", "\r\n");
    assert_eq!(read(&truncated), found(Some("hmac-sha1-80".parse().unwrap())));
    for number in [157, 162, 163, 164, 165] {
        assert!(read(&text.replace("161", &number.to_string())).is_ok());
    }
}

#[test]
fn a_bad_private_key_file_is_said_with_its_place() {
    for (text, expected) in [
        ("Private-key-format: v2.0\n", (1, 21, SecretFileProblem::Format)),
        ("Private-key-format: v1.2\n", (1, 1, SecretFileProblem::NoAlgorithm)),
        (
            "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n",
            (2, 12, SecretFileProblem::NotHmac),
        ),
        (
            "Private-key-format: v1.3\nAlgorithm: 163\n",
            (1, 1, SecretFileProblem::NoSecret),
        ),
        (
            "Private-key-format: v1.3\nAlgorithm: 163\nKey: !\n",
            (3, 6, SecretFileProblem::Secret(SecretError::NotBase64)),
        ),
        (
            "Private-key-format: v1.3\nAlgorithm: 163\nBits: AAg=\nKey: YQ==\n",
            (
                3,
                7,
                SecretFileProblem::Algorithm(AlgorithmError::TooShort { bits_min: 128 }),
            ),
        ),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
    }
}

#[test]
fn what_is_no_text_is_said_with_its_place() {
    let name: Name = "k".parse().unwrap();
    let error = read_secret_file(b"YQ\n=\xFF", &name).unwrap_err();
    assert_eq!(
        (error.line, error.column, error.problem),
        (2, 2, SecretFileProblem::NotText)
    );
    assert_eq!(error.to_string(), "2:2: not text");
}
