//! The promises about catalogs: of our own zones, and of others'.

use dnsd_core::catalog::{Catalog, MemberId};
use dnsd_core::serial::Serial;
use dnsd_core::transfer::Received;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::super::test_zone::compiled;
use super::*;

const GENERATED: &str = "[zone.\"catz\".primary]\ncatalog-role = \"generate\"\nallow-transfer = [\"any\"]\n";
const GROUP: &str = "[zones.all.primary]\nfiles = \"zones/*.zone\"\ncatalog = \"catz\"\n";
const INTERPRETED: &str = "[zone.\"catz\".secondary]\nprimaries = [\"192.0.2.53\"]\ncatalog-role = \"interpret\"\n\
    catalog-template = [\"usual\", \"special\"]\n[zones.usual.secondary]\nprimaries = [\"192.0.2.53\"]\n\
    [zones.special.secondary]\nprimaries = [\"192.0.2.54\"]\nfiles = \"copies/*.zone\"\n";

/// A catalog of members, `zone id` each.
fn catalog(serial: u32, members: &[&str]) -> String {
    let members: String = members
        .iter()
        .map(|member| {
            let (zone, id) = member.split_once(' ').unwrap();
            format!("{id}.zones PTR {zone}.\n")
        })
        .collect();
    format!("$TTL 0\n@ SOA invalid. invalid. {serial} 60 60 86400 0\n@ NS invalid.\nversion TXT \"2\"\n{members}")
}

/// One of so many members.
fn large_catalog(serial: u32, count: usize) -> String {
    let all: Vec<String> = (0..count).map(|n| format!("z{n} i{n}")).collect();
    let members: Vec<&str> = all.iter().map(String::as_str).collect();
    // Other records keep the zone itself from looking much smaller when it has fewer.
    let padding: String = (0..400).map(|n| format!("x{n}.ext TXT \"{n}\"\n")).collect();
    format!("{}{padding}", catalog(serial, &members))
}

/// A zone that expires after a day.
fn long_lived(serial: u32) -> String {
    text(serial, 3).replace("1 1 1 1\n", "60 60 86400 60\n")
}

fn generating(files: &[&str]) -> Bench {
    let text = text(1, 1);
    let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, &*text)).collect();
    let mut bench = Bench::new(&files);
    bench.apply(&format!("{GENERATED}{GROUP}"), false);
    bench
}

fn interpreting() -> Bench {
    let mut bench = Bench::new(&[]);
    bench.apply(INTERPRETED, false);
    bench
}

impl Bench {
    fn again(self, config: &str) -> Self {
        let Self { dir, keeper, .. } = self;
        drop(keeper);
        let mut bench = Self::within(dir, &[]);
        bench.apply(config, false);
        bench
    }

    fn version(&self, zone: &str) -> Arc<Zone> {
        self.keeper.stored(&name(zone)).unwrap().zone
    }

    /// The members that our catalog lists.
    fn listed(&self) -> Vec<(String, MemberId)> {
        let catalog = Catalog::read(&self.version("catz")).unwrap();
        let members = catalog.members();
        members
            .map(|(zone, member)| (zone.to_string(), member.id.clone()))
            .collect()
    }

    fn came(&mut self, zone: &str, text: &str) {
        let received = Received::Zone(Box::new(compiled(zone, text)));
        self.keeper.take_transferred(&name(zone), received, false).unwrap();
        self.keeper.interpret_news();
    }

    fn is_there(&self, zone: &str) -> bool {
        self.board.zone(&name(zone)).is_some()
    }

    fn members(&self) -> Vec<String> {
        let status = self.board.catalog(&name("catz")).unwrap();
        status.members.iter().map(ToString::to_string).collect()
    }

    fn listen_for_members(&mut self) -> UnboundedReceiver<MembersChanged> {
        let (listener, members) = unbounded_channel();
        assert!(self.keeper.handle(Input::ListenForMembers(listener)).is_continue());
        members
    }
}

