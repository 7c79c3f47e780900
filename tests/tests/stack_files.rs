//! The files of the stack whose programs are mostly not to be had in a test: Compose, Grafana, Fluent Bit, Zabbix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may fail by panic"
)]

#[path = "stack_files/fluent_bit.rs"]
mod fluent_bit;
#[path = "stack_files/shippers.rs"]
mod shippers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use trisignal_tests::root;

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn services() -> Vec<(String, Value)> {
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_object().unwrap();
    assert!(!services.is_empty());
    services
        .iter()
        .map(|(name, service)| (name.clone(), service.clone()))
        .collect()
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

#[test]
fn every_file_of_the_stack_parses() {
    let mut files = Vec::new();
    let mut folders = vec![root().join("collector")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    let mut parsed = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let good = match file.extension().and_then(|end| end.to_str()) {
            Some("yaml" | "yml") => yaml_serde::from_str::<Value>(&text).map_err(|e| e.to_string()),
            Some("json") => serde_json::from_str(&text).map_err(|e| e.to_string()),
            _ => continue,
        };
        assert!(
            good.as_ref().is_ok_and(|value| !value.is_null()),
            "{}: {good:?}",
            file.display()
        );
        parsed += 1;
    }
    assert!(parsed >= 12, "only {parsed} files");
}

#[test]
fn images_are_pinned_to_a_release() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image
            .rsplit_once(':')
            .unwrap_or_else(|| panic!("{name}: no tag"));
        let numbers = tag.trim_start_matches('v').split('.').collect::<Vec<_>>();
        assert_eq!(numbers.len(), 3, "{name}: {image} is not a whole version");
        assert!(
            numbers.iter().all(|number| number.parse::<u32>().is_ok()),
            "{name}: {image}"
        );
    }
}

/// The native Collector and the one in Docker are of one version, so one configuration fits both.
#[test]
fn the_image_of_the_collector_has_the_version_of_the_manifest() {
    let manifest = yaml("collector/build/otelcol/builder-config.yaml");
    let (_, services) = services()
        .into_iter()
        .find(|(name, _)| name == "otelcol")
        .unwrap();
    let (_, version) = services["image"]
        .as_str()
        .unwrap()
        .rsplit_once(':')
        .unwrap();
    let modules = [
        "extensions",
        "receivers",
        "processors",
        "exporters",
        "connectors",
    ];
    for module in modules
        .iter()
        .flat_map(|part| manifest[part].as_array().unwrap())
    {
        let module = module["gomod"].as_str().unwrap();
        assert!(
            module.ends_with(&format!(" v{version}")),
            "{module} is not {version}"
        );
    }
}

#[test]
fn ports_are_open_on_loopback_only() {
    let mut open = 0;
    for (name, service) in services() {
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
            open += 1;
        }
        assert_ne!(service["network_mode"], "host", "{name}");
    }
    assert!(open > 0);
}

#[test]
fn every_service_restarts_and_has_its_health_checked() {
    let services = services();
    let has_check = |service: &Value| words(&service["healthcheck"]["test"]).count() > 1;
    for (name, service) in &services {
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        // An image without any other program is asked by a service beside it.
        let beside = services
            .iter()
            .find(|(other, _)| *other == format!("{name}-health"));
        let checked = has_check(service)
            || beside.is_some_and(|(_, beside)| {
                let asks = words(&beside["healthcheck"]["test"])
                    .any(|word| word.contains(&format!("//{name}:")));
                asks && words(&beside["depends_on"]).any(|needed| needed == name)
            });
        assert!(checked, "{name} has no health check");
    }
}

