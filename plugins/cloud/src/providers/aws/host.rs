//! An instance as a host.

use ballast_shared::plugin::host::{WireAddress, WireHost, is_id};

use crate::aws::ec2::Instance;

/// Octets of a text that a host may have.
const TEXT_BYTES_MAX: usize = 255;
/// Labels of a host.
const LABELS_MAX: usize = 64;
/// The tag that Auto Scaling puts on the machines of a group.
const GROUP: &str = "aws:autoscaling:groupName";

/// What is told of an instance; `None`: it is gone, or it is nothing that can be told. Texts that a host can't have are left
/// out, so that one bad tag doesn't cost the host its name.
pub(super) fn host(instance: &Instance, addresses: Vec<WireAddress>, labels: &[String]) -> Option<WireHost> {
    let state = match instance.state.as_str() {
        "pending" => "pending",
        "running" => "running",
        // It is on its way out, and may still have something to say.
        "stopping" | "shutting-down" => "stopping",
        "stopped" => "stopped",
        _ => return None,
    };
    if !is_id(&instance.id) {
        return None;
    }
    let text = |text: &Option<String>| text.clone().filter(|text| is_text(text));
    let tag = |name: &str| text(&instance.tags.get(name).cloned()).filter(|text| !text.is_empty());
    let labels = labels.iter().filter_map(|name| {
        let value = instance.tags.get(name).filter(|value| is_text(value))?;
        Some((name.clone(), value.clone()))
    });
    let root_device = text(&instance.root_device).filter(|device| matches!(device.as_str(), "ebs" | "instance-store"));
    Some(WireHost {
        id: instance.id.clone(),
        name: tag("Name"),
        addresses,
        zone: text(&instance.zone),
        group: tag(GROUP),
        vpc: text(&instance.vpc),
        subnet: text(&instance.subnet),
        kind: text(&instance.kind),
        lifecycle: Some(if instance.is_spot { "spot" } else { "on-demand" }.to_owned()),
        root_device,
        state: Some(state.to_owned()),
        labels: labels.take(LABELS_MAX).collect(),
    })
}

fn is_text(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use ballast_shared::plugin::host::Host;
    use proptest::prelude::*;

    use super::*;

    fn instance(state: &str, tags: &[(&str, &str)]) -> Instance {
        Instance {
            id: "i-0a".into(),
            state: state.into(),
            tags: tags
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Instance::default()
        }
    }

    #[test]
    fn only_labels_that_are_named_get_out() {
        let instance = instance(
            "running",
            &[("Name", "web"), (GROUP, "spot-group"), ("Owner", "x"), ("Secret", "y")],
        );
        let host = host(&instance, Vec::new(), &["Owner".into(), "Usage".into()]).unwrap();
        assert_eq!(
            (host.name.as_deref(), host.group.as_deref()),
            (Some("web"), Some("spot-group"))
        );
        assert_eq!(
            host.labels.into_iter().collect::<Vec<_>>(),
            [("Owner".to_owned(), "x".to_owned())]
        );
    }

    #[test]
    fn a_machine_that_has_ended_is_gone() {
        let state = |state| host(&instance(state, &[]), Vec::new(), &[]).and_then(|host| host.state);
        assert_eq!(state("shutting-down").as_deref(), Some("stopping"));
        assert_eq!(state("terminated"), None);
        assert_eq!(state("something new"), None);
    }

    #[test]
    fn a_bad_tag_costs_a_label_and_not_the_host() {
        let long = "ä".repeat(200);
        let instance = instance("running", &[("Name", "a\nb"), ("Owner", &long), ("Usage", "z")]);
        let host = host(&instance, Vec::new(), &["Owner".into(), "Usage".into()]).unwrap();
        assert_eq!((host.name.as_deref(), host.labels.len()), (None, 1));
        Host::try_from(host).unwrap();
    }

    proptest! {
        #[test]
        fn what_is_told_can_be_taken(id in "[a-z./-]{0,8}", text: String, device: Option<String>) {
            let mut instance = instance("running", &[("Name", &text), ("Label", &text), (GROUP, &text)]);
            (instance.id, instance.root_device, instance.kind) = (id, device, Some(text));
            if let Some(host) = host(&instance, Vec::new(), &["Label".into()]) {
                prop_assert!(Host::try_from(host).is_ok());
            }
        }
    }
}
