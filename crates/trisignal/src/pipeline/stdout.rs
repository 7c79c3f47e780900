//! Standard output as a destination of batches: lines for people, or a line of OTLP/JSON for each request.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::batch::Batch;
use super::retry::Verdict;
use super::signal::Signal;
use crate::console::{ConsoleWriter, metric_lines, span_lines};
use crate::otlp_json;
use crate::transport::{Answer, Failure, FailureKind};

/// Writes batches to the console's writer.
#[derive(Clone, Debug)]
pub(crate) struct Stdout {
    writer: ConsoleWriter,
    form: Form,
}

/// How a batch looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line for each span or data point.
    People,
    /// One line of OTLP/JSON.
    Json,
}

impl Stdout {
    pub(crate) fn new(writer: ConsoleWriter, form: Form) -> Self {
        Self { writer, form }
    }

    /// The name of the exporter.
    pub(crate) fn name(&self) -> &'static str {
        match self.form {
            Form::People => "console",
            Form::Json => "otlp/stdout",
        }
    }

    /// Writes `batch` on a thread that may block: nobody may be reading, and the backends must not wait for it.
    pub(crate) async fn send(&self, batch: &Batch) -> Answer {
        let (stdout, batch) = (self.clone(), batch.clone());
        match tokio::task::spawn_blocking(move || stdout.write(&batch)).await {
            Ok(Ok(())) => Answer {
                verdict: Verdict::Accepted,
                rejected: 0,
                failure: None,
                status: None,
            },
            Ok(Err(problem)) => refused(problem),
            Err(_) => refused("the lines can't be made"),
        }
    }

    fn write(&self, batch: &Batch) -> Result<(), &'static str> {
        let lines = match self.form {
            Form::Json => {
                let mut line = otlp_json::encode(batch.signal, &batch.body.to_bytes())
                    .map_err(|_| UNREADABLE)?;
                line.push('\n');
                vec![line]
            }
            Form::People => lines_for_people(batch)?,
        };
        let written = lines
            .iter()
            .filter(|line| self.writer.write(line.as_bytes()))
            .count();
        if written < lines.len() {
            return Err("standard output can't be written");
        }
        Ok(())
    }
}

const UNREADABLE: &str = "the batch can't be read";

fn lines_for_people(batch: &Batch) -> Result<Vec<String>, &'static str> {
    let body = batch.body.reader();
    match batch.signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body)
            .map(|request| span_lines(&request))
            .map_err(|_| UNREADABLE),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body)
            .map(|request| metric_lines(&request))
            .map_err(|_| UNREADABLE),
        // The console has them already, when they happen.
        Signal::Logs => Ok(Vec::new()),
    }
}

/// It would be no better at the next try.
fn refused(problem: &str) -> Answer {
    Answer {
        verdict: Verdict::RejectedRequest,
        rejected: 0,
        failure: Some(Failure::new(FailureKind::Status, problem)),
        status: None,
    }
}
