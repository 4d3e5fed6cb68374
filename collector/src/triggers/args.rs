//! What `triggers` can be told on the command line.

use std::ffi::OsString;

/// Print what runs which function, from the AWS CLI's listings, as lines for the configuration.
///
/// Spans do not say what ran a function where that is SNS, S3, EventBridge or a schedule; older
/// libraries do not say it of queues and streams either. AWS knows, and `[[trigger]]` tables in the
/// configuration tell the collector.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  aws lambda list-event-source-mappings > mappings.json
  aws sns list-subscriptions > subscriptions.json
  aws s3api get-bucket-notification-configuration --bucket uploads > uploads.json
  aws events list-rules > rules.json
  aws events list-targets-by-rule --rule nightly > nightly.json
  spanfall-collector triggers *.json >> spanfall.toml
  aws sns list-subscriptions | spanfall-collector triggers -
  spanfall-collector triggers uploads=a.json rules.json nightly=b.json

Each listing is known by what it holds, whatever its file is called, and a file may hold
several, one after the other. But two listings do not say what they are about; it has to
stand before a `=`, or to be the file's name:
  BUCKET=FILE  what get-bucket-notification-configuration says of that bucket
  RULE=FILE    the targets of that rule, given by its name, BUS/NAME or ARN; the output of
               list-rules is needed too: is it a schedule, and is it enabled?

What the source of a trigger becomes:
  queue        an SQS queue, a queue of Amazon MQ
  stream       a Kinesis stream, a topic of Kafka
  table        the table of a DynamoDB stream
  database     a database of DocumentDB
  topic        an SNS topic, a rule of EventBridge with a pattern
  bucket       an S3 bucket, also where a rule's pattern asks for the events of that bucket
  schedule     a rule of EventBridge with a schedule

Functions are written without versions and aliases. Names that mean several things, such as
functions of one name in two regions, are written as ARNs. What is disabled is left out, and
standard error says so. If several things run one function, all are written; spans that do
not say which of them it was are then shown as from `unknown trigger`.")]
pub struct Args {
    /// Listings as the AWS CLI prints them with `--output json`; `-` is standard input. Write
    /// BUCKET=FILE or RULE=FILE where the file's name does not name the bucket or the rule.
    #[arg(required = true, value_name = "[NAME=]FILE")]
    pub listings: Vec<OsString>,
}