/// `-zone` for those that go, `zone primary` for those that are there.
fn told(members: &mut UnboundedReceiver<MembersChanged>) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(changed) = members.try_recv() {
        told.extend(changed.gone.iter().map(|key| format!("-{}", key.name)));
        let there = changed.there.iter();
        told.extend(there.map(|(key, zone)| format!("{} {}", key.name, zone.primaries[0].addresses[0].ip())));
    }
    told
}

#[test]
fn a_catalog_lists_the_zones_that_name_it_and_follows_them_in_steps() {
    let mut bench = generating(&["a.zone", "b.zone"]);
    bench.apply(
        &format!("{GENERATED}{GROUP}[zone.\"other\".primary]\nfile = \"zones/a.zone\"\n"),
        false,
    );
    let before = bench.version("catz");
    let listed = bench.listed();
    assert_eq!(listed.iter().map(|(zone, _)| &**zone).collect::<Vec<_>>(), ["a.", "b."]);
    assert_eq!(bench.status("catz").served_from, ServedFrom::Generated);
    fs::write(bench.file("c.zone"), text(1, 1)).unwrap();
    bench.after_edit("c");
    bench.keeper.list_touched();
    assert_eq!(bench.listed().len(), 3);
    let after = bench.version("catz");
    assert!(after.serial().is_after(before.serial()));
    let history = bench.keeper.secondaries[&name("catz")].info.history.load_full();
    let steps = history.since(before.serial(), after.serial()).unwrap();
    assert_eq!(steps.iter().map(|step| step.record_count()).sum::<usize>(), 3);
    assert_eq!(bench.members(), ["a.", "b.", "c."]);
    // What is only read anew changes nothing.
    fs::write(bench.file("c.zone"), text(2, 2)).unwrap();
    bench.apply(&format!("{GENERATED}{GROUP}"), false);
    assert_eq!(bench.version("catz").serial(), after.serial());
}

#[test]
fn labels_stay_over_a_restart_and_are_others_for_a_zone_that_was_gone() {
    let config = format!("{GENERATED}{GROUP}");
    let bench = generating(&["a.zone", "b.zone"]);
    let first = bench.listed();
    let mut bench = bench.again(&config);
    assert_eq!(bench.listed(), first);
    fs::remove_file(bench.file("a.zone")).unwrap();
    bench.apply(&config, false);
    assert_eq!(bench.listed(), first, "until its loss is accepted");
    bench.apply(&config, true);
    assert_eq!(bench.listed(), first[1..]);
    fs::write(bench.file("a.zone"), text(1, 1)).unwrap();
    bench.apply(&config, false);
    let (again, kept) = (bench.listed()[0].clone(), bench.listed()[1].clone());
    assert_eq!((again.0.as_str(), &kept), ("a.", &first[1]));
    assert_ne!(again.1, first[0].1);
    // Steps that are in the journal only are there, too.
    let listed = bench.listed();
    assert_eq!(bench.again(&config).listed(), listed);
}

#[test]
fn a_folder_that_is_out_of_reach_at_a_restart_costs_no_member() {
    let config = format!("{GENERATED}[zones.all.primary]\nfiles = \"mounted/*.zone\"\ncatalog = \"catz\"\n");
    let mut bench = Bench::new(&[]);
    let (folder, away) = (bench.dir.path().join("mounted"), bench.dir.path().join("away"));
    fs::create_dir(&folder).unwrap();
    for file in ["a.zone", "b.zone"] {
        fs::write(folder.join(file), text(1, 1)).unwrap();
    }
    bench.apply(&config, false);
    let (first, serial) = (bench.listed(), bench.version("catz").serial());
    assert_eq!(first.len(), 2);
    // The folder is there and empty, as one that something is to be mounted on.
    fs::rename(&folder, &away).unwrap();
    fs::create_dir(&folder).unwrap();
    let mut bench = bench.again(&config);
    assert!(!bench.is_there("a"));
    assert_eq!(bench.listed(), first);
    fs::remove_dir(&folder).unwrap();
    assert_eq!(bench.apply(&config, true).unlisted.len(), 1);
    assert_eq!(bench.listed(), first);
    fs::rename(&away, &folder).unwrap();
    bench.keeper.sweep(Instant::now());
    bench.quiet();
    bench.keeper.list_touched();
    assert_eq!((bench.served("a"), bench.listed()), (Some(1), first.clone()));
    assert_eq!(bench.version("catz").serial(), serial);
    // One that was deleted while the daemon was down goes when that is accepted.
    fs::remove_file(folder.join("a.zone")).unwrap();
    let mut bench = bench.again(&config);
    assert_eq!(bench.listed(), first);
    bench.apply(&config, true);
    assert_eq!(bench.listed(), first[1..]);
}

