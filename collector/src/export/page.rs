//! A page of numbers for Prometheus: its text format (0.0.4), or OpenMetrics (1.0.0), which has
//! exemplars. In: names, labels, values. Out: text.

use std::fmt::Write;

use super::readings::Kind;
use super::service_graph::{BOUNDS_US, Histogram};
use crate::reduce::Exemplar;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus's own text format.
    Plain,
    /// OpenMetrics.
    OpenMetrics,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Format {
    /// What a client likes best by its header `Accept`; plain text if that is all the same to it.
    pub(crate) fn accepted(accept: Option<&str>) -> Self {
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let quality: f32 = quality.unwrap_or(1.0);
            if kind.eq_ignore_ascii_case(OPEN_METRICS) {
                open = open.max(quality);
            } else if kind.eq_ignore_ascii_case("text/plain") {
                plain = plain.max(quality);
            }
        }
        if open > 0.0 && open >= plain { Self::OpenMetrics } else { Self::Plain }
    }

    /// The content type of the text.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The page so far. Writes into a `String` cannot fail, which is why their results are dropped.
pub(super) struct Page {
    format: Format,
    text: String,
}

impl Page {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(16 << 10) }
    }

    /// The whole text.
    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// Begins the numbers of one name.
    pub(super) fn head(&mut self, name: &str, kind: Kind, help: &str) {
        match (kind, self.format) {
            // In OpenMetrics the family has no suffix, only its samples do.
            (Kind::Counter, Format::OpenMetrics) => {
                self.write_head(name.strip_suffix("_total").unwrap_or(name), "counter", help);
            }
            (Kind::Counter, Format::Plain) => self.write_head(name, "counter", help),
            (Kind::Gauge, _) => self.write_head(name, "gauge", help),
        }
    }

    /// Begins the histograms of one name.
    pub(super) fn histogram_head(&mut self, name: &str, help: &str) {
        self.write_head(name, "histogram", help);
    }

    fn write_head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One number.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        self.write_sample(name, labels, None, value);
        self.text.push('\n');
    }

    /// One histogram over [`BOUNDS_US`].
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, String)],
        histogram: &Histogram,
    ) {
        let bucket = format!("{name}_bucket");
        // OpenMetrics counts whole requests only; sampled spans may stand for others.
        let count = |requests: f64| match self.format {
            Format::Plain => requests,
            Format::OpenMetrics => requests.round(),
        };
        let (within, measured) = (histogram.within.map(count), count(histogram.measured));
        let mut exemplar = histogram.exemplar.filter(|_| self.format == Format::OpenMetrics);
        for (bound, within) in BOUNDS_US.iter().zip(within) {
            #[expect(clippy::cast_precision_loss, reason = "a dozen small constants")]
            let le = (*bound as f64 / 1e6).to_string();
            self.write_sample(&bucket, labels, Some(("le", &le)), within);
            // An exemplar stands in the first bucket that holds it.
            if let Some((request, took_us)) = exemplar
                && took_us <= *bound
            {
                exemplar = None;
                self.write_exemplar(&request, took_us);
            }
            self.text.push('\n');
        }
        self.write_sample(&bucket, labels, Some(("le", "+Inf")), measured);
        if let Some((request, took_us)) = exemplar {
            self.write_exemplar(&request, took_us);
        }
        self.text.push('\n');
        self.sample(&format!("{name}_sum"), labels, histogram.seconds);
        self.sample(&format!("{name}_count"), labels, measured);
    }

    fn write_sample(
        &mut self,
        name: &str,
        labels: &[(&str, String)],
        more: Option<(&str, &str)>,
        value: f64,
    ) {
        self.text.push_str(name);
        let labels = labels.iter().map(|(label, value)| (*label, value.as_str())).chain(more);
        for (index, (label, value)) in labels.clone().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{}\"", escaped(value));
        }
        if labels.count() > 0 {
            self.text.push('}');
        }
        let _ = write!(self.text, " {value}");
    }

    fn write_exemplar(&mut self, request: &Exemplar, took_us: u64) {
        let trace = u128::from_be_bytes(request.trace_id);
        #[expect(clippy::cast_precision_loss, reason = "microseconds of today fit in 53 bits")]
        let (took, at) = (took_us as f64 / 1e6, (request.end_ns / 1_000_000) as f64 / 1e3);
        let _ = write!(self.text, " # {{trace_id=\"{trace:032x}\"}} {took} {at}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK_US: u64 = 150_000;

    fn histogram() -> Histogram {
        let exemplar = Exemplar {
            trace_id: 0xabc_u128.to_be_bytes(),
            end_ns: 1_795_503_600_250_000_000,
            client_us: None,
            server_us: Some(TOOK_US),
        };
        Histogram {
            within: [2.0; BOUNDS_US.len()],
            measured: 2.5,
            seconds: 0.75,
            exemplar: Some((exemplar, TOOK_US)),
        }
    }

    fn page(format: Format, write: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::new(format);
        write(&mut page);
        page.end()
    }

    fn labels(client: &str) -> Vec<(&'static str, String)> {
        vec![("client", client.to_owned()), ("server", "b".to_owned())]
    }

    #[test]
    fn a_histogram_is_what_grafana_reads() {
        let text = page(Format::Plain, |page| page.histogram("took", &labels("a"), &histogram()));
        for line in [
            "took_bucket{client=\"a\",server=\"b\",le=\"0.1\"} 2",
            "took_bucket{client=\"a\",server=\"b\",le=\"+Inf\"} 2.5",
            "took_sum{client=\"a\",server=\"b\"} 0.75",
            "took_count{client=\"a\",server=\"b\"} 2.5",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(!text.contains('#'), "plain text has no exemplars: {text}");
    }

    #[test]
    fn openmetrics_has_one_exemplar_in_the_bucket_that_its_latency_falls_in() {
        let write = |page: &mut Page| {
            page.head("seen_total", Kind::Counter, "What was seen.");
            page.histogram("took", &labels("a"), &histogram());
        };
        let text = page(Format::OpenMetrics, write);
        assert!(text.contains("# TYPE seen counter\n"), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let exemplars: Vec<_> = text.lines().filter(|line| line.contains(" # {")).collect();
        let expected = "took_bucket{client=\"a\",server=\"b\",le=\"0.2\"} 2 # \
                        {trace_id=\"00000000000000000000000000000abc\"} 0.15 1795503600.25";
        assert_eq!(exemplars, [expected]);
        assert!(text.contains("\ntook_count{client=\"a\",server=\"b\"} 3\n"), "whole: {text}");
        let mut longer = histogram();
        longer.exemplar = longer.exemplar.map(|(request, _)| (request, 60_000_000));
        let text = page(Format::OpenMetrics, |page| page.histogram("took", &[], &longer));
        assert!(text.contains("took_bucket{le=\"+Inf\"} 3 # {trace_id="), "{text}");
    }

    #[test]
    fn names_that_hold_quotes_and_line_breaks_stay_one_line() {
        let text = page(Format::Plain, |page| page.sample("a", &labels("a\"\\\nb"), 1.0));
        assert!(text.contains("client=\"a\\\"\\\\\\nb\""), "{text}");
    }

    #[test]
    fn the_client_chooses_the_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/\
                          openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (None, Format::Plain),
            (Some("*/*"), Format::Plain),
            (Some(prometheus), Format::OpenMetrics),
            (Some("text/plain, application/openmetrics-text;q=0.5"), Format::Plain),
            (Some("application/openmetrics-text; q=0"), Format::Plain),
            (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }
}
