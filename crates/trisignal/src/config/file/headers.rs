//! The headers that HTTP spans show, as a file says.

use http::HeaderName;
use trisignal_instrumentation::http::CapturedHeaders;

use super::super::reader::Reader;
use super::super::redact::value_for_people;
use super::super::show;
use super::cursor::Cursor;

/// Without a file, and where it does not say: none.
pub(in super::super) fn captured_headers(reader: &mut Reader<'_>) -> CapturedHeaders {
    let mut captured = CapturedHeaders::default();
    let Some(document) = reader.file else {
        return captured;
    };
    let root = Cursor::root(&document.root);
    let Some(http) = root.find(&["instrumentation/development", "general", "http"]) else {
        return captured;
    };
    let places = [
        (
            "server",
            "request_captured_headers",
            &mut captured.server_request,
        ),
        (
            "server",
            "response_captured_headers",
            &mut captured.server_response,
        ),
        (
            "client",
            "request_captured_headers",
            &mut captured.client_request,
        ),
        (
            "client",
            "response_captured_headers",
            &mut captured.client_response,
        ),
    ];
    for (side, key, headers) in places {
        let Some(list) = http.find(&[side, key]) else {
            continue;
        };
        for item in list.items() {
            let Some(name) = item.text() else {
                continue;
            };
            match HeaderName::try_from(name) {
                Ok(name) => headers.push(name),
                Err(_) => {
                    let problem = "is no name of a header";
                    reader.file_problems.error(item.at(), &item.path, problem);
                }
            }
        }
        let names: Vec<&str> = headers.iter().map(HeaderName::as_str).collect();
        let shown = value_for_people(&show::list(&names));
        reader.note(
            &format!("http.{side}.{key}"),
            shown,
            document.origin(list.at()),
        );
    }
    captured
}