#[test]
fn a_zone_whose_group_or_table_names_the_catalog_no_more_is_listed_no_more_after_a_restart() {
    let forward = "[zone.\"b\".forward]\nforwarders = [\"192.0.2.1\"]\n";
    let bench = generating(&["a.zone", "b.zone"]);
    fs::remove_file(bench.file("b.zone")).unwrap();
    let bench = bench.again(&format!("{GENERATED}{GROUP}{forward}"));
    assert_eq!(bench.listed().len(), 1);
    let bench = bench.again(&format!("{GENERATED}[zones.all.primary]\nfiles = \"zones/*.zone\"\n"));
    assert_eq!(bench.listed().len(), 0);
}

#[test]
fn what_a_catalog_could_not_take_it_takes_once_it_can() {
    let mut bench = generating(&["a.zone", "b.zone"]);
    let broken = |bench: &Bench| bench.board.catalog(&name("catz")).unwrap().broken;
    // As if the disk were full.
    let in_the_way = last_good::folder(bench.dir.path()).join("catz.journal");
    fs::create_dir(&in_the_way).unwrap();
    fs::write(bench.file("c.zone"), text(1, 1)).unwrap();
    bench.after_edit("c");
    bench.keeper.list_touched();
    assert!(broken(&bench).unwrap().starts_with("the journal can't be written"));
    fs::remove_file(bench.file("b.zone")).unwrap();
    bench.keeper.reload(&name("b"), true).unwrap();
    bench.keeper.list_touched();
    assert_eq!(bench.members(), ["a.", "b."]);
    fs::remove_dir(&in_the_way).unwrap();
    let now = Instant::now();
    bench.keeper.next_sweep_at = now;
    bench.keeper.load_due(now);
    bench.keeper.list_touched();
    assert_eq!(
        (bench.members(), broken(&bench)),
        (vec!["a.".to_owned(), "c.".to_owned()], None)
    );
    assert_eq!(bench.listed().len(), 2);
}

#[test]
fn another_group_is_a_step_and_a_catalog_that_is_no_more_is_gone() {
    let mut bench = generating(&["a.zone"]);
    let first = bench.listed();
    bench.apply(&format!("{GENERATED}{GROUP}catalog-group = \"g\"\n"), false);
    let catalog = Catalog::read(&bench.version("catz")).unwrap();
    assert_eq!(catalog.members().next().unwrap().1.groups, [Box::from(*b"g")]);
    assert_eq!(bench.listed(), first);
    bench.apply("[zones.all.primary]\nfiles = \"zones/*.zone\"\n", false);
    assert!(!bench.is_there("catz"));
    assert_eq!(bench.board.catalog(&name("catz")), None);
}

#[test]
fn members_come_and_go_with_the_versions_of_their_catalog() {
    let mut bench = interpreting();
    let mut members = bench.listen_for_members();
    bench.came("catz", &catalog(1, &["a 1", "b 2"]));
    assert_eq!((bench.served("a"), bench.served("b")), (None, None));
    assert_eq!(told(&mut members), ["a. 192.0.2.53", "b. 192.0.2.53"]);
    bench.came("a", &long_lived(7));
    assert_eq!(bench.served("a"), Some(7));
    bench.came("catz", &catalog(2, &["a 1", "c 3"]));
    assert_eq!(
        (bench.served("a"), bench.is_there("b"), bench.is_there("c")),
        (Some(7), false, true)
    );
    assert_eq!(told(&mut members), ["-b.", "c. 192.0.2.53"]);
    assert_eq!(bench.members(), ["a.", "c."]);
}

