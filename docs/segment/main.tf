# The exercise's Segment side: four sources, each connected to the bucket of the deployed stack.
# An example: checked against the schema of the provider segmentio/segment 1.6.0, not run.
#
#   export PUBLIC_API_TOKEN=...   # Settings, Access Management, Tokens; role Workspace Owner
#   export PUBLIC_API_URL=https://eu1.api.segmentapis.com   # only for a workspace in the EU
#   umask 077                     # Terraform's state holds the write keys
#   terraform init && terraform apply
#   terraform output -raw keys_env > ../../.segment/keys.env
terraform {
  required_providers {
    segment = { source = "segmentio/segment", version = "1.6.0" }
    aws     = { source = "hashicorp/aws", version = "~> 6.0" }
  }
}

variable "region" { default = "us-east-1" }
variable "stack" { default = "SegmentPersonalizeWorkshop" }

provider "aws" { region = var.region }

data "aws_cloudformation_stack" "workshop" { name = var.stack }
data "segment_workspace" "this" {}

locals {
  # By slug, the ids of Segment's catalog: Javascript, Kotlin (Android), Apple, Python.
  sources = {
    "website-prod"           = "IqDTy1TpoU"
    "android-prod"           = "9EMcTqiKok"
    "ios-prod"               = "dZeHygTSD4"
    "personas-events-source" = "XRksQPCr7X"
  }
}

resource "segment_source" "exercise" {
  for_each = local.sources
  slug     = each.key
  name     = each.key
  enabled  = true
  metadata = { id = each.value }
  settings = jsonencode({})
}

resource "segment_destination" "s3" {
  for_each  = segment_source.exercise
  source_id = each.value.id
  name      = "${each.key} to S3"
  enabled   = true
  metadata  = { id = "60be92c8dabdd561bf6c9130" } # the catalog's AWS S3, which assumes a role
  settings = jsonencode({
    awsRegion  = var.region
    bucket     = data.aws_cloudformation_stack.workshop.outputs["BucketName"]
    iamRoleArn = data.aws_cloudformation_stack.workshop.outputs["SegmentRoleArn"]
  })

  lifecycle {
    precondition { # the external id that Segment's role asks for
      condition     = data.aws_cloudformation_stack.workshop.parameters["SegmentWorkspaceId"] == data.segment_workspace.this.id
      error_message = "Deploy the stack with --parameters SegmentWorkspaceId=${data.segment_workspace.this.id}"
    }
  }
}

output "keys_env" {
  sensitive = true
  value = join("\n", [
    for slug, source in segment_source.exercise :
    "SEGMENT_WRITE_KEY_${upper(replace(slug, "-", "_"))}=${source.write_keys[0]}"
  ])
}
