//! The layer by itself on its subscriber, and spans that a thread enters again.

use tracing::{info_span, trace_span};

use super::*;

#[test]
fn the_only_layer_filters_as_one_behind_a_filter() {
    let program = || {
        for id in [7, 8] {
            let _request = info_span!("request", id).entered();
            tracing::debug!("inside");
            let _detail = trace_span!("detail").entered();
            tracing::warn!(target: "h2", "of the stack");
            tracing::info!("further inside");
        }
        tracing::debug!("outside");
    };
    let filters = [
        ["info", "debug", "trace"],
        ["off", "off", "off"],
        ["warn,[request{id=7}]=debug", "error", "info"],
        ["off", "[detail]=trace", "[request{id=8}]=trace"],
        ["trace", "off", "off"],
    ];
    for [console, logs, spans] in filters {
        let filters = || Filters {
            console,
            logs,
            spans,
        };
        let alone = Rig::with_subscriber(filters(), ConsoleFormat::Json, |options| {
            Dispatch::new(Registry::default().with(only_layer(options)))
        });
        let seen = [alone, Rig::new(filters())].map(|rig| {
            rig.run(program);
            let bodies = rig.records().into_iter().map(|record| {
                let inherited = record.attributes_iter().count();
                (format!("{:?}", record.body()), inherited)
            });
            let spans: Vec<_> = rig.out.spans().into_iter().map(|span| span.name).collect();
            let said = |line: &Json| format!("{} {}", line["message"], line["request"]);
            let lines: Vec<_> = rig.json().iter().map(said).collect();
            (lines, bodies.collect::<Vec<_>>(), spans)
        });
        assert_eq!(seen[0], seen[1], "{console} {logs} {spans}");
    }
}

#[test]
fn a_span_is_found_again_until_it_is_closed() {
    let rig = Rig::new(ALL);
    rig.run(|| {
        let spans: Vec<_> = (0..9).map(|id| info_span!("poll", id)).collect();
        let enter_all = || {
            for span in &spans {
                span.in_scope(|| tracing::info!("polled"));
            }
        };
        enter_all();
        std::thread::scope(|scope| {
            // What this thread remembers of them is not what others do.
            scope.spawn(|| rig.run(enter_all));
        });
        enter_all();
        drop(spans);
        // Their IDs, or what is left of them, go to others.
        for id in 9..18 {
            info_span!("later", id).in_scope(|| tracing::info!("polled"));
        }
    });
    let ids: Vec<_> = rig
        .json()
        .iter()
        .map(|line| line["id"].to_string())
        .collect();
    let expected: Vec<_> = [0..9, 0..9, 0..9, 9..18]
        .into_iter()
        .flatten()
        .map(|id: i32| id.to_string())
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(rig.out.spans().len(), 18);
}
