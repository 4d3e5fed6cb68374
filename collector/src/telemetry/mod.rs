//! The collector's own telemetry: log lines to standard error, and, if OTEL_EXPORTER_OTLP_ENDPOINT
//! asks for it, numbers and a few traces by OTLP. In: the configuration and environment variables.
//! Out: lines, metrics, spans; never to the collector itself.

mod endpoint;
mod exporter;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::Config;
use crate::export::readings::{Family, Kind, Readings};
use endpoint::{Endpoint, own_port};
use exporter::InRuntime;

/// Spans with this target are what the collector traces of itself: starts, reloads and stops, not
/// requests, of which there may be thousands a second.
pub(crate) const OPERATION: &str = "spanfall_collector::operation";

/// How long the last numbers and spans may take to leave.
const FLUSH: Duration = Duration::from_millis(400);

/// Where the collector's own telemetry goes. One for the whole program.
#[derive(Debug)]
pub struct Telemetry {
    log: Option<reload::Handle<EnvFilter, Registry>>,
    exports: Option<Exports>,
}

#[derive(Debug)]
struct Exports {
    tracer: SdkTracerProvider,
    meter: SdkMeterProvider,
}

impl Telemetry {
    /// Starts, for the whole program. Exports run on the current tokio runtime.
    pub fn start(config: &Config, variables: &BTreeMap<String, String>) -> Self {
        let exports = Exports::start(config, variables);
        let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
        let (filter, log) = reload::Layer::new(filter);
        let lines = tracing_subscriber::fmt::layer()
            .compact()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter);
        let traces = exports.as_ref().ok().and_then(Option::as_ref).map(|exports| {
            tracing_opentelemetry::layer::<_>()
                .with_tracer(exports.own_tracer())
                .with_filter(FilterFn::new(|metadata| metadata.target() == OPERATION))
        });
        let started = tracing_subscriber::registry().with(lines).with(traces).try_init();
        if let Err(error) = &exports {
            tracing::warn!("the collector's own telemetry is not sent: {error}");
        }
        // Whoever embeds the collector has a log of their own, and filters it.
        Self { log: started.is_ok().then_some(log), exports: exports.ok().flatten() }
    }

    /// Writes other log lines from now on.
    pub fn set_log(&self, filter: &str) {
        let Ok(filter) = EnvFilter::try_new(filter) else { return };
        if let Some(log) = &self.log
            && let Err(error) = log.reload(filter)
        {
            tracing::warn!(%error, "the log's filter stays as it was");
        }
    }

    /// Sends these numbers from now on.
    pub(crate) fn observe(&self, readings: &Readings) {
        let Some(exports) = &self.exports else { return };
        let meter = exports.meter.meter("spanfall");
        for family in readings.read() {
            let Family { name, unit, help, kind, points: _ } = family;
            let readings = readings.clone();
            let points = move || {
                let families = readings.read();
                let family = families.into_iter().find(|family| family.name == name);
                family.map(|family| family.points).unwrap_or_default()
            };
            let attributes = |labels: Vec<(&'static str, String)>| -> Vec<KeyValue> {
                labels.into_iter().map(|(label, value)| KeyValue::new(label, value)).collect()
            };
            match kind {
                Kind::Counter => {
                    let counter = meter.f64_observable_counter(name);
                    let counter = counter.with_unit(unit).with_description(help);
                    counter
                        .with_callback(move |observer| {
                            for point in points() {
                                observer.observe(point.value, &attributes(point.labels));
                            }
                        })
                        .build();
                }
                Kind::Gauge => {
                    let gauge = meter.f64_observable_gauge(name);
                    let gauge = gauge.with_unit(unit).with_description(help);
                    gauge
                        .with_callback(move |observer| {
                            for point in points() {
                                observer.observe(point.value, &attributes(point.labels));
                            }
                        })
                        .build();
                }
            }
        }
    }

    /// Sends what is left.
    pub async fn finish(self) {
        let Some(Exports { tracer, meter }) = self.exports else { return };
        let flush = tokio::task::spawn_blocking(move || {
            // Whatever goes wrong now, the exporters have said so.
            let _ = tracer.shutdown_with_timeout(FLUSH);
            let _ = meter.shutdown_with_timeout(FLUSH);
        });
        if tokio::time::timeout(FLUSH, flush).await.is_err() {
            tracing::info!("the last of the collector's own telemetry did not leave in time");
        }
    }
}

/// Why the collector's own telemetry is not sent.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// It would come back in.
    #[error(
        "{variable} is {url}, which is this collector's own port {port}; choose another \
         OpenTelemetry collector, or unset it"
    )]
    Itself { variable: &'static str, url: String, port: u16 },
    /// It wants encryption.
    #[error(
        "{variable} is {url}, and Spanfall sends its own telemetry without TLS; name an http:// \
         endpoint, such as an OpenTelemetry Collector beside it that passes it on"
    )]
    Tls { variable: &'static str, url: String },
    /// The variables say something impossible.
    #[error(transparent)]
    Build(#[from] ExporterBuildError),
}

impl Exports {
    fn start(
        config: &Config,
        variables: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, ExportError> {
        let endpoints = Endpoint::all(variables);
        if endpoints.is_empty() {
            return Ok(None);
        }
        for Endpoint { variable, url } in endpoints {
            if url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
                return Err(ExportError::Tls { variable, url });
            }
            if let Some(port) = own_port(&config.listen, &url) {
                return Err(ExportError::Itself { variable, url, port });
            }
        }
        let runtime = Handle::current();
        let (spans, metrics) = exporters(variables)?;
        let resource = resource(variables);
        let tracer = SdkTracerProvider::builder()
            .with_batch_exporter(InRuntime::new(spans, runtime.clone()))
            .with_resource(resource.clone())
            .build();
        let meter = SdkMeterProvider::builder()
            .with_periodic_exporter(InRuntime::new(metrics, runtime))
            .with_resource(resource)
            .build();
        global::set_tracer_provider(tracer.clone());
        global::set_meter_provider(meter.clone());
        Ok(Some(Self { tracer, meter }))
    }

    fn own_tracer(&self) -> SdkTracer {
        self.tracer.tracer("spanfall")
    }
}

/// Exporters as the environment variables ask for them; by HTTP and protobuf if they do not say,
/// as the specification has it.
fn exporters(
    variables: &BTreeMap<String, String>,
) -> Result<(SpanExporter, MetricExporter), ExporterBuildError> {
    let says = |signal: &str| {
        variables.contains_key("OTEL_EXPORTER_OTLP_PROTOCOL")
            || variables.contains_key(&format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"))
    };
    let spans = SpanExporter::builder();
    let spans = if says("TRACES") {
        spans.build()?
    } else {
        spans.with_http().with_protocol(Protocol::HttpBinary).build()?
    };
    let metrics = MetricExporter::builder();
    let metrics = if says("METRICS") {
        metrics.build()?
    } else {
        metrics.with_http().with_protocol(Protocol::HttpBinary).build()?
    };
    Ok((spans, metrics))
}

fn resource(variables: &BTreeMap<String, String>) -> Resource {
    let named = variables.contains_key("OTEL_SERVICE_NAME")
        || variables
            .get("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|attributes| attributes.contains("service.name="));
    let builder = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if named { builder.build() } else { builder.with_service_name("spanfall-collector").build() }
}