#[test]
fn members_are_served_from_disk_after_a_restart_whatever_their_catalog_has_become() {
    let mut bench = interpreting();
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    let mut bench = bench.again(INTERPRETED);
    assert_eq!(bench.served("a"), Some(7));
    // RFC 9432 §5.1
    bench.came("catz", &catalog(2, &["b 1"]).replace("\"2\"", "\"3\""));
    assert_eq!((bench.served("a"), bench.is_there("b")), (Some(7), false));
    let broken = bench.board.catalog(&name("catz")).unwrap().broken.unwrap();
    assert_eq!(broken, "a version other than \"2\"");
    let mut bench = bench.again(INTERPRETED);
    assert_eq!((bench.served("a"), bench.is_there("b")), (Some(7), false));
    fs::remove_file(last_good::folder(bench.dir.path()).join("catz.last")).unwrap();
    bench = bench.again(INTERPRETED);
    assert_eq!(bench.served("a"), Some(7));
    bench.came("catz", &catalog(3, &["b 1"]));
    assert_eq!((bench.is_there("a"), bench.is_there("b")), (false, true));
    assert_eq!(bench.board.catalog(&name("catz")).unwrap().broken, None);
}

#[test]
fn rfc9432_5_3_what_is_stored_of_a_removed_member_is_removed_with_it() {
    let mut bench = interpreting();
    let special = "group.2.zones TXT special\n";
    fs::create_dir(bench.dir.path().join("copies")).unwrap();
    bench.came("catz", &format!("{}{special}", catalog(1, &["a 1", "b 2"])));
    bench.came("a", &long_lived(7));
    bench.came("b", &long_lived(7));
    let mut bench = bench.again(INTERPRETED);
    let copies = [
        last_good::folder(bench.dir.path()).join("a.last"),
        bench.dir.path().join("copies/b.zone"),
    ];
    assert!(copies.iter().all(|copy| copy.exists()));
    bench.came("catz", &catalog(2, &["c 3"]));
    assert!(copies.iter().all(|copy| !copy.exists()));
    let bench = bench.again(INTERPRETED);
    assert!(copies.iter().all(|copy| !copy.exists()));
    assert!(!bench.is_there("a"));
}

#[test]
fn rfc9432_5_4_a_member_with_another_label_begins_anew() {
    let mut bench = interpreting();
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    let mut bench = bench.again(INTERPRETED);
    let mut members = bench.listen_for_members();
    bench.came("catz", &catalog(2, &["a 2"]));
    assert_eq!(bench.served("a"), None);
    assert_eq!(told(&mut members), ["-a.", "a. 192.0.2.53"]);
    let bench = bench.again(INTERPRETED);
    assert_eq!(bench.served("a"), None);
}

#[test]
fn a_label_that_changed_while_the_daemon_was_down_begins_the_zone_anew() {
    let mut bench = interpreting();
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    let bench = bench.again(INTERPRETED);
    // The daemon was killed between the version of the catalog and what it means.
    let path = last_good::folder(bench.dir.path()).join("catz.last");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("1.zones", "2.zones")).unwrap();
    assert_eq!(bench.again(INTERPRETED).served("a"), None);
}

#[test]
fn rfc9432_4_4_2_a_group_selects_the_template_and_another_one_keeps_the_zone() {
    let mut bench = interpreting();
    let mut members = bench.listen_for_members();
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    bench.came("catz", &format!("{}group.1.zones TXT special\n", catalog(2, &["a 1"])));
    assert_eq!(told(&mut members), ["a. 192.0.2.53", "a. 192.0.2.54"]);
    assert_eq!(bench.served("a"), Some(7));
    assert_eq!(bench.status("a").file, bench.dir.path().join("copies/a.zone"));
}

