//! What a client is for: the calls that it may make, which are what a policy permits.
//!
//! A client refuses to make any other call, whatever the service would say: a part of cloudd that begins to make one fails its
//! own tests until it is listed here, and so the policy is neither too small nor, by a forgotten permission, too large.

use super::operation::Operation;

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident $text:literal: [$($operation:ident),*];)*) => {
        /// Something that cloudd does with a cloud.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Part { $($(#[$doc])* $name,)* }

        impl Part {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, for people.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The calls that it makes.
            #[must_use]
            pub const fn operations(self) -> &'static [Operation] {
                match self { $(Self::$name => &[$(Operation::$operation),*],)* }
            }
        }
    };
}

parts! {
    /// The machines of the inventory.
    Machines "machines": [DescribeInstances];
    /// Events of machines, from a queue.
    Events "events": [ReceiveMessage, DeleteMessage];
    /// Networks, for those who look.
    Networks "networks": [DescribeVpcs, DescribeSubnets, DescribeInternetGateways, DescribeRouteTables, DescribeAddresses];
    /// Volumes and snapshots, for those who look.
    Volumes "volumes": [DescribeVolumes, DescribeSnapshots];
    /// What a decision about scaling is made from.
    ScalingInputs "scaling-inputs": [DescribeAutoScalingGroups, DescribePolicies, DescribeSpotPriceHistory, DescribeSubnets];
    /// The groups of a stack, by their names in it.
    ScalingStack "scaling-stack": [ListStackResources];
    /// What a decision does to a group.
    ScalingActions "scaling-actions": [ExecutePolicy, DetachInstances];
    /// Alarms and notices, from a queue.
    ScalingQueue "scaling-queue": [ReceiveMessage, DeleteMessage, ChangeMessageVisibility];
    /// Secrets, in a table.
    SecretsTable "secrets-table": [GetItem, PutItem, DeleteItem, Scan];
    /// Secrets, in a bucket.
    SecretsBucket "secrets-bucket": [GetObject, PutObject, ListObjectsV2];
    /// The key that secrets are encrypted with.
    SecretsKey "secrets-key": [Encrypt, Decrypt];
    /// What stacks ask of secrets, from a queue.
    StackRequests "stack-requests": [ReceiveMessage, DeleteMessage, ChangeMessageVisibility];
    /// Rotated files, into a bucket.
    Archive "archive": [
        HeadObject, PutObject, CreateMultipartUpload, UploadPart, ListParts, ListMultipartUploads, CompleteMultipartUpload,
        AbortMultipartUpload
    ];
    /// What S3 asks of the key of KMS that it encrypts these with, in the name of who writes them: the second is for parts.
    ArchiveKey "archive-key": [GenerateDataKey, Decrypt];
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The client's methods that make a call. A new call has a place here, or this doesn't compile.
    fn methods(operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::DescribeAutoScalingGroups => &["groups"],
            Operation::DescribePolicies => &["policies"],
            Operation::DetachInstances => &["detach_instance"],
            Operation::ExecutePolicy => &["execute_policy"],
            Operation::SetDesiredCapacity => &["set_desired_capacity"],
            Operation::DescribeStackResource => &["stack_resource"],
            Operation::ListStackResources => &["stack_resources", "find_stack_resource"],
            Operation::DeleteItem => &["delete_item"],
            Operation::GetItem => &["get_item"],
            Operation::PutItem => &["put_item"],
            Operation::Query => &["query_items"],
            Operation::Scan => &["scan_items"],
            Operation::UpdateItem => &["update_item"],
            Operation::DescribeAddresses => &["addresses"],
            Operation::DescribeInstances => &["instances", "instances_by_id"],
            Operation::DescribeInternetGateways => &["gateways"],
            Operation::DescribeRouteTables => &["route_tables"],
            Operation::DescribeSnapshots => &["snapshots"],
            Operation::DescribeSpotPriceHistory => &["spot_prices"],
            Operation::DescribeSubnets => &["subnets"],
            Operation::DescribeVolumes => &["volumes"],
            Operation::DescribeVpcs => &["vpcs"],
            Operation::Decrypt => &["decrypt"],
            Operation::Encrypt => &["encrypt"],
            Operation::GenerateDataKey => &["generate_data_key"],
            Operation::AbortMultipartUpload => &["abort_upload"],
            Operation::CompleteMultipartUpload => &["complete_upload"],
            Operation::CreateMultipartUpload => &["create_upload"],
            Operation::DeleteObject => &["delete_object"],
            Operation::GetObject => &["get_object"],
            Operation::HeadObject => &["head_object"],
            Operation::ListMultipartUploads => &["uploads"],
            Operation::ListObjectsV2 => &["list_objects"],
            Operation::ListParts => &["parts"],
            Operation::PutObject => &["put_object"],
            Operation::UploadPart => &["upload_part"],
            Operation::ChangeMessageVisibility => &["hide_message"],
            Operation::DeleteMessage => &["delete_message"],
            Operation::ReceiveMessage => &["receive_messages"],
            Operation::AssumeRoleWithWebIdentity => &[],
        }
    }

    /// Where a part is, below `src`; nowhere, if it is the service itself that makes the calls.
    fn sources(part: Part) -> Option<&'static str> {
        match part {
            Part::Machines | Part::Events | Part::Networks | Part::Volumes => Some("providers/aws"),
            Part::ScalingInputs | Part::ScalingStack | Part::ScalingActions => Some("scaling"),
            Part::SecretsTable | Part::SecretsBucket | Part::SecretsKey => Some("secrets"),
            Part::ScalingQueue | Part::StackRequests => Some("queue.rs"),
            Part::Archive => Some("archive"),
            Part::ArchiveKey => None,
        }
    }

    /// All that is in a source, or in those of a folder, but for tests.
    fn text(path: &Path) -> String {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap();
            return entries.map(|entry| text(&entry.unwrap().path())).collect();
        }
        if path.ends_with("tests.rs") {
            return String::new();
        }
        let source = fs::read_to_string(path).unwrap();
        source.split("#[cfg(test)]").next().unwrap().to_owned()
    }

    #[test]
    fn nothing_is_permitted_that_is_not_called() {
        for part in Part::ALL {
            let Some(folder) = sources(*part) else { continue };
            let text = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder));
            for operation in part.operations() {
                let is_called = methods(*operation)
                    .iter()
                    .any(|method| text.contains(&format!(".{method}(")));
                assert!(is_called, "{} does not call {operation:?}", part.name());
            }
        }
    }
}
