//! A cloud with two groups, subnets and prices, which fails as it is told.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::aws::test_server::{Asked, Reply, TestServer, keys, ok};
use crate::aws::{Settings, Timeouts};

/// A group.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeGroup {
    pub(super) max: u32,
    pub(super) desired: u32,
    /// Machines with their states.
    pub(super) members: BTreeMap<String, String>,
    pub(super) tags: Vec<(&'static str, String)>,
}

/// How a call goes wrong.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Refused with this code.
    Refuse(&'static str),
    /// Throttled for longer than anybody waits.
    Throttle,
    /// No answer. Whether it has been done all the same.
    Hang(bool),
    /// Half of the answer.
    CutOff,
    /// A first page whose next one is refused for good.
    LosePage,
}

/// The cloud.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    pub(super) groups: BTreeMap<&'static str, FakeGroup>,
    /// Zones by subnet.
    pub(super) subnets: Vec<(&'static str, &'static str)>,
    /// Zone, seconds since 1970, price.
    pub(super) prices: Vec<(&'static str, i64, &'static str)>,
    /// What goes wrong with the next calls of an action, or of an action on a group: "ExecutePolicy spot".
    pub(super) faults: HashMap<&'static str, VecDeque<Fault>>,
    /// Messages in the queue, by receipt handle; a message is there until it is deleted.
    pub(super) queue: BTreeMap<String, String>,
    /// What was done, in words.
    pub(super) done: Vec<String>,
}

/// It, and the server that answers for it.
pub(super) struct FakeCloud {
    pub(super) server: TestServer,
    cloud: Arc<Mutex<Cloud>>,
}

impl FakeCloud {
    /// Two empty groups of at most one machine; a bid of 0.10; zone `a` costs 0.05, zone `b` 0.09.
    pub(super) async fn start(now: i64) -> Self {
        let group = |tags| FakeGroup {
            max: 1,
            tags,
            ..FakeGroup::default()
        };
        let tags = vec![("SpotPrice", "0.10".to_owned()), ("SpotType", "g2.2xlarge".to_owned())];
        let cloud = Arc::new(Mutex::new(Cloud {
            groups: BTreeMap::from([("spot", group(tags)), ("listed", group(Vec::new()))]),
            subnets: vec![("subnet-a", "a"), ("subnet-b", "b")],
            prices: vec![("a", now - 9000, "0.05"), ("b", now - 9000, "0.09")],
            ..Cloud::default()
        }));
        let answering = cloud.clone();
        let server = TestServer::start(move |_, asked| answering.lock().unwrap().answer(asked)).await;
        Self { server, cloud }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap()
    }

    /// Settings that wait so long for an answer.
    pub(super) fn settings(&self, silence: Duration) -> Settings {
        let timeouts = Timeouts {
            connect: Duration::from_secs(30),
            silence,
            total: Duration::from_secs(60),
        };
        Settings {
            timeouts,
            ..self.server.settings("", keys())
        }
    }

    /// What was done since it was last asked.
    pub(super) fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().done)
    }

    /// Has the next call of an action go wrong.
    pub(super) fn fault(&self, action: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(action).or_default().extend(faults);
    }

    /// Has a group be without a machine, or with one in this state.
    pub(super) fn set(&self, group: &'static str, machine: Option<(&str, &str)>) {
        let mut cloud = self.lock();
        let group = cloud.groups.get_mut(group).unwrap();
        group.desired = u32::from(machine.is_some());
        group.members = machine
            .into_iter()
            .map(|(id, state)| (id.to_owned(), state.to_owned()))
            .collect();
    }
}

/// A parameter of a form.
fn parameter<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

