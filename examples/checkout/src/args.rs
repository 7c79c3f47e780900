//! The command line.

use std::net::SocketAddr;

/// What the program is called with.
pub(crate) const USAGE: &str = "\
usage: checkout [--once]
       checkout serve gateway --listen ADDR --orders URL [--with-parent]
       checkout serve orders --listen ADDR [--queue URL] [--with-parent]
       checkout serve fulfilment --queue URL [--with-parent]

  --once         end after the first round, with exit code 1 when a trace is not whole
  --listen       such as 127.0.0.1:3000; port 0 takes a free one, which is printed
  --queue        a NATS server, such as nats://127.0.0.1:4222; without it, orders fulfils by itself
  --with-parent  end when standard input closes, not only on SIGTERM or Ctrl-C";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Say how the program is used.
    Help,
    /// Start everything, send orders, show the story.
    Demo {
        /// End after the first round.
        once: bool,
    },
    /// Be the service that customers talk to.
    Gateway {
        /// Where and how long.
        serve: Serve,
        /// The base URL of `orders`.
        orders: String,
    },
    /// Be the service that takes orders.
    Orders {
        /// Where and how long.
        serve: Serve,
        /// The NATS server for orders that were taken.
        queue: Option<String>,
    },
    /// Be the worker that fulfils orders.
    Fulfilment {
        /// The NATS server that they come from.
        queue: String,
        /// End when standard input closes.
        with_parent: bool,
    },
}

/// Where a service listens, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    /// Port 0 is a free one.
    pub(crate) listen: SocketAddr,
    /// End when standard input closes.
    pub(crate) with_parent: bool,
}

/// The options of `serve`, as they are found.
#[derive(Default)]
struct Options {
    listen: Option<String>,
    orders: Option<String>,
    queue: Option<String>,
    with_parent: bool,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut arguments = arguments.peekable();
    if arguments
        .next_if(|argument| argument == "--help" || argument == "-h")
        .is_some()
    {
        return Ok(Command::Help);
    }
    if arguments.next_if(|argument| argument == "serve").is_none() {
        return demo(arguments);
    }
    let service = arguments.next().ok_or("serve: which service?")?;
    let Options {
        listen,
        orders,
        queue,
        with_parent,
    } = options(arguments)?;
    let serve = || {
        let listen = listen.ok_or("--listen is missing")?;
        let listen = listen
            .parse()
            .map_err(|error| format!("--listen {listen}: {error}"))?;
        Ok::<_, String>(Serve {
            listen,
            with_parent,
        })
    };
    match service.as_str() {
        "gateway" => Ok(Command::Gateway {
            serve: serve()?,
            orders: orders.ok_or("--orders is missing")?,
        }),
        "orders" => Ok(Command::Orders {
            serve: serve()?,
            queue,
        }),
        "fulfilment" => Ok(Command::Fulfilment {
            queue: queue.ok_or("--queue is missing")?,
            with_parent,
        }),
        _ => Err(format!("serve {service}: not known")),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or(format!("{argument}: a value is missing"))
        };
        match argument.as_str() {
            "--listen" => options.listen = Some(value()?),
            "--orders" => options.orders = Some(value()?),
            "--queue" => options.queue = Some(value()?),
            "--with-parent" => options.with_parent = true,
            _ => return Err(format!("{argument}: not known")),
        }
    }
    Ok(options)
}

fn demo(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut once = false;
    for argument in arguments {
        match argument.as_str() {
            "--once" => once = true,
            _ => return Err(format!("{argument}: not known")),
        }
    }
    Ok(Command::Demo { once })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_are_read_and_mistakes_are_named() {
        assert_eq!(parsed(""), Ok(Command::Demo { once: false }));
        assert_eq!(parsed("--help"), Ok(Command::Help));
        assert_eq!(parsed("--once"), Ok(Command::Demo { once: true }));
        let serve = Serve {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            with_parent: true,
        };
        let orders = "http://localhost:1".to_owned();
        assert_eq!(
            parsed("serve gateway --listen 127.0.0.1:0 --with-parent --orders http://localhost:1"),
            Ok(Command::Gateway { serve, orders })
        );
        let queue = "nats://localhost:1".to_owned();
        assert_eq!(
            parsed("serve orders --with-parent --listen 127.0.0.1:0 --queue nats://localhost:1"),
            Ok(Command::Orders {
                serve,
                queue: Some(queue.clone())
            })
        );
        assert_eq!(
            parsed("serve fulfilment --queue nats://localhost:1"),
            Ok(Command::Fulfilment {
                queue,
                with_parent: false
            })
        );
        for (line, problem) in [
            ("--twice", "--twice: not known"),
            ("serve", "serve: which service?"),
            ("serve orders", "--listen is missing"),
            ("serve orders --listen", "--listen: a value is missing"),
            ("serve gateway --listen 127.0.0.1:0", "--orders is missing"),
            ("serve fulfilment", "--queue is missing"),
            (
                "serve cashier --listen 127.0.0.1:0",
                "serve cashier: not known",
            ),
        ] {
            assert_eq!(parsed(line), Err(problem.to_owned()));
        }
    }
}
