//! The logfire crate, told to send to the sink instead of its service.

use logfire::Logfire;
use logfire::config::{AdvancedOptions, MetricsOptions, SendToLogfire};
use tracing_subscriber::filter::LevelFilter;

use super::Running;
use crate::Result;

struct Fire(Logfire);

pub(super) fn start() -> Result<Box<dyn Running>> {
    let sink = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    // Its reader of metrics wants a runtime of tokio, which only the service has.
    let has_runtime = tokio::runtime::Handle::try_current().is_ok();
    let logfire = logfire::configure()
        .send_to_logfire(SendToLogfire::Yes)
        .with_token("bench")
        .with_console(None)
        .with_service_name("bench")
        .with_metrics(has_runtime.then(MetricsOptions::default))
        // Its default is everything, also what its own transport says.
        .with_default_level_filter(LevelFilter::INFO)
        .with_advanced_options(AdvancedOptions::default().with_base_url(sink))
        .finish()?;
    Ok(Box::new(Fire(logfire)))
}

impl Running for Fire {
    fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            eprintln!("logfire: {error}");
        }
    }
}
