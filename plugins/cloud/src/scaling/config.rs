//! `[scaling.NAME]`.

use std::time::Duration;

use ballast_shared::config::{Diagnostics, FromValue, Key, OneOrMany, Span, Spanned, Table, Value};
use ballast_shared::tls::TlsFiles;

use super::pattern::Pattern;
use super::price::Share;
use crate::aws::credentials::Environment;
use crate::aws::ec2::Filter;
use crate::aws::settings::SettingsSpec;
use crate::aws::{Endpoint, Part, Settings};
use crate::iam::{Grant, Scope};
use crate::sns::config::check_topics;

/// The articles' values.
const JOBS: &str = "There are jobs to process!";
const NO_JOBS: &str = "Chill, no more jobs";
const TAG_BID: &str = "SpotPrice";
const TAG_TYPE: &str = "SpotType";
const BID_FACTOR: Share = Share::from_millionths(850_000);
const SUBNET_TAG: (&str, &str) = ("Usage", "ApplicationSubnet*");
const POLICY_UP: &str = "ScaleUp";
const POLICY_DOWN: &str = "ScaleDown";
const PRICE_WINDOW: Duration = Duration::from_secs(3600);
/// What a spot request that will be filled takes, and some.
const COME_UP: Duration = Duration::from_secs(600);

/// EC2 remembers prices for 90 days; more than a week says nothing of the next hour.
const PRICE_WINDOW_RANGE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 86_400));
const COME_UP_RANGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(86_400));
/// Characters of a name: it is a file's, too.
const NAME_CHARS_MAX: usize = 64;
/// Values of a filter that EC2 takes.
const FILTER_VALUES_MAX: usize = 200;

/// What one pair of groups is scaled by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its name in the configuration: letters, digits, `-` and `_`.
    pub name: String,
    /// How the services are reached.
    pub settings: Settings,
    /// The URL of the queue with its alarms and notices, if they come from one …
    pub queue: Option<String>,
    /// … and the topics that deliver them to us.
    pub topics: Vec<String>,
    /// Which groups.
    pub groups: Groups,
    /// The alarms that say that there are jobs.
    pub jobs: Vec<Pattern>,
    /// Those that say that there are none any more.
    pub no_jobs: Vec<Pattern>,
    /// The tag of the spot group with what it bids.
    pub tag_bid: String,
    /// The tag of the spot group with the type of its machines.
    pub tag_type: String,
    /// What of the bid the mean price may be.
    pub bid_factor: Share,
    /// Which subnets count.
    pub subnets: Vec<Filter>,
    /// The network that they are in; `None`: that of the spot group's own subnets.
    pub vpc: Option<String>,
    /// What the name of a policy has in it that scales up …
    pub policy_up: String,
    /// … and down.
    pub policy_down: String,
    /// How far back prices count.
    pub price_window: Duration,
    /// How long the spot group has to have a machine in service.
    pub come_up: Duration,
}

impl Config {
    /// What is done with AWS, and with what there: what has to be permitted.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let region = self.settings.endpoints.region();
        let Groups { stack, spot, on_demand } = &self.groups;
        let arn = |service: &str, name: String| Scope::arn_of(service, region, None, &name);
        let group = |name: &str| arn("autoscaling", format!("autoScalingGroup:*:autoScalingGroupName/{name}"));
        let mut grants = vec![Grant::new(Part::ScalingInputs, Scope::all(region))];
        let queue = self.queue.iter();
        grants.extend(queue.map(|queue| Grant::new(Part::ScalingQueue, Scope::queue(queue, region))));
        let groups = match stack {
            None => vec![group(spot), group(on_demand)],
            Some(stack) => {
                // Stacks in it have names that begin with its own, and so have the groups of both.
                let name = stack.split_once(":stack/").map_or(stack.as_str(), |(_, name)| name);
                let name = name.split('/').next().unwrap_or(name);
                let stacks = ["", "-*"].map(|more| arn("cloudformation", format!("stack/{name}{more}/*")));
                grants.push(Grant::new(Part::ScalingStack, Scope::Arns(stacks.to_vec())));
                vec![group(&format!("{name}-*"))]
            }
        };
        grants.push(Grant::new(Part::ScalingActions, Scope::Arns(groups)));
        grants
    }

    /// What is done with AWS.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        self.grants().iter().map(|grant| grant.part).collect()
    }
}

/// How the groups are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The stack, or the stack with stacks in it, whose resources they are; `None`: they are named outright.
    pub stack: Option<String>,
    /// The spot group, by its name or its logical id in the stack.
    pub spot: String,
    /// The on-demand group.
    pub on_demand: String,
}

