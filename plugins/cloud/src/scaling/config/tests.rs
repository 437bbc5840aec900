use ballast_shared::config::load;

use super::*;

const QUEUE: &str = "queue = \"https://sqs.eu-west-1.amazonaws.com/1/q\"\n";
const GROUPS: &str = "spot-group = \"s\"\non-demand-group = \"o\"\n";

fn read(name: &str, text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloudd.toml");
    std::fs::write(&path, format!("[scaling.\"{name}\"]\n{text}")).unwrap();
    let diagnostics = Diagnostics::new();
    let mut read = Vec::new();
    load(&path, &diagnostics, &mut |root| {
        for (key, value) in root.table("scaling").iter().flat_map(Table::entries) {
            read.extend(value.table().map(|table| (key, Spec::read(&table))));
        }
    });
    let (key, spec) = read.remove(0);
    let provider = |_: &str| None;
    let config = spec.resolve(
        &key,
        &diagnostics,
        &TlsFiles::default(),
        &Environment::default(),
        provider,
    );
    match config {
        Some(config) if !diagnostics.has_errors() => Ok(config),
        _ => Err(diagnostics.to_string()),
    }
}

#[test]
fn the_articles_values_are_the_defaults() {
    let config = read("gpu", &format!("region = \"eu-west-1\"\n{QUEUE}{GROUPS}")).unwrap();
    assert_eq!(config.bid_factor.to_string(), "0.85");
    assert_eq!(
        (config.tag_bid.as_str(), config.tag_type.as_str()),
        ("SpotPrice", "SpotType")
    );
    assert_eq!(config.subnets, [Filter::new("tag:Usage", ["ApplicationSubnet*"])]);
    assert_eq!(
        (config.policy_up.as_str(), config.policy_down.as_str()),
        ("ScaleUp", "ScaleDown")
    );
    assert_eq!(
        (config.price_window, config.come_up),
        (Duration::from_secs(3600), Duration::from_secs(600))
    );
    assert!(config.jobs[0].matches("There are jobs to process!"));
    assert_eq!(config.groups.stack, None);
}

#[test]
fn every_key_is_taken() {
    let text = format!(
        "region = \"eu-west-1\"\nstack = \"media\"\n{QUEUE}{GROUPS}alarm-jobs = \"*-jobs-*\"\nalarm-no-jobs = [\"*-idle-*\", \"idle\"]\n\
         tag-bid = \"Bid\"\ntag-type = \"Type\"\nbid-factor = 1\nsubnet-tags = {{ Tier = [\"app\", \"gpu\"] }}\nvpc = \"vpc-1\"\n\
         policy-up = \"Up\"\npolicy-down = \"Down\"\nprice-window = \"30m\"\ncome-up = \"5m\"\n"
    );
    let config = read("gpu", &text).unwrap();
    assert_eq!(config.groups.stack.as_deref(), Some("media"));
    assert_eq!(config.bid_factor, Share::ONE);
    assert_eq!(config.subnets, [Filter::new("tag:Tier", ["app", "gpu"])]);
    assert_eq!(config.no_jobs.len(), 2);
    assert_eq!(
        (config.vpc.as_deref(), config.tag_type.as_str()),
        (Some("vpc-1"), "Type")
    );
}

#[test]
fn messages_come_from_a_queue_or_from_topics() {
    let topics = "topics = [\"arn:aws:sns:eu-west-1:1:alarms\"]\n";
    let config = read("gpu", &format!("region = \"eu-west-1\"\n{topics}{GROUPS}")).unwrap();
    assert_eq!((config.queue.as_deref(), config.topics.len()), (None, 1));
    assert!(!config.parts().contains(&Part::ScalingQueue));
    let wrong = read(
        "gpu",
        &format!("region = \"eu-west-1\"\ntopics = [\"alarms\"]\n{GROUPS}"),
    )
    .unwrap_err();
    assert!(wrong.contains(":3:12: not a topic"), "{wrong}");
}

#[test]
fn all_that_is_wrong_is_reported_with_its_place() {
    let text = "region = \"eu west\"\nqueue = \"q\"\nspot-group = \"s\"\non-demand-group = \"s\"\nbid-factor = 0\n\
                price-window = \"1s\"\ncome-up = \"2d\"\nsubnet-tags = { a = [] }\npolicy-up = \"x\"\npolicy-down = \"x\"\n\
                alarm-jobs = \"a\"\nalarm-no-jobs = \"a\"\nbid-facto = 1\n";
    let error = read("g p u", text).unwrap_err();
    for wanted in [
        ":1:10: a scaling is named by",
        ":2:11: not the name of a region",
        ":3:10: not the URL of a queue",
        ":5:20: the two groups are one",
        ":6:14: not a share",
        ":7:17: out of range: it takes \"1m\" to \"7d\"",
        ":8:12: out of range: it takes \"10s\" to \"1d\"",
        ":9:21: a list of 1 to 200 values",
        ":11:16: the policies can't be told apart",
        ":13:17: one alarm can't say both",
        ":14:1: unknown key `bid-facto`",
    ] {
        assert!(error.contains(wanted), "{wanted} is not in\n{error}");
    }
    assert!(
        read("gpu", "provider = \"none\"")
            .unwrap_err()
            .contains(":2:13: there is no provider of this name")
    );
    let missing = read("gpu", "region = \"eu-west-1\"").unwrap_err();
    for key in ["`queue`", "`spot-group`", "`on-demand-group`"] {
        assert!(missing.contains(&format!("{key} is missing here")), "{missing}");
    }
}