#[test]
fn rfc9432_5_2_a_zone_of_the_configuration_is_no_catalog_s() {
    let own = "[zone.\"a\".primary]\nfile = \"zones/a.zone\"\n";
    let mut bench = Bench::new(&[("a.zone", &text(5, 1))]);
    bench.apply(&format!("{INTERPRETED}{own}"), false);
    bench.came("catz", &catalog(1, &["a 1", "b 2", "catz 3"]));
    assert_eq!((bench.served("a"), bench.members()), (Some(5), vec!["b.".to_owned()]));
    let clashes = bench.board.catalog(&name("catz")).unwrap().clashes;
    assert_eq!(
        clashes,
        [
            "a. is a zone of the configuration already",
            "catz. is a zone of the configuration already"
        ]
    );
    // The name is free, and then it isn't any more.
    bench.apply(INTERPRETED, false);
    assert_eq!(
        (bench.served("a"), bench.members()),
        (None, vec!["a.".to_owned(), "b.".to_owned()])
    );
    bench.apply(&format!("{INTERPRETED}{own}"), false);
    assert_eq!((bench.served("a"), bench.members()), (Some(5), vec!["b.".to_owned()]));
}

#[test]
fn a_secondary_zone_that_goes_over_from_its_table_to_a_catalog_stays_as_it_is() {
    let own = "[zone.\"a\".secondary]\nprimaries = [\"192.0.2.53\"]\nfile = \"own\"\n";
    let mut bench = Bench::new(&[]);
    bench.apply(&format!("{INTERPRETED}{own}"), false);
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    let mut members = bench.listen_for_members();
    bench.apply(INTERPRETED, false);
    assert_eq!((bench.served("a"), bench.members()), (Some(7), vec!["a.".to_owned()]));
    assert_eq!(told(&mut members), ["a. 192.0.2.53"]);
    let bench = bench.again(INTERPRETED);
    assert_eq!((bench.served("a"), bench.members()), (Some(7), vec!["a.".to_owned()]));
}

#[test]
fn rfc9432_5_3_what_a_catalog_had_brought_goes_with_it_though_another_lists_it() {
    let other = "[zone.\"newcatz\".secondary]\nprimaries = [\"192.0.2.55\"]\ncatalog-role = \"interpret\"\n\
        catalog-template = \"new\"\n[zones.new.secondary]\nprimaries = [\"192.0.2.55\"]\n";
    let mut bench = Bench::new(&[]);
    let both = format!("{INTERPRETED}{other}");
    bench.apply(&both, false);
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    bench.came("newcatz", &catalog(1, &["a 1"]));
    let mut bench = bench.again(&both);
    assert_eq!(bench.served("a"), Some(7));
    let mut members = bench.listen_for_members();
    bench.apply(other, false);
    assert_eq!(told(&mut members), ["-a.", "a. 192.0.2.55"]);
    assert_eq!(bench.served("a"), None);
}

#[test]
fn a_new_file_in_a_group_s_folder_has_its_name_before_a_catalog() {
    let group = "[zones.all.primary]\nfiles = \"zones/*.zone\"\n";
    let mut bench = Bench::new(&[]);
    bench.apply(&format!("{INTERPRETED}{group}"), false);
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    fs::write(bench.file("a.zone"), text(5, 1)).unwrap();
    bench.after_edit("a");
    assert_eq!((bench.served("a"), bench.members()), (Some(5), Vec::new()));
}

#[test]
fn what_was_meant_for_a_broken_version_of_a_catalog_is_not_for_the_next_one() {
    let mut bench = interpreting();
    bench.came("catz", &large_catalog(1, 120));
    let broken = large_catalog(2, 120).replace("version TXT \"2\"", "version TXT \"3\"");
    let received = Received::Zone(Box::new(compiled("catz", &broken)));
    bench.keeper.take_transferred(&name("catz"), received, true).unwrap();
    bench.keeper.interpret_news();
    let status = |bench: &Bench| bench.board.catalog(&name("catz")).unwrap();
    assert!(status(&bench).broken.is_some());
    bench.came("catz", &large_catalog(3, 50));
    assert_eq!((bench.members().len(), status(&bench).held.is_some()), (120, true));
}