impl Cloud {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if let Some(target) = asked.headers.get("x-amz-target") {
            return self.answer_of_queue(target, &asked.body);
        }
        let form = asked.body.as_str();
        let action = parameter(form, "Action").unwrap_or_default().to_owned();
        let group = parameter(form, "AutoScalingGroupName").unwrap_or_default().to_owned();
        let fault = self.fault(&format!("{action} {group}")).or_else(|| self.fault(&action));
        match fault {
            Some(Fault::Refuse(code)) => error(400, "", code),
            Some(Fault::Throttle) => error(400, "retry-after: 86400\r\n", "Throttling"),
            Some(Fault::Hang(is_done)) => {
                if is_done {
                    self.call(&action, &group, form);
                }
                Reply::Hang
            }
            Some(Fault::CutOff) => {
                let whole = self.call(&action, &group, form);
                ok(&whole[..whole.len() / 2])
            }
            Some(Fault::LosePage) => {
                let page = self
                    .call(&action, &group, form)
                    .replace("<nextToken/>", "<nextToken>more</nextToken>");
                self.faults
                    .entry("DescribeSpotPriceHistory")
                    .or_default()
                    .push_front(Fault::Throttle);
                ok(page)
            }
            None => ok(self.call(&action, &group, form)),
        }
    }

    fn fault(&mut self, action: &str) -> Option<Fault> {
        self.faults.get_mut(action)?.pop_front()
    }

    fn call(&mut self, action: &str, group: &str, form: &str) -> String {
        let body = match action {
            "DescribeAutoScalingGroups" => self.describe_groups(form),
            "DescribePolicies" => {
                let policy = |name: &str| {
                    format!(
                        "<member><PolicyName>{group}-{name}-X1</PolicyName><AutoScalingGroupName>{group}</AutoScalingGroupName><PolicyType>SimpleScaling</PolicyType></member>"
                    )
                };
                format!(
                    "<ScalingPolicies>{}{}</ScalingPolicies>",
                    policy("ScaleUp"),
                    policy("ScaleDown")
                )
            }
            "DescribeSubnets" => {
                let subnet = |(id, zone): &(&str, &str)| {
                    format!(
                        "<item><subnetId>{id}</subnetId><vpcId>vpc-1</vpcId><availabilityZone>{zone}</availabilityZone></item>"
                    )
                };
                let all: String = self.subnets.iter().map(subnet).collect();
                return format!("<DescribeSubnetsResponse><subnetSet>{all}</subnetSet></DescribeSubnetsResponse>");
            }
            "DescribeSpotPriceHistory" => {
                let price = |(zone, since, price): &(&str, i64, &str)| {
                    let time = jiff::Timestamp::from_second(*since).unwrap();
                    format!(
                        "<item><instanceType>g2.2xlarge</instanceType><spotPrice>{price}</spotPrice><timestamp>{time}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
                    )
                };
                let all: String = self.prices.iter().map(price).collect();
                return format!(
                    "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet>{all}</spotPriceHistorySet><nextToken/></DescribeSpotPriceHistoryResponse>"
                );
            }
            "ExecutePolicy" => {
                let policy = parameter(form, "PolicyName").unwrap_or_default();
                assert_eq!(parameter(form, "HonorCooldown"), Some("true"));
                self.done.push(policy.trim_end_matches("-X1").to_owned());
                let (group, is_up) = (self.groups.get_mut(group).unwrap(), policy.contains("ScaleUp"));
                group.desired = match is_up {
                    true => (group.desired + 1).min(group.max),
                    false => group.desired.saturating_sub(1),
                };
                String::new()
            }
            "DetachInstances" => {
                let instance = parameter(form, "InstanceIds.member.1").unwrap_or_default();
                self.done.push(format!("detach {instance}"));
                let group = self.groups.get_mut(group).unwrap();
                group.members.remove(instance);
                group.desired -= u32::from(parameter(form, "ShouldDecrementDesiredCapacity") == Some("true"));
                String::new()
            }
            "ListStackResources" => {
                // The groups are in a stack in the stack.
                let resource = |logical: &str, physical: &str, kind: &str| {
                    format!(
                        "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                         <ResourceType>AWS::{kind}</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
                    )
                };
                let group = "AutoScaling::AutoScalingGroup";
                let resources = match parameter(form, "StackName") {
                    Some("media") => resource("workers", "inner", "CloudFormation::Stack"),
                    Some("inner") => [
                        resource("asgSpot", "spot", group),
                        resource("asgListed", "listed", group),
                        resource("queue", "q", "SQS::Queue"),
                    ]
                    .concat(),
                    stack => panic!("{stack:?}"),
                };
                format!("<StackResourceSummaries>{resources}</StackResourceSummaries>")
            }
            _ => panic!("{action}"),
        };
        format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>")
    }

    fn describe_groups(&self, form: &str) -> String {
        let is_asked = |name: &str| {
            form.split('&')
                .any(|pair| pair.starts_with("AutoScalingGroupNames") && pair.ends_with(&format!("={name}")))
        };
        let groups = self.groups.iter().filter(|(name, _)| is_asked(name)).map(|(name, group)| {
            let members: String = group
                .members
                .iter()
                .map(|(id, state)| format!("<member><InstanceId>{id}</InstanceId><LifecycleState>{state}</LifecycleState></member>"))
                .collect();
            let tags: String = group
                .tags
                .iter()
                .map(|(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>"))
                .collect();
            format!(
                "<member><AutoScalingGroupName>{name}</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>{}</MaxSize>\
                 <DesiredCapacity>{}</DesiredCapacity><VPCZoneIdentifier>subnet-a,subnet-b</VPCZoneIdentifier>\
                 <AvailabilityZones><member>a</member><member>b</member></AvailabilityZones>\
                 <Instances>{members}</Instances><Tags>{tags}</Tags></member>",
                group.max, group.desired
            )
        });
        format!("<AutoScalingGroups>{}</AutoScalingGroups>", groups.collect::<String>())
    }

    fn answer_of_queue(&mut self, target: &str, body: &str) -> Reply {
        let asked: serde_json::Value = serde_json::from_str(body).unwrap();
        match target {
            "AmazonSQS.ReceiveMessage" => {
                let messages: Vec<serde_json::Value> = self
                    .queue
                    .iter()
                    .map(|(handle, body)| serde_json::json!({"MessageId": handle, "ReceiptHandle": handle, "Body": body}))
                    .collect();
                ok(serde_json::json!({ "Messages": messages }).to_string())
            }
            "AmazonSQS.DeleteMessage" => {
                let handle = asked["ReceiptHandle"].as_str().unwrap_or_default();
                self.queue.remove(handle);
                self.done.push(format!("delete {handle}"));
                ok("{}")
            }
            "AmazonSQS.ChangeMessageVisibility" => {
                let handle = asked["ReceiptHandle"].as_str().unwrap_or_default();
                self.done
                    .push(format!("hide {handle} for {}", asked["VisibilityTimeout"]));
                ok("{}")
            }
            _ => panic!("{target}"),
        }
    }
}

fn error(status: u16, headers: &'static str, code: &str) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
    );
    Reply::Answer(status, headers, body)
}
