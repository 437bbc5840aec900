use super::*;

fn read(text: &str) -> (Option<Config>, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cloudd.toml");
    std::fs::write(&path, text).unwrap();
    let diagnostics = Diagnostics::new();
    let config = load(&path, &diagnostics);
    let said = diagnostics.to_string();
    (config, said.replace(&format!("{}/", dir.path().display()), ""))
}

#[test]
fn the_examples_can_be_run() {
    let names = [
        "../../conf/cloudd.toml",
        "../../conf/dev/cloudd.toml",
        "../../conf/scenario/cloudd.toml",
    ];
    for name in names {
        let diagnostics = Diagnostics::new();
        let config = load(Path::new(name), &diagnostics);
        assert!(config.is_some() && diagnostics.is_empty(), "{diagnostics}");
    }
}

#[test]
fn an_empty_file_has_defaults_and_no_provider() {
    let (config, said) = read("");
    let config = config.unwrap();
    assert_eq!(said, "");
    assert_eq!(config.plugin_socket, Path::new("/run/cloudd/plugin.sock"));
    assert!(config.providers.is_empty());
}

#[test]
fn providers_are_in_the_order_of_the_files() {
    let (config, _) = read("[provider.b.static]\nfile = \"/b\"\n[provider.a.static]\nfile = \"/a\"\n");
    let names: Vec<String> = config.unwrap().providers.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let text = "[plugin]\nsock = \"x\"\n[provider.a.static]\nfiel = \"/a\"\n[provider.b.stattic]\n[provider.c]\n";
    let (config, said) = read(text);
    assert!(config.is_none());
    let places: Vec<&str> = said
        .lines()
        .filter_map(|line| Some(line.strip_prefix("cloudd.toml:")?.split(' ').next().unwrap()))
        .collect();
    assert_eq!(places, ["2:1:", "3:1:", "4:1:", "5:13:", "6:1:"], "{said}");
    assert!(said.contains("did you mean \"static\"?"), "{said}");
}

#[test]
fn secrets_are_kept_in_files_unless_something_else_is_said() {
    let (config, said) = read("work-dir = \"/w\"\n");
    let secrets = config.unwrap().secrets;
    assert_eq!(said, "");
    assert_eq!((secrets.versions_kept, secrets.environment.as_str()), (10, "default"));
    let secrets::config::KeptIn::File { folder, key, owner } = secrets.kept_in else {
        panic!("{:?}", secrets.kept_in)
    };
    assert_eq!((folder, key), ("/w/secrets".into(), "/w/secrets.key".into()));
    assert_eq!(owner, None);
    let text = "[secrets.s3]\nregion = \"eu-west-1\"\nbucket = \"b\"\nkms-key = \"alias/k\"\nprefix = \"p/\"\n";
    let (config, said) = read(text);
    let secrets = config.unwrap_or_else(|| panic!("{said}")).secrets;
    let is_s3 = matches!(&secrets.kept_in, secrets::config::KeptIn::S3 { prefix, .. } if prefix == "p/");
    assert!(is_s3, "{:?}", secrets.kept_in);
}

#[test]
fn what_is_wrong_with_secrets_is_said_with_its_place() {
    let complaint = |text: &str, at: &str, of: &str| {
        let (config, said) = read(text);
        let place = format!("cloudd.toml:{at}: ");
        assert!(
            config.is_none() && said.contains(&place) && said.contains(of),
            "{text}: {said}"
        );
    };
    complaint("[secrets]\nversions = 0\n", "2:12", "it takes 1 to 50");
    complaint("[secrets]\nenvironment = \"a/b\"\n", "2:16", "an environment is");
    complaint("[secrets.flie]\n", "1:10", "did you mean \"file\"?");
    let resource = "[secrets.resource]\nregion = \"eu-west-1\"\n";
    complaint(resource, "1:1", "`queue`");
    complaint(
        &format!("{resource}queue = \"q\"\nresponse-hosts = [\".amazonaws.com\", \"ftp://x\"]\n"),
        "4:38",
        "not hosts",
    );
    complaint(
        &format!("{resource}queue = \"q\"\nreadable = [\"a/b/c\"]\n"),
        "4:14",
        "not a pattern",
    );
    complaint(
        "[secrets.allow]\nno-such-user = [\"a\"]\n",
        "2:1",
        "no user \"no-such-user\"",
    );
    complaint(
        "[secrets.allow]\nroot = [\"a\", \"**\"]\n",
        "2:15",
        "not a pattern of names",
    );
    complaint(
        "[secrets.file]\n[secrets.s3]\nregion = \"r\"\nbucket = \"b\"\nkms-key = \"k\"\n",
        "2:1",
        "somewhere already",
    );
    complaint(
        "[secrets.dynamodb]\nregion = \"eu-west-1\"\ntable = \"t\"\n",
        "1:1",
        "`kms-key` is missing here",
    );
    complaint(
        "[secrets.s3]\nregion = \"eu-west-1\"\nbucket = \"b\"\nkms-key = \"k\"\nprefix = \"p\"\n",
        "5:11",
        "ends with a \"/\"",
    );
}

#[test]
fn a_topic_is_taken_from_once_and_can_deliver() {
    let topic = "topics = [\"arn:aws:sns:eu-west-1:1:t\"]\n";
    let resource = format!("[secrets.resource]\nregion = \"eu-west-1\"\n{topic}");
    let scaling =
        format!("[scaling.gpu]\nregion = \"eu-west-1\"\n{topic}spot-group = \"s\"\non-demand-group = \"o\"\n");
    let listens = "[sns]\nlisten = \"127.0.0.1:8080\"\n";
    for text in [&resource, &scaling] {
        let (config, said) = read(&format!("{listens}{text}"));
        assert!(config.is_some() && said.is_empty(), "{said}");
        let (config, said) = read(text);
        assert!(
            config.is_none() && said.contains(":3:12: no topic can deliver to us"),
            "{said}"
        );
    }
    let (config, said) = read(&format!("{listens}{resource}{scaling}"));
    assert!(config.is_none(), "{said}");
    assert!(
        said.contains("cloudd.toml:5:12: messages of this topic are taken already, at cloudd.toml:8:12"),
        "{said}"
    );
    let (config, said) = read(listens);
    assert!(
        config.is_some() && said.contains(":1:1: warning: nothing is delivered here"),
        "{said}"
    );
}
