//! Fluent Bit itself, where it is on the `PATH`: it takes both configurations, and ships our lines as Elasticsearch wants them.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::{Json, Router, routing::post};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use trisignal::ConsoleFormat;
use trisignal_tests::{Process, fluent_bit, free_port, root, say_not_run, until};

use super::shippers::{CONFIGURATIONS, lines};

type Documents = Arc<Mutex<Vec<(Value, Value)>>>;

/// The program; it is said where there is none.
fn program(test: &str) -> Option<PathBuf> {
    let found = fluent_bit();
    if found.is_none() {
        say_not_run(test, "there is no `fluent-bit` on the PATH");
    }
    found
}

#[test]
fn fluent_bit_takes_its_configurations() {
    let Some(program) = program("fluent_bit_takes_its_configurations") else {
        return;
    };
    for (file, _) in CONFIGURATIONS {
        let mut command = Command::new(&program);
        command.arg("--dry-run").arg("-c").arg(root().join(file));
        let told = command.env("AWS_REGION", "eu-central-1").output().unwrap();
        let told_error = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{file}: {told_error}");
    }
}

/// What arrives are our lines without any change, the time to its last digit included.
#[test]
fn fluent_bit_ships_ecs_lines_to_elasticsearch() {
    let Some(program) = program("fluent_bit_ships_ecs_lines_to_elasticsearch") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let lines = lines(ConsoleFormat::Ecs);
    fs::create_dir(dir.path().join("lines")).unwrap();
    fs::write(dir.path().join("lines/orders.log"), lines.concat()).unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (documents, elasticsearch) = runtime.block_on(stand_in());
    let configuration = configuration(dir.path(), elasticsearch);
    let mut command = Command::new(program);
    command.arg("-c").arg(configuration);
    let log = dir.path().join("fluent-bit.log");
    let _fluent_bit = Process::spawn("fluent-bit", &mut command, &log).unwrap();

    until("all lines as documents", || {
        (documents.lock().unwrap().len() >= lines.len()).then_some(())
    });
    let documents = documents.lock().unwrap();
    for ((action, document), line) in documents.iter().zip(&lines) {
        let create = json!({"create": {"_index": "logs-trisignal-default"}});
        assert_eq!(*action, create);
        assert_eq!(*document, serde_json::from_str::<Value>(line).unwrap());
    }
}

/// The file that is shipped, with the places of this test.
fn configuration(dir: &Path, elasticsearch: SocketAddr) -> PathBuf {
    let mut text = fs::read_to_string(root().join(CONFIGURATIONS[0].0)).unwrap();
    let (lines, state) = (dir.join("lines"), dir.join("state"));
    fs::create_dir(&state).unwrap();
    for (theirs, ours) in [
        ("/var/log/services", lines.display().to_string()),
        ("/var/lib/fluent-bit", state.display().to_string()),
        ("host: elasticsearch", "host: 127.0.0.1".to_owned()),
        ("port: 9200", format!("port: {}", elasticsearch.port())),
        ("http_listen: 0.0.0.0", "http_listen: 127.0.0.1".to_owned()),
        ("http_port: 2020", format!("http_port: {}", free_port())),
    ] {
        assert!(text.contains(theirs), "{theirs}");
        text = text.replace(theirs, &ours);
    }
    let file = dir.join("fluent-bit.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// What of Elasticsearch is needed here: the documents of `_bulk`, each with its action.
async fn stand_in() -> (Documents, SocketAddr) {
    let documents = Documents::default();
    let taken = Arc::clone(&documents);
    let bulk = move |body: Bytes| async move {
        let mut text = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        let values: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let pairs = values.chunks_exact(2);
        let items = vec![json!({"create": {"status": 201}}); pairs.len()];
        let pairs = pairs.map(|pair| (pair[0].clone(), pair[1].clone()));
        taken.lock().unwrap().extend(pairs);
        Json(json!({"took": 1, "errors": false, "items": items}))
    };
    let app = Router::new().route("/_bulk", post(bulk));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (documents, address)
}
