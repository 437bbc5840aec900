//! CloudFormation: the resources of stacks, and of the stacks that are resources of these.

use std::collections::HashSet;

use super::Client;
use super::error::{Error, Malformed};
use super::operation::Operation;
use super::pages::Pages;
use super::query::Form;
use super::xml::Element;

const VERSION: &str = "2010-05-15";
/// Stacks in stacks.
const DEPTH_MAX: usize = 8;
/// Stacks that are looked through for one resource.
const STACKS_MAX: usize = 200;

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// What it is called outside: the name of a group, the ARN of a stack. None while it is being made.
    pub physical_id: Option<String>,
    /// "AWS::AutoScaling::AutoScalingGroup".
    pub kind: String,
    /// "CREATE_COMPLETE" …
    pub status: String,
}

impl Resource {
    fn is_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }

    fn is_gone(&self) -> bool {
        self.status == "DELETE_COMPLETE"
    }
}

impl Client {
    /// A resource of a stack by its logical id.
    ///
    /// # Errors
    /// When there is none, or it can't be asked for.
    pub async fn stack_resource(&self, stack: &str, logical_id: &str) -> Result<Resource, Error> {
        let form = Form::new(Operation::DescribeStackResource, VERSION)
            .with("StackName", stack)
            .with("LogicalResourceId", logical_id);
        let answer = self.query(form, true, "DescribeStackResourceResponse").await?;
        let resource = answer
            .need("DescribeStackResourceResult")?
            .need("StackResourceDetail")?;
        Ok(read(resource)?)
    }

    /// All resources of a stack, those of stacks in it not among them.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn stack_resources(&self, stack: &str) -> Result<Vec<Resource>, Error> {
        // DescribeStackResources ends after a hundred without a word; this one has pages.
        let form = Form::new(Operation::ListStackResources, VERSION).with("StackName", stack);
        let mut pages = Pages::new();
        loop {
            let form = form.clone().with_some("NextToken", pages.token());
            let answer = self.query(form, true, "ListStackResourcesResponse").await?;
            let page = answer.need("ListStackResourcesResult")?;
            let resources: Result<Vec<Resource>, Malformed> =
                page.need_list("StackResourceSummaries", "member")?.map(read).collect();
            if pages.add(resources?, page.string_of("NextToken"))? {
                return Ok(pages.into_list());
            }
        }
    }

    /// The resource of this logical id in a stack or, if it has none, in the stacks in it: the nearest first.
    ///
    /// # Errors
    /// When one of the stacks can't be asked for; then whether there is such a resource is not known.
    pub async fn find_stack_resource(&self, stack: &str, logical_id: &str) -> Result<Option<Resource>, Error> {
        let mut seen = HashSet::from([stack.to_owned()]);
        let mut level = vec![stack.to_owned()];
        for _ in 0..DEPTH_MAX {
            let mut below = Vec::new();
            for stack in &level {
                for resource in self.stack_resources(stack).await? {
                    if resource.is_gone() {
                        continue;
                    }
                    if resource.logical_id == logical_id {
                        return Ok(Some(resource));
                    }
                    if let (true, Some(id)) = (resource.is_stack(), resource.physical_id)
                        && seen.insert(id.clone())
                    {
                        below.push(id);
                    }
                }
            }
            if below.is_empty() {
                return Ok(None);
            }
            if seen.len() > STACKS_MAX {
                break;
            }
            level = below;
        }
        Err(Malformed::TooManyPages.into())
    }
}

fn read(resource: &Element) -> Result<Resource, Malformed> {
    Ok(Resource {
        logical_id: resource.need_text("LogicalResourceId")?,
        physical_id: resource.string_of("PhysicalResourceId"),
        kind: resource.need_text("ResourceType")?,
        status: resource.need_text("ResourceStatus")?,
    })
}