/// The table as it stands in a file.
#[derive(Debug)]
pub struct Spec {
    span: Span,
    reached: Reached,
    queue: Option<Spanned<String>>,
    topics: Vec<Spanned<String>>,
    stack: Option<String>,
    spot: Option<Spanned<String>>,
    on_demand: Option<Spanned<String>>,
    alarm_jobs: Option<OneOrMany<String>>,
    alarm_no_jobs: Option<OneOrMany<String>>,
    tag_bid: Option<String>,
    tag_type: Option<String>,
    bid_factor: Option<Share>,
    subnet_tags: Option<Vec<(String, Spanned<Vec<String>>)>>,
    vpc: Option<String>,
    policy_up: Option<Spanned<String>>,
    policy_down: Option<Spanned<String>>,
    price_window: Option<Spanned<Duration>>,
    come_up: Option<Spanned<Duration>>,
}

/// How the services are reached.
#[derive(Debug)]
enum Reached {
    /// As a provider reaches them.
    As(Spanned<String>),
    /// As is said here.
    By(Box<SettingsSpec>),
}

impl FromValue for Share {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let share = value.number_text()?.parse();
        share
            .map_err(|error: super::price::NotAShare| value.error(error.to_string()))
            .ok()
    }
}

impl Spec {
    /// Reads `[scaling.NAME]`.
    #[must_use]
    pub fn read(table: &Table<'_>) -> Self {
        let reached = match table.optional("provider") {
            Some(provider) => Reached::As(provider),
            None => Reached::By(Box::new(SettingsSpec::read(table))),
        };
        let subnet_tags = table.table("subnet-tags").map(|tags| {
            let entries = tags.entries().into_iter();
            entries
                .filter_map(|(key, value)| Some((key.name, FromValue::from_value(value)?)))
                .collect()
        });
        Self {
            span: table.span(),
            reached,
            queue: table.optional("queue"),
            topics: table.optional("topics").unwrap_or_default(),
            stack: table.optional("stack"),
            spot: table.required("spot-group"),
            on_demand: table.required("on-demand-group"),
            alarm_jobs: table.optional("alarm-jobs"),
            alarm_no_jobs: table.optional("alarm-no-jobs"),
            tag_bid: table.optional("tag-bid"),
            tag_type: table.optional("tag-type"),
            bid_factor: table.optional("bid-factor"),
            subnet_tags,
            vpc: table.optional("vpc"),
            policy_up: table.optional("policy-up"),
            policy_down: table.optional("policy-down"),
            price_window: table.optional("price-window"),
            come_up: table.optional("come-up"),
        }
    }

    /// What it comes to. What is wrong is reported. `provider` has the settings of the provider of a name, if there is one that
    /// speaks to AWS.
    #[must_use]
    pub fn resolve(
        self,
        key: &Key,
        diagnostics: &Diagnostics,
        files: &TlsFiles,
        environment: &Environment,
        provider: impl Fn(&str) -> Option<Settings>,
    ) -> Option<Config> {
        let wrong = |span, message: &str| {
            diagnostics.error(span, message);
            None::<()>
        };
        // Everything is looked at before anything is given up for, so that all of it is reported.
        let name = check_name(key, diagnostics);
        let queue = match &self.queue {
            Some(queue) if !is_queue(&queue.value) => wrong(
                queue.span,
                "not the URL of a queue: \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"",
            ),
            None if self.topics.is_empty() => {
                wrong(self.span, "`queue` is missing here, or `topics` that deliver to us")
            }
            _ => Some(()),
        };
        check_topics(&self.topics, diagnostics);
        let groups = match (&self.spot, &self.on_demand) {
            (Some(spot), Some(other)) if spot.value == other.value => wrong(other.span, "the two groups are one"),
            _ => Some(()),
        };
        let window = within(
            self.price_window.as_ref(),
            PRICE_WINDOW_RANGE,
            "\"1m\" to \"7d\"",
            diagnostics,
        );
        let come_up = within(self.come_up.as_ref(), COME_UP_RANGE, "\"10s\" to \"1d\"", diagnostics);
        let subnets = subnet_filters(self.subnet_tags, diagnostics);
        let (up, down) = (part(self.policy_up, POLICY_UP), part(self.policy_down, POLICY_DOWN));
        let policies = match up.0 == down.0 || up.0.is_empty() || down.0.is_empty() {
            true => wrong(
                down.1.or(up.1).unwrap_or(self.span),
                "the policies can't be told apart by these parts of their names",
            ),
            false => Some(()),
        };
        let alarms = alarms(self.alarm_jobs, self.alarm_no_jobs, diagnostics);
        let settings = match self.reached {
            Reached::By(spec) => spec.resolve(diagnostics, files, environment),
            Reached::As(name) => provider(&name.value).or_else(|| {
                wrong(name.span, "there is no provider of this name that speaks to AWS");
                None
            }),
        };
        name.and(queue).and(groups).and(policies)?;
        let (jobs, no_jobs) = alarms?;
        Some(Config {
            name: key.name.clone(),
            settings: settings?,
            queue: self.queue.map(|queue| queue.value),
            topics: self.topics.into_iter().map(|topic| topic.value).collect(),
            groups: Groups {
                stack: self.stack,
                spot: self.spot?.value,
                on_demand: self.on_demand?.value,
            },
            jobs,
            no_jobs,
            tag_bid: self.tag_bid.unwrap_or_else(|| TAG_BID.to_owned()),
            tag_type: self.tag_type.unwrap_or_else(|| TAG_TYPE.to_owned()),
            bid_factor: self.bid_factor.unwrap_or(BID_FACTOR),
            subnets: subnets?,
            vpc: self.vpc,
            policy_up: up.0,
            policy_down: down.0,
            price_window: window.map(|window| window.unwrap_or(PRICE_WINDOW))?,
            come_up: come_up.map(|time| time.unwrap_or(COME_UP))?,
        })
    }
}

