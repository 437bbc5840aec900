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
    SecretsBucket "secrets-bucket": [GetObject, PutObject, DeleteObject, ListObjectsV2];
    /// The key that secrets are encrypted with.
    SecretsKey "secrets-key": [Encrypt, Decrypt];
    /// Rotated files, into a bucket.
    Archive "archive": [
        HeadObject, PutObject, CreateMultipartUpload, UploadPart, ListParts, ListMultipartUploads, CompleteMultipartUpload,
        AbortMultipartUpload
    ];
    /// What S3 asks of the key of KMS that it encrypts these with, in the name of who writes them: the second is for parts.
    ArchiveKey "archive-key": [GenerateDataKey, Decrypt];
}
