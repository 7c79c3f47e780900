//! Metrics of this process, by OpenTelemetry's semantic conventions for process metrics (v1.44).
//!
//! All instruments of one collection show the same reading of the system. What the system does not tell is not
//! observed; it is never shown as 0.

mod system;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use self::system::{Cpu, Reading};

/// How long a reading is the current one. A collection takes less.
const FRESH: Duration = Duration::from_millis(100);
/// The shortest time over which utilization is told. With more readers than one, each makes the time of the others
/// shorter.
const WINDOW: Duration = Duration::from_secs(1);

/// Registers the instruments.
pub(super) fn register(meter: &Meter) {
    let process = Arc::new(Process::default());
    cpu(meter, &process);
    amounts(meter, &process);
    counts(meter, &process);
}

fn cpu(meter: &Meter, process: &Arc<Process>) {
    let [user, system] = ["user", "system"].map(|mode| [KeyValue::new("cpu.mode", mode)]);
    let modes = (user.clone(), system.clone());
    let state = Arc::clone(process);
    meter
        .f64_observable_counter("process.cpu.time")
        .with_unit("s")
        .with_description("Total CPU seconds broken down by different CPU modes.")
        .with_callback(move |time| {
            if let Some(cpu) = state.current().reading.cpu {
                time.observe(cpu.user.as_secs_f64(), &modes.0);
                time.observe(cpu.system.as_secs_f64(), &modes.1);
            }
        })
        .build();
    let state = Arc::clone(process);
    meter
        .f64_observable_gauge("process.cpu.utilization")
        .with_unit("1")
        .with_description(
            "Difference in process.cpu.time since the last measurement, divided by the elapsed time and number of \
             CPUs available to the process.",
        )
        .with_callback(move |utilization| {
            let current = state.current().utilization;
            if let Some(Utilization { user: in_user, system: in_system }) = current {
                utilization.observe(in_user, &user);
                utilization.observe(in_system, &system);
            }
        })
        .build();
}

/// What goes up and down.
fn amounts(meter: &Meter, process: &Arc<Process>) {
    let up_down = |name, unit, description, value: fn(&Reading) -> Option<u64>| {
        let state = Arc::clone(process);
        meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |amount| observe(amount, value(&state.current().reading), &[]))
            .build();
    };
    up_down(
        "process.memory.usage",
        "By",
        "The amount of physical memory in use.",
        |reading| reading.memory_usage,
    );
    up_down(
        "process.memory.virtual",
        "By",
        "The amount of committed virtual memory.",
        |reading| reading.memory_virtual,
    );
    up_down(
        "process.thread.count",
        "{thread}",
        "Process threads count.",
        |reading| reading.threads,
    );
    up_down(
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Number of UNIX file descriptors in use by the process.",
        |reading| reading.file_descriptors,
    );
    let state = Arc::clone(process);
    meter
        .f64_observable_gauge("process.uptime")
        .with_unit("s")
        .with_description("The time the process has been running.")
        .with_callback(move |uptime| {
            if let Some(running) = state.current().reading.uptime {
                uptime.observe(running.as_secs_f64(), &[]);
            }
        })
        .build();
}

/// What only goes up.
fn counts(meter: &Meter, process: &Arc<Process>) {
    type Pair = fn(&Reading) -> Option<[u64; 2]>;
    let counter = |name,
                   unit,
                   description,
                   attribute: &'static str,
                   kinds: [&'static str; 2],
                   counts: Pair| {
        let kinds = kinds.map(|kind| [KeyValue::new(attribute, kind)]);
        let state = Arc::clone(process);
        meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |counter| {
                for (count, kind) in counts(&state.current().reading)
                    .into_iter()
                    .flatten()
                    .zip(&kinds)
                {
                    counter.observe(count, kind);
                }
            })
            .build();
    };
    counter(
        "process.context_switches",
        "{context_switch}",
        "Number of times the process has been context switched.",
        "process.context_switch.type",
        ["voluntary", "involuntary"],
        |reading| reading.context_switches,
    );
    counter(
        "process.paging.faults",
        "{fault}",
        "Number of page faults the process has made.",
        "system.paging.fault.type",
        ["minor", "major"],
        |reading| reading.page_faults,
    );
}

fn observe(instrument: &dyn AsyncInstrument<i64>, value: Option<u64>, attributes: &[KeyValue]) {
    if let Some(value) = value {
        instrument.observe(i64::try_from(value).unwrap_or(i64::MAX), attributes);
    }
}

/// The last reading, and what follows from it and an earlier one.
#[derive(Debug)]
struct Process {
    current: Mutex<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    reading: Reading,
    read_at: Instant,
    /// Where utilization is measured from.
    since: (Instant, Option<Cpu>),
    utilization: Option<Utilization>,
}

/// The share of the CPUs that was used.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Utilization {
    user: f64,
    system: f64,
}

impl Default for Process {
    fn default() -> Self {
        let reading = Reading::now();
        let now = Instant::now();
        Self {
            current: Mutex::new(Current {
                reading,
                read_at: now,
                since: (now, reading.cpu),
                utilization: None,
            }),
        }
    }
}

impl Process {
    /// A reading that is fresh.
    fn current(&self) -> Current {
        let mut current = self.lock();
        if current.read_at.elapsed() >= FRESH {
            current.update(Reading::now(), Instant::now(), cpus());
        }
        *current
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // It holds plain numbers, valid whatever happened.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn update(&mut self, reading: Reading, now: Instant, cpus: f64) {
        self.reading = reading;
        self.read_at = now;
        let (since, before) = self.since;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < WINDOW {
            return;
        }
        let share = |used: Duration| used.as_secs_f64() / elapsed.as_secs_f64() / cpus;
        self.utilization = reading.cpu.zip(before).map(|(cpu, before)| Utilization {
            user: share(cpu.user.saturating_sub(before.user)),
            system: share(cpu.system.saturating_sub(before.system)),
        });
        self.since = (now, reading.cpu);
    }
}

/// How many CPUs this process may use at once; a quota of the container counts.
fn cpus() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(user: u64, system: u64) -> Reading {
        Reading {
            cpu: Some(Cpu {
                user: Duration::from_millis(user),
                system: Duration::from_millis(system),
            }),
            ..Reading::default()
        }
    }

    #[test]
    fn utilization_is_what_was_used_since_the_last_measurement() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        let first = used(1_000, 200);
        let mut current = Current {
            reading: first,
            read_at: begin,
            since: (begin, first.cpu),
            utilization: None,
        };
        current.update(used(1_500, 300), after(500), 2.0);
        assert_eq!(current.utilization, None, "the window is too short to tell");
        current.update(used(3_000, 700), after(2_000), 2.0);
        let expected = Utilization {
            user: 0.5,
            system: 0.125,
        };
        assert_eq!(
            current.utilization,
            Some(expected),
            "from the beginning, on two CPUs"
        );
        current.update(used(3_000, 700), after(2_100), 2.0);
        assert_eq!(current.utilization, Some(expected), "the last one stands");
        current.update(used(3_000, 700), after(4_000), 2.0);
        let idle = Utilization {
            user: 0.0,
            system: 0.0,
        };
        assert_eq!(current.utilization, Some(idle));
        current.update(Reading::default(), after(6_000), 2.0);
        assert_eq!(current.utilization, None, "unknown is not 0");
    }
}