#[test]
fn a_catalog_that_loses_most_of_a_hundred_members_waits_to_be_accepted() {
    let mut bench = interpreting();
    bench.came("catz", &large_catalog(1, 120));
    bench.came("catz", &format!("{}new.zones PTR new.\n", large_catalog(2, 50)));
    assert_eq!(bench.members().len(), 120);
    let held = bench.board.catalog(&name("catz")).unwrap().held.unwrap();
    assert!(held.starts_with("of 120 members 70 would go"), "{held}");
    let mut bench = bench.again(INTERPRETED);
    assert_eq!((bench.members().len(), bench.is_there("new")), (120, false));
    let outcome = bench.keeper.reload(&name("catz"), true).unwrap();
    assert!(outcome.is_served());
    assert_eq!((bench.members().len(), bench.is_there("z60")), (51, false));
    assert_eq!(bench.board.catalog(&name("catz")).unwrap().held, None);
}

#[test]
fn rfc9432_4_4_1_a_zone_that_is_handed_over_keeps_its_data_and_has_the_other_catalog_s_template() {
    let other = "[zone.\"newcatz\".secondary]\nprimaries = [\"192.0.2.55\"]\ncatalog-role = \"interpret\"\n\
        catalog-template = \"new\"\n[zones.new.secondary]\nprimaries = [\"192.0.2.55\"]\n";
    let config = format!("{INTERPRETED}{other}");
    let mut bench = Bench::new(&[]);
    bench.apply(&config, false);
    let mut members = bench.listen_for_members();
    bench.came("catz", &catalog(1, &["a 1", "b 2"]));
    bench.came("a", &long_lived(7));
    bench.came("b", &long_lived(7));
    bench.came("newcatz", &catalog(1, &["a 1"]));
    assert_eq!(bench.members(), ["a.", "b."]);
    bench.came(
        "catz",
        &format!("{}coo.1.zones PTR newcatz.\n", catalog(2, &["a 1", "b 2"])),
    );
    bench.came("newcatz", &catalog(2, &["a 1"]));
    assert_eq!(told(&mut members), ["a. 192.0.2.53", "b. 192.0.2.53", "a. 192.0.2.55"]);
    let mut bench = bench.again(&config);
    assert_eq!((bench.served("a"), bench.members()), (Some(7), vec!["b.".to_owned()]));
    bench.came("catz", &catalog(3, &["b 2"]));
    assert_eq!(bench.served("a"), Some(7));
}

#[test]
fn a_catalog_that_has_expired_means_nothing_until_it_is_fresh_again() {
    let mut bench = interpreting();
    bench.came("catz", &catalog(1, &["a 1"]));
    bench.came("a", &long_lived(7));
    bench.keeper.expire(&name("catz"));
    bench.keeper.interpret_news();
    assert_eq!(bench.served("a"), Some(7));
    let mut bench = bench.again(INTERPRETED);
    bench.keeper.take_confirmed(&name("catz"), SystemTime::now());
    bench.keeper.interpret_news();
    assert_eq!((bench.served("a"), bench.members()), (Some(7), vec!["a.".to_owned()]));
}

#[test]
fn a_catalog_is_read_from_a_file_of_ours_as_well() {
    let config = "[zone.\"catz\".primary]\nfile = \"zones/catz.zone\"\ncatalog-role = \"interpret\"\n\
        catalog-template = \"usual\"\n[zones.usual.secondary]\nprimaries = [\"192.0.2.53\"]\n";
    let mut bench = Bench::new(&[("catz.zone", &catalog(1, &["a 1"]))]);
    bench.apply(config, false);
    assert!(bench.is_there("a"));
    fs::write(bench.file("catz.zone"), catalog(2, &["b 2"])).unwrap();
    bench.after_edit("catz");
    bench.keeper.interpret_news();
    assert!(!bench.is_there("a") && bench.is_there("b"));
    assert_eq!(bench.version_serial("catz"), Serial(2));
    // Without the role the zones go.
    bench.apply("[zone.\"catz\".primary]\nfile = \"zones/catz.zone\"\n", false);
    assert!(!bench.is_there("b") && bench.is_there("catz"));
}

impl Bench {
    fn version_serial(&self, zone: &str) -> Serial {
        Serial(self.served(zone).unwrap())
    }
}
