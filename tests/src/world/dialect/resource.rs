//! Resources: what an instance says of itself in every export.

use super::super::attributes::Attributes;
use super::super::description::Program;
use super::Dialect;

/// One instance of a program.
#[derive(Clone, Debug)]
pub struct InstanceFacts<'a> {
    /// What it is an instance of.
    pub program: &'a Program,
    /// `service.name`.
    pub service_name: &'a str,
    /// Which version runs.
    pub version: &'a str,
    /// Random, as log streams and the like are.
    pub id: u64,
    /// Whether the resource lacks everything about the cloud.
    pub bare: bool,
}

/// The resource of one instance.
pub fn attributes(facts: &InstanceFacts<'_>) -> Attributes {
    let &InstanceFacts { program, service_name, version, id, bare } = facts;
    let language = match program.dialect {
        Dialect::PythonLambda | Dialect::OldPythonLambda => "python",
        Dialect::NodeLambda | Dialect::OldNodeLambda => "nodejs",
        Dialect::JavaLambda | Dialect::Service => "java",
        Dialect::DotnetLambda | Dialect::AzureFunction => "dotnet",
        Dialect::GoLambda | Dialect::CloudRun => "go",
    };
    let base = Attributes::of(&[
        ("telemetry.sdk.language", language),
        ("telemetry.sdk.name", "opentelemetry"),
        ("service.name", service_name),
    ]);
    if bare {
        return base.text("process.runtime.name", language);
    }
    match program.dialect {
        dialect if dialect.is_lambda() => lambda(base, facts),
        Dialect::AzureFunction => base
            .texts(&[
                ("cloud.provider", "azure"),
                ("cloud.platform", "azure_functions"),
                ("cloud.region", &program.node.region),
                ("faas.version", "~4"),
                ("faas.instance", &format!("{id:064x}")),
            ])
            .int("faas.max_memory", 1_610_612_736),
        Dialect::CloudRun => base.texts(&[
            ("cloud.provider", "gcp"),
            ("cloud.platform", "gcp_cloud_run"),
            ("cloud.account.id", &program.node.account),
            ("cloud.region", &program.node.region),
            ("faas.name", &program.node.name),
            ("faas.version", &format!("{}-000{version}-abc", program.node.name)),
            ("faas.instance", &format!("00bf4bf02d{id:016x}")),
        ]),
        _ => base.texts(&[
            ("service.version", version),
            ("service.instance.id", &format!("{id:016x}")),
            ("host.name", &format!("ip-10-0-{}-{}", id & 255, (id >> 8) & 255)),
        ]),
    }
}

fn lambda(base: Attributes, facts: &InstanceFacts<'_>) -> Attributes {
    let &InstanceFacts { program, version, id, .. } = facts;
    let base = base.texts(&[
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_lambda"),
        ("cloud.region", &program.node.region),
        ("faas.name", &program.node.name),
        ("faas.version", version),
    ]);
    let stream = format!("2026/11/22/[{version}]{id:016x}{id:016x}");
    match program.dialect {
        // Its detector names no instance.
        Dialect::OldNodeLambda => base,
        Dialect::NodeLambda => base
            .text("faas.instance", &stream)
            .int("faas.max_memory", 268_435_456)
            .list("aws.log.group.names", &format!("/aws/lambda/{}", program.node.name)),
        Dialect::PythonLambda => base
            .text("faas.instance", &stream)
            .int("faas.max_memory", 256)
            .text("service.instance.id", &format!("{id:016x}")),
        _ => base.text("faas.instance", &stream).int("faas.max_memory", 256),
    }
}