/// Where its messages come from, for those who have to know whether another takes from the same.
impl Spec {
    /// The URL as it stands in the file.
    #[must_use]
    pub fn queue(&self) -> Option<&Spanned<String>> {
        self.queue.as_ref()
    }

    /// The ARNs of the topics.
    #[must_use]
    pub fn topics(&self) -> &[Spanned<String>] {
        &self.topics
    }
}

fn check_name(key: &Key, diagnostics: &Diagnostics) -> Option<()> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match key.name.len() {
        1..=NAME_CHARS_MAX if key.name.chars().all(is_part) => Some(()),
        _ => {
            diagnostics.error(
                key.span,
                "a scaling is named by up to 64 letters, digits, `-` and `_`: its record is a file of that name",
            );
            None
        }
    }
}

fn is_queue(url: &str) -> bool {
    let parsed = url.parse::<Endpoint>();
    parsed.is_ok_and(|endpoint| endpoint.to_string().matches('/').count() >= 3)
}

/// A time of a range; the outer `None`: it is out of it, which has been said.
fn within(
    written: Option<&Spanned<Duration>>,
    (least, most): (Duration, Duration),
    range: &str,
    diagnostics: &Diagnostics,
) -> Option<Option<Duration>> {
    match written {
        Some(written) if !(least..=most).contains(&written.value) => {
            diagnostics.error(written.span, format!("out of range: it takes {range}"));
            None
        }
        written => Some(written.map(|written| written.value)),
    }
}

fn subnet_filters(tags: Option<Vec<(String, Spanned<Vec<String>>)>>, diagnostics: &Diagnostics) -> Option<Vec<Filter>> {
    let Some(tags) = tags else {
        let (tag, value) = SUBNET_TAG;
        return Some(vec![Filter::new(&format!("tag:{tag}"), [value])]);
    };
    let filters: Vec<Option<Filter>> = tags
        .into_iter()
        .map(|(tag, values)| match values.value.len() {
            1..=FILTER_VALUES_MAX => Some(Filter::new(&format!("tag:{tag}"), values.value)),
            _ => {
                diagnostics.error(values.span, "a list of 1 to 200 values goes here");
                None
            }
        })
        .collect();
    filters.into_iter().collect()
}

fn part(written: Option<Spanned<String>>, default: &str) -> (String, Option<Span>) {
    match written {
        Some(written) => (written.value, Some(written.span)),
        None => (default.to_owned(), None),
    }
}

type Alarms = (Vec<Pattern>, Vec<Pattern>);

fn alarms(
    jobs: Option<OneOrMany<String>>,
    no_jobs: Option<OneOrMany<String>>,
    diagnostics: &Diagnostics,
) -> Option<Alarms> {
    let patterns = |written: Option<OneOrMany<String>>, default: &str| match written {
        None => Some(vec![Pattern::new(default)]),
        Some(OneOrMany(names, span)) if names.is_empty() => {
            diagnostics.error(span, "no alarm is named");
            None
        }
        Some(OneOrMany(names, _)) => Some(names.into_iter().map(|name| Pattern::new(&name.value)).collect()),
    };
    let span = no_jobs.as_ref().or(jobs.as_ref()).map(|written| written.1);
    let (jobs, no_jobs) = (patterns(jobs, JOBS), patterns(no_jobs, NO_JOBS));
    let (jobs, no_jobs) = (jobs?, no_jobs?);
    if let Some(span) = span
        && jobs.iter().any(|pattern| no_jobs.contains(pattern))
    {
        diagnostics.error(
            span,
            "one alarm can't say both that there are jobs and that there are none",
        );
        return None;
    }
    Some((jobs, no_jobs))
}

#[cfg(test)]
mod tests;
