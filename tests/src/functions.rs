//! Functions that are really instrumented: OpenTelemetry's own SDK and OTLP exporter. In: names,
//! and where a collector is. Out: spans on the wire, and how many hops they must make.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter as Exports};
use tokio::runtime::Handle;

/// How spans travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Protobuf over gRPC.
    Grpc,
    /// Protobuf over HTTP.
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
}

/// The SDK's exporter, on the test's runtime: the SDK exports from a thread of its own, where the
/// exporter's HTTP client finds no runtime.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl Exports for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = Arc::clone(&self.exporter);
        let export = self.runtime.spawn(async move { exporter.export(batch).await });
        export.await.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }

    fn set_resource(&mut self, resource: &Resource) {
        // The SDK does so before it exports anything: nobody else holds the exporter yet.
        let exporter = Arc::get_mut(&mut self.exporter).expect("an exporter that is not in use");
        exporter.set_resource(resource);
    }
}

fn exporter(transport: Transport, grpc: SocketAddr, http: SocketAddr) -> OnRuntime {
    let timeout = Duration::from_secs(20);
    let builder = SpanExporter::builder();
    let over_http = |builder: opentelemetry_otlp::SpanExporterBuilder<_>, protocol| {
        let endpoint = format!("http://{http}/v1/traces");
        let builder: opentelemetry_otlp::SpanExporterBuilder<
            opentelemetry_otlp::HttpExporterBuilderSet,
        > = builder;
        builder.with_protocol(protocol).with_endpoint(endpoint).with_timeout(timeout).build()
    };
    let built = match transport {
        Transport::Grpc => {
            let endpoint = format!("http://{grpc}");
            builder.with_tonic().with_endpoint(endpoint).with_timeout(timeout).build()
        }
        Transport::HttpProtobuf => over_http(builder.with_http(), Protocol::HttpBinary),
        Transport::HttpJson => over_http(builder.with_http(), Protocol::HttpJson),
    };
    let exporter = Arc::new(built.expect("an exporter of spans"));
    OnRuntime { exporter, runtime: Handle::current() }
}

/// One instance of a Lambda function with the SDK in it.
pub struct Function {
    name: &'static str,
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Function {
    /// A new instance that exports to a collector. Needs a tokio runtime.
    ///
    /// # Panics
    /// If the exporter cannot be built.
    pub fn new(name: &'static str, to: Transport, grpc: SocketAddr, http: SocketAddr) -> Self {
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", name),
            KeyValue::new("faas.name", name),
            KeyValue::new("faas.version", "7"),
            KeyValue::new("faas.instance", format!("{name}-instance")),
            KeyValue::new("cloud.provider", "aws"),
            KeyValue::new("cloud.platform", "aws_lambda"),
            KeyValue::new("cloud.region", "eu-west-1"),
            KeyValue::new("cloud.account.id", "123456789012"),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter(to, grpc, http))
            .build();
        let tracer = provider.tracer("spanfall-tests");
        Self { name, provider, tracer }
    }

    /// One invocation, done by `body`, which is given the context to make calls in and says how it
    /// went. `caller` is what came with the request.
    pub fn invoke(
        &self,
        caller: Option<&SpanContext>,
        body: impl FnOnce(&Context) -> Result<(), &'static str>,
    ) {
        let parent = caller.map_or_else(Context::new, |caller| {
            Context::new().with_remote_span_context(caller.clone())
        });
        let mut attributes = vec![KeyValue::new("faas.trigger", "http")];
        if caller.is_none() {
            attributes.push(KeyValue::new("http.request.method", "GET"));
            attributes.push(KeyValue::new("http.route", "/orders"));
        }
        let handler = self
            .tracer
            .span_builder(self.name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &parent);
        let context = parent.with_span(handler);
        if let Err(why) = body(&context) {
            context.span().set_status(Status::error(why));
        }
        context.span().end();
    }

