//! The calls that cloudd can make, and what IAM has to permit for each of them.
//!
//! A call can't be made without one of these: forms, JSON and S3's requests are all begun by one. So a new call takes a new line
//! here, and the policy that `cloudd iam-policy` prints can't lag behind.

use super::endpoint::Service;

macro_rules! operations {
    ($($name:ident: $service:ident [$($action:literal),*];)*) => {
        /// A call, by its name in the service's API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names are those of AWS's own documentation")]
        pub enum Operation { $($name,)* }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Whose call it is.
            #[must_use]
            pub const fn service(self) -> Service {
                match self { $(Self::$name => Service::$service,)* }
            }

            /// As the service calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What has to be permitted, in IAM's words. S3's are called otherwise than its calls.
            #[must_use]
            pub const fn actions(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($action),*],)* }
            }
        }
    };
}

operations! {
    DescribeAutoScalingGroups: AutoScaling ["autoscaling:DescribeAutoScalingGroups"];
    DescribePolicies: AutoScaling ["autoscaling:DescribePolicies"];
    DetachInstances: AutoScaling ["autoscaling:DetachInstances"];
    ExecutePolicy: AutoScaling ["autoscaling:ExecutePolicy"];
    SetDesiredCapacity: AutoScaling ["autoscaling:SetDesiredCapacity"];

    DescribeStackResource: CloudFormation ["cloudformation:DescribeStackResource"];
    ListStackResources: CloudFormation ["cloudformation:ListStackResources"];

    DeleteItem: DynamoDb ["dynamodb:DeleteItem"];
    GetItem: DynamoDb ["dynamodb:GetItem"];
    PutItem: DynamoDb ["dynamodb:PutItem"];
    Query: DynamoDb ["dynamodb:Query"];
    Scan: DynamoDb ["dynamodb:Scan"];
    UpdateItem: DynamoDb ["dynamodb:UpdateItem"];

    DescribeAddresses: Ec2 ["ec2:DescribeAddresses"];
    DescribeInstances: Ec2 ["ec2:DescribeInstances"];
    DescribeInternetGateways: Ec2 ["ec2:DescribeInternetGateways"];
    DescribeRouteTables: Ec2 ["ec2:DescribeRouteTables"];
    DescribeSnapshots: Ec2 ["ec2:DescribeSnapshots"];
    DescribeSpotPriceHistory: Ec2 ["ec2:DescribeSpotPriceHistory"];
    DescribeSubnets: Ec2 ["ec2:DescribeSubnets"];
    DescribeVolumes: Ec2 ["ec2:DescribeVolumes"];
    DescribeVpcs: Ec2 ["ec2:DescribeVpcs"];

    Decrypt: Kms ["kms:Decrypt"];
    Encrypt: Kms ["kms:Encrypt"];
    GenerateDataKey: Kms ["kms:GenerateDataKey"];

    AbortMultipartUpload: S3 ["s3:AbortMultipartUpload"];
    CompleteMultipartUpload: S3 ["s3:PutObject"];
    CreateMultipartUpload: S3 ["s3:PutObject"];
    DeleteObject: S3 ["s3:DeleteObject"];
    GetObject: S3 ["s3:GetObject"];
    // Without the second an object that is not there is one that must not be looked at.
    HeadObject: S3 ["s3:GetObject", "s3:ListBucket"];
    ListMultipartUploads: S3 ["s3:ListBucketMultipartUploads"];
    ListObjectsV2: S3 ["s3:ListBucket"];
    ListParts: S3 ["s3:ListMultipartUploadParts"];
    PutObject: S3 ["s3:PutObject"];
    UploadPart: S3 ["s3:PutObject"];

    ChangeMessageVisibility: Sqs ["sqs:ChangeMessageVisibility"];
    DeleteMessage: Sqs ["sqs:DeleteMessage"];
    ReceiveMessage: Sqs ["sqs:ReceiveMessage"];

    // The role's own policy says who may take it; who asks has no permissions yet.
    AssumeRoleWithWebIdentity: Sts [];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_permitted_is_an_action_of_the_service() {
        for operation in Operation::ALL {
            for action in operation.actions() {
                let (service, name) = action.split_once(':').unwrap();
                assert_eq!(service, operation.service().name(), "{operation:?}");
                let is_of_objects = operation.service() == Service::S3;
                assert!(is_of_objects || name == operation.name(), "{operation:?}");
            }
        }
    }
}
