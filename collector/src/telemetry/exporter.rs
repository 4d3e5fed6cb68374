//! Exporters that work outside of tokio's threads. In: an OTLP exporter, whose clients need a tokio
//! runtime. Out: one that the SDK's own threads may use, and that says when the other side is gone.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

/// An exporter in a runtime.
pub(super) struct InRuntime<E> {
    exporter: E,
    runtime: Handle,
    failing: AtomicBool,
}

impl<E> InRuntime<E> {
    pub(super) fn new(exporter: E, runtime: Handle) -> Self {
        Self { exporter, runtime, failing: AtomicBool::new(false) }
    }

    async fn export(&self, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        let export = Entered { future: Box::pin(export), runtime: self.runtime.clone() };
        let result = export.await;
        self.say(result.as_ref().err());
        result
    }

    /// Says that exports fail, and that they work again, once each.
    fn say(&self, error: Option<&OTelSdkError>) {
        let failed = self.failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !failed => {
                tracing::warn!(%error, "the collector's own telemetry cannot be sent");
            }
            None if failed => tracing::info!("the collector's own telemetry is sent again"),
            _ => {}
        }
    }
}

impl<E> fmt::Debug for InRuntime<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InRuntime")
    }
}

impl<E: SpanExporter> SpanExporter for InRuntime<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.export(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for InRuntime<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.export(self.exporter.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// A future that finds its runtime whichever thread polls it.
struct Entered<F> {
    future: Pin<Box<F>>,
    runtime: Handle,
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        self.future.as_mut().poll(context)
    }
}
