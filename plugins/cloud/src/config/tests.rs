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