    /// A call in the course of an invocation, answered by `callee`, which gets what goes with the
    /// request.
    pub fn call(
        &self,
        during: &Context,
        name: &'static str,
        attributes: Vec<KeyValue>,
        callee: impl FnOnce(&SpanContext),
    ) {
        let span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, during);
        let context = during.with_span(span);
        callee(context.span().span_context());
        context.span().end();
    }

    /// Sends everything that is left, as a function does at the end of an invocation.
    ///
    /// # Panics
    /// If the exporter failed.
    pub async fn flush(&self) {
        let provider = self.provider.clone();
        let flushed = tokio::task::spawn_blocking(move || provider.force_flush()).await;
        flushed.expect("a flush").unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }
}

/// `requests` orders through two functions, a table and a host outside: what [`expected_lines`]
/// says must be on the wall afterwards. The callee's spans are flushed first for even numbers of
/// requests, the caller's for odd ones, so that both orders of arrival come about.
///
/// # Panics
/// If an exporter fails.
pub async fn shop(requests: usize, to: Transport, grpc: SocketAddr, http: SocketAddr) {
    let orders = Function::new("shop-orders", to, grpc, http);
    let pricing = Function::new("shop-pricing", to, grpc, http);
    for request in 0..requests {
        orders.invoke(None, |during| {
            order(&orders, &pricing, during, request);
            if request % 10 == 9 { Err("out of stock") } else { Ok(()) }
        });
        // Some requests a batch, batches of caller and callee apart.
        if request % 8 == 7 {
            if request % 16 == 7 { pricing.flush().await } else { orders.flush().await }
        }
    }
    orders.flush().await;
    pricing.flush().await;
}

fn order(orders: &Function, pricing: &Function, during: &Context, request: usize) {
    let invoke = vec![
        KeyValue::new("rpc.system", "aws-api"),
        KeyValue::new("rpc.service", "Lambda"),
        KeyValue::new("rpc.method", "Invoke"),
        KeyValue::new("faas.invoked_name", "shop-pricing"),
        KeyValue::new("faas.invoked_provider", "aws"),
        KeyValue::new("faas.invoked_region", "eu-west-1"),
    ];
    orders.call(during, "Lambda.Invoke", invoke, |caller| {
        pricing.invoke(Some(caller), |_| match request % 5 {
            4 => Err("no price"),
            _ => Ok(()),
        });
    });
    if request.is_multiple_of(2) {
        let put = vec![
            KeyValue::new("rpc.system", "aws-api"),
            KeyValue::new("rpc.service", "DynamoDB"),
            KeyValue::new("rpc.method", "PutItem"),
            KeyValue::new("db.system", "dynamodb"),
            KeyValue::new(
                "aws.dynamodb.table_names",
                opentelemetry::Value::Array(opentelemetry::Array::String(vec!["orders".into()])),
            ),
        ];
        orders.call(during, "DynamoDB.PutItem", put, |_| {});
    }
    if request.is_multiple_of(4) {
        let pay = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("url.full", "https://api.payments.example/v1/charges"),
            KeyValue::new("server.address", "api.payments.example"),
            KeyValue::new("http.response.status_code", 200),
        ];
        orders.call(during, "POST", pay, |_| {});
    }
}

/// How many of `0..requests` leave this remainder.
fn count(requests: usize, divisor: usize, remainder: usize) -> usize {
    (0..requests).filter(|request| request % divisor == remainder).count()
}

/// What [`shop`] must have put on the wall, in the form of `Wall::lines`. Each function has one
/// instance, whose first invocation is its cold start.
pub fn expected_lines(requests: usize) -> Vec<String> {
    let (lost, unpriced) = (count(requests, 10, 9), count(requests, 5, 4));
    vec![
        format!(
            "function shop-orders > function shop-pricing: {} 0 0 {unpriced} 1",
            requests - unpriced
        ),
        format!(
            "function shop-orders > host api.payments.example: {} 0 0 0 0",
            count(requests, 4, 0)
        ),
        format!("function shop-orders > table orders: {} 0 0 0 0", count(requests, 2, 0)),
        format!("users users > function shop-orders: {} 0 0 {lost} 1", requests - lost),
    ]
}
