//! What concerns the whole: who sends, and whether anything does.

use super::{EVERYTHING, Service, proofs};

fn resource(service: &Service, key: &str) -> Option<String> {
    let span = service.span();
    span.resource.attributes.str(key).map(str::to_owned)
}

proofs! {
    OTEL_SDK_DISABLED => {
        let service = Service::new(&[("OTEL_SDK_DISABLED", "True")]);
        service.work();
        let report = service.end();
        assert!(service.receiver.requests().is_empty());
        assert_eq!(report.traces.produced + report.metrics.produced + report.logs.produced, 0);
        // Nothing but `true` is true, so the rest is told and changes nothing.
        let service = Service::ran(&[("OTEL_SDK_DISABLED", "1")]);
        assert_eq!(service.arrived(), EVERYTHING);
        assert_eq!(service.told().len(), 1);
    }

    OTEL_SERVICE_NAME => {
        let service = Service::ran(&[
            ("OTEL_SERVICE_NAME", "orders"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=weaker"),
        ]);
        assert_eq!(service.span().service, "orders");
        assert_eq!(service.log().service, "orders");
        assert_eq!(service.metric("orders.placed").service, "orders");
    }

    OTEL_RESOURCE_ATTRIBUTES => {
        let service = Service::ran(&[("OTEL_RESOURCE_ATTRIBUTES", "team=pay%2Cments,empty=")]);
        assert_eq!(resource(&service, "team").as_deref(), Some("pay,ments"));
        assert_eq!(resource(&service, "empty").as_deref(), Some(""));
        let broken = Service::ran(&[("OTEL_RESOURCE_ATTRIBUTES", "team=payments,rate=%zz")]);
        assert_eq!(resource(&broken, "team"), None, "all or nothing");
        assert_eq!(broken.told().len(), 1);
    }

    OTEL_ENTITIES => {
        let entities = "service{service.namespace=shop}[team=pay%3Bments]@https://example/1;nonsense;host{host.id=h1}";
        let service = Service::ran(&[
            ("OTEL_ENTITIES", entities),
            ("OTEL_RESOURCE_ATTRIBUTES", "host.id=stronger"),
        ]);
        assert_eq!(resource(&service, "service.namespace").as_deref(), Some("shop"));
        assert_eq!(resource(&service, "team").as_deref(), Some("pay;ments"));
        assert_eq!(resource(&service, "host.id").as_deref(), Some("stronger"));
        assert!(service.told()[0].ends_with("has an entity that can't be read, number 2; that entity is left out"));
    }

    OTEL_SEMCONV_STABILITY_OPT_IN => {
        let service = Service::ran(&[("OTEL_SEMCONV_STABILITY_OPT_IN", "http")]);
        assert!(service.told().is_empty());
        let service = Service::ran(&[("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup,database")]);
        assert_eq!(service.told().len(), 1);
        assert_eq!(service.arrived(), EVERYTHING);
    }

    OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN => {
        // An exception is a log record without any opt-in.
        let service = Service::new(&[("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs")]);
        super::super::common::record(&service.telemetry, || {
            let error = std::io::Error::other("disk full");
            tracing::error!(exception.message = %error, "failed");
        });
        service.finish();
        let log = service.receiver.logs().body("failed").one().unwrap();
        assert_eq!(log.attributes.str("exception.message"), Some("disk full"));
        assert!(service.told().is_empty());
    }

    OTEL_EXPORTER_ZIPKIN_ENDPOINT => {
        let service = Service::ran(&[("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://user:hunter2@zipkin/api")]);
        let told = service.told();
        assert!(told[0].contains("Zipkin is not supported") && !told[0].contains("hunter2"), "{told:?}");
        assert_eq!(service.arrived(), EVERYTHING);
    }

    OTEL_EXPORTER_ZIPKIN_TIMEOUT => {
        let service = Service::ran(&[("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "1")]);
        assert!(service.told()[0].contains("Zipkin is not supported"));
    }

    OTEL_EXPORTER_ZIPKIN_PROTOCOL => {
        let service = Service::ran(&[("OTEL_EXPORTER_ZIPKIN_PROTOCOL", "http/json")]);
        assert!(service.told()[0].contains("Zipkin is not supported"));
    }
}
