//! Zones from files in folders of the tests' own.

use std::fs;

use super::*;

const HEAD: &str = "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\n";

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { dir }
    }

    fn load(&self, file: &str) -> Attempt {
        load(
            &"example.net".parse().unwrap(),
            &self.dir.path().join(file),
            self.dir.path(),
            Standard::Sound,
            1,
        )
    }

    /// What is printed of a load's problems.
    fn problems(&self, file: &str) -> Vec<String> {
        let folder = format!("{}/", self.dir.path().display());
        let problems = self.load(file).result.unwrap_err();
        problems
            .iter()
            .map(|problem| problem.to_string().replace(&folder, ""))
            .collect()
    }

    fn asked_for(&self, attempt: &Attempt) -> Vec<String> {
        let relative = |file: &ReadFile| {
            file.path
                .strip_prefix(self.dir.path())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        attempt.files.iter().map(relative).collect()
    }
}

/// Whether the files of a load are now what they were then.
fn is_unchanged(attempt: &Attempt) -> bool {
    attempt.files.iter().all(ReadFile::is_unchanged)
}

#[test]
fn an_include_is_beside_its_file_or_in_the_configuration_folder() {
    let bench = Bench::new(&[
        (
            "zones/db",
            &format!("{HEAD}$INCLUDE sub/a\n$INCLUDE common/c\n$INCLUDE sub/a x\n"),
        ),
        ("zones/sub/a", "$INCLUDE b\na A 192.0.2.1\n"),
        ("zones/sub/b", "b A 192.0.2.1\n"),
        ("common/c", "c A 192.0.2.1\n"),
    ]);
    let attempt = bench.load("zones/db");
    assert_eq!(
        bench.asked_for(&attempt),
        ["zones/db", "zones/sub/a", "zones/sub/b", "zones/common/c", "common/c"]
    );
    assert!(attempt.is_current);
    assert_eq!(attempt.result.unwrap().zone.record_count(), 7);
}

#[test]
fn every_error_of_every_file_comes_with_its_place() {
    let bench = Bench::new(&[
        ("db", &format!("{HEAD}a A 192.0.2\n$INCLUDE inc\nb NOSUCH x\n")),
        ("inc", "c A 192.0.2.1\n  MX ten mail\n"),
    ]);
    let problems = bench.problems("db");
    let places: Vec<&str> = problems
        .iter()
        .map(|problem| problem.split(' ').next().unwrap())
        .collect();
    assert_eq!(places, ["db:4:5:", "inc:2:6:", "db:6:3:"], "{problems:?}");
}

#[test]
fn what_the_checks_find_comes_with_file_and_line() {
    let bench = Bench::new(&[
        ("db", &format!("{HEAD}$INCLUDE inc\n")),
        ("inc", "\na CNAME b\na A 192.0.2.1\n"),
    ]);
    assert_eq!(
        bench.problems("db"),
        ["inc:2: a.example.net. CNAME: a CNAME beside other records"]
    );
}

#[test]
fn a_missing_include_is_asked_for_where_it_could_be() {
    let bench = Bench::new(&[("zones/db", &format!("{HEAD}$INCLUDE gone\n"))]);
    let attempt = bench.load("zones/db");
    assert_eq!(bench.asked_for(&attempt), ["zones/db", "zones/gone", "gone"]);
    assert!(attempt.is_current);
    fs::write(bench.dir.path().join("gone"), "").unwrap();
    assert!(!is_unchanged(&attempt));
}

#[test]
fn a_file_that_was_written_after_it_was_read_is_not_current() {
    let bench = Bench::new(&[("db", HEAD)]);
    let attempt = bench.load("db");
    assert!(attempt.is_current);
    fs::write(bench.dir.path().join("db"), format!("{HEAD}a A 192.0.2.1\n")).unwrap();
    assert!(!is_unchanged(&attempt));
}

#[test]
fn only_plain_files_are_read() {
    let bench = Bench::new(&[("sub/x", "")]);
    let pipe = bench.dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(bench.problems("pipe"), ["pipe: invalid input parameter"]);
    assert_eq!(bench.problems("sub"), ["sub: is a directory"]);
    assert_eq!(bench.problems("gone"), ["gone: No such file or directory (os error 2)"]);
}

#[test]
fn many_zones_come_back_in_their_order() {
    let bench = Bench::new(&[("good", HEAD), ("bad", "nonsense")]);
    let key = ZoneKey::outside("example.net".parse().unwrap());
    let (good, bad) = (bench.dir.path().join("good"), bench.dir.path().join("bad"));
    let request = |file: &str| Request {
        key: &key,
        file: if file == "good" { &good } else { &bad },
        base_dir: bench.dir.path(),
        standard: Standard::Sound,
        last_good: None,
        has_other_serial: false,
    };
    let files = ["good", "bad", "good", "good", "bad"];
    let attempts = in_parallel(&files.map(request), 3);
    let good: Vec<bool> = attempts.iter().map(|attempt| attempt.result.is_ok()).collect();
    assert_eq!(good, files.map(|file| file == "good"));
    assert!(in_parallel(&[], 3).is_empty());
}

#[test]
fn a_large_file_comes_out_the_same_on_any_number_of_threads() {
    let mut text = String::from(HEAD);
    for number in 0..60_000 {
        text += &match number % 20_000 {
            5 => format!("h{number} A 192.0.2\n"),
            6 => format!("h{number} ( TXT \"a ;\"\n b )\n"),
            7 => "$ORIGIN sub\n".to_owned(),
            8 => "$GENERATE 1-200 g$ A 192.0.2.$\n".to_owned(),
            9 => "$ORIGIN example.net.\n$INCLUDE inc x\n".to_owned(),
            number => format!("h{number} 60 IN A 192.0.2.{}\n", number % 256),
        };
    }
    assert!(text.len() > LARGE_FILE_BYTES);
    let good = text.replace("A 192.0.2\n", "A 192.0.2.1\n");
    // Nothing that keeps the parts from being read ahead, and names, sets and TTLs that are in several of them.
    let in_parts: String = (0..60_000)
        .map(|number| match number % 1000 {
            0 => format!("d{} {number} NS ns.d{}\n", number % 7000, number % 7000),
            1 => format!("x{number}.other. A 192.0.2.1\n"),
            number => format!("h{number}.x 60 IN A 192.0.2.{}\n   TXT {number}\n", number % 256),
        })
        .collect();
    let warned = format!("{HEAD}{in_parts}");
    let refused = format!("{warned}h7.x CNAME x\n");
    let bench = Bench::new(&[
        ("bad", &text),
        ("good", &good),
        ("warned", &warned),
        ("refused", &refused),
        ("inc", "i CNAME j\ni 70 TXT k\n"),
    ]);
    let name = "example.net".parse().unwrap();
    let load = |file: &str, threads: usize| {
        load(
            &name,
            &bench.dir.path().join(file),
            bench.dir.path(),
            Standard::Sound,
            threads,
        )
    };
    for file in ["bad", "good", "warned", "refused"] {
        let outcome = |threads| match load(file, threads).result {
            Ok(loaded) => {
                let mut records = Vec::new();
                last_good::write_records(&loaded.zone, &mut records).unwrap();
                let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
                Ok((String::from_utf8(records).unwrap(), warnings))
            }
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<String>>()),
        };
        for threads in [2, 3, 5] {
            assert!(outcome(threads) == outcome(1), "{file} on {threads} threads");
        }
    }
    assert!(load("warned", 2).result.unwrap().warnings.len() > 60);
    assert_eq!(load("bad", 2).result.unwrap_err().len(), 3);
}
