"""A phase as Terraform blocks, and the only place that imports the CDK."""