#[test]
fn what_is_mounted_exists_and_cannot_be_written() {
    let compose = yaml("docker-compose.yml");
    let volumes = compose["volumes"].as_object().unwrap();
    let mut mounted = BTreeSet::new();
    for (name, service) in services() {
        for volume in words(&service["volumes"]) {
            let (source, rest) = volume.split_once(':').unwrap();
            if source.starts_with("./") {
                assert!(
                    root().join(source).exists(),
                    "{name}: {source} does not exist"
                );
                assert!(rest.ends_with(":ro"), "{name}: {volume} is writable");
                mounted.insert(source.to_owned());
            } else {
                assert!(
                    volumes.contains_key(source),
                    "{name}: {source} is not declared"
                );
            }
        }
        for needed in words(&service["depends_on"]) {
            assert!(
                compose["services"].get(needed).is_some(),
                "{name} needs {needed}"
            );
        }
    }
    let files = fs::read_dir(root().join("collector"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let name = format!(
            "./collector/{}",
            file.file_name().unwrap().to_str().unwrap()
        );
        assert!(mounted.contains(&name), "{name} is used by no service");
    }
}

/// What a program is told to read is what is mounted into its container.
#[test]
fn commands_read_files_that_are_mounted() {
    let mut read = 0;
    for (name, service) in services() {
        let targets: Vec<&str> = words(&service["volumes"])
            .filter_map(|volume| volume.split(':').nth(1))
            .collect();
        for word in words(&service["command"]) {
            let Some((_, path)) = word
                .split_once("config=file:")
                .or_else(|| word.split_once("config.file="))
            else {
                continue;
            };
            assert!(
                targets.contains(&path),
                "{name} reads {path}, which is not mounted"
            );
            read += 1;
        }
    }
    assert!(read >= 7, "only {read} files are read");
}

/// Every variable that compose sets is one that a file of that service reads.
#[test]
fn environment_variables_are_read_by_the_files() {
    for (name, service) in services() {
        if name == "grafana" {
            continue;
        }
        let files: String = words(&service["volumes"])
            .filter_map(|volume| volume.split(':').next())
            .filter_map(|source| fs::read_to_string(root().join(source)).ok())
            .collect();
        for (variable, _) in service["environment"].as_object().into_iter().flatten() {
            let read = files.contains(&format!("{variable}:-"));
            assert!(read, "{name}: no file reads {variable}");
        }
    }
}

#[test]
fn data_sources_lead_to_each_other() {
    let file = yaml("collector/grafana/provisioning/datasources/datasources.yaml");
    let sources = file["datasources"].as_array().unwrap();
    let source = |uid: &str| sources.iter().find(|source| source["uid"] == uid).unwrap();
    let compose = yaml("docker-compose.yml");
    for each in sources {
        let url = each["url"].as_str().unwrap();
        let host = url.trim_start_matches("http://").split(':').next().unwrap();
        assert!(
            compose["services"].get(host).is_some(),
            "{url} is no service of the stack"
        );
    }
    let links = [
        (
            "exemplar to trace",
            source("prometheus").pointer("/jsonData/exemplarTraceIdDestinations/0/datasourceUid"),
            "tempo",
        ),
        (
            "trace to logs",
            source("tempo").pointer("/jsonData/tracesToLogsV2/datasourceUid"),
            "loki",
        ),
        (
            "trace to logs",
            source("jaeger").pointer("/jsonData/tracesToLogsV2/datasourceUid"),
            "loki",
        ),
        (
            "trace to metrics",
            source("tempo").pointer("/jsonData/tracesToMetrics/datasourceUid"),
            "prometheus",
        ),
        (
            "log to trace",
            source("loki").pointer("/jsonData/derivedFields/0/datasourceUid"),
            "tempo",
        ),
    ];
    for (link, uid, wanted) in links {
        assert_eq!(uid, Some(&Value::from(wanted)), "{link}");
    }
}

#[test]
fn panels_ask_sources_that_are_provisioned() {
    let file = yaml("collector/grafana/provisioning/datasources/datasources.yaml");
    let uids: Vec<&Value> = file["datasources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| &source["uid"])
        .collect();
    let folder = root().join("collector/grafana/dashboards");
    let mut queries = 0;
    for entry in fs::read_dir(Path::new(&folder)).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                assert!(
                    uids.contains(&&target["datasource"]["uid"]),
                    "{}",
                    panel["title"]
                );
                // Prometheus and Loki, Tempo, Jaeger.
                let query = ["expr", "query", "tags"].map(|key| target[key].as_str());
                let query = query.into_iter().flatten().next().unwrap_or_default();
                assert!(!query.is_empty(), "{}", panel["title"]);
                queries += 1;
            }
        }
    }
    assert!(queries > 0);
}

/// Zabbix wants every part to have an ID of its own, and parts that name each other to be there.
#[test]
fn the_template_for_zabbix_fits_together() {
    let template = yaml("collector/zabbix/trisignal.yaml");
    let export = &template["zabbix_export"];
    let template = &export["templates"][0];
    let items = template["items"].as_array().unwrap();
    let keys: BTreeSet<_> = items
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), items.len(), "a key is there twice");
    let macros: Vec<_> = template["macros"].as_array().unwrap().iter().collect();
    let macros: Vec<_> = macros
        .iter()
        .map(|one| one["macro"].as_str().unwrap())
        .collect();
    let mut ids = vec![&export["groups"][0]["uuid"], &template["uuid"]];
    let mut triggers = 0;
    for item in items {
        ids.push(&item["uuid"]);
        if item["type"] == "DEPENDENT" {
            let master = item["master_item"]["key"].as_str().unwrap();
            assert!(keys.contains(master), "{}", item["key"]);
        } else {
            let url = item["url"].as_str().unwrap();
            assert!(macros.iter().any(|name| url.contains(name)), "{url}");
        }
        for trigger in item["triggers"].as_array().into_iter().flatten() {
            ids.push(&trigger["uuid"]);
            let expression = trigger["expression"].as_str().unwrap();
            let of_item = format!(
                "/{}/{}",
                template["template"].as_str().unwrap(),
                item["key"].as_str().unwrap()
            );
            assert!(expression.contains(&of_item), "{expression}");
            triggers += 1;
        }
    }
    assert!(triggers >= 5);
    let unique: BTreeSet<_> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(unique.len(), ids.len(), "an ID is there twice");
    for id in unique {
        let is_v4 = id.len() == 32
            && id.as_bytes()[12] == b'4'
            && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_v4, "{id}");
    }
}
