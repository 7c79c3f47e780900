//! Where orders are written down: SQLite in memory, with a span and a measurement for each statement by the stable
//! database conventions.

use std::time::Instant;

use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use tracing::Instrument;
use tracing::field::Empty;
use trisignal::Histogram;
use trisignal::otel::KeyValue;

use crate::proto::Order;

static DURATION: Histogram = Histogram::new("db.client.operation.duration", "s")
    .with_description("Duration of database client operations.")
    .with_boundaries(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);

const INSERT: &str = "INSERT INTO orders (item, quantity) VALUES (?, ?)";

pub(crate) struct Database {
    pool: SqlitePool,
}

impl Database {
    /// An empty database. It has one connection: each one to `:memory:` would be a database of its own.
    pub(crate) async fn open() -> Result<Self, sqlx::Error> {
        let options = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None);
        let pool = options.connect("sqlite::memory:").await?;
        let table = "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Writes an order down, and answers its number.
    pub(crate) async fn insert(&self, order: &Order) -> Result<i64, sqlx::Error> {
        let span = tracing::info_span!(
            "database",
            otel.name = "INSERT orders",
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "sqlite",
            db.operation.name = "INSERT",
            db.collection.name = "orders",
            db.query.summary = "INSERT orders",
            db.query.text = INSERT,
            error.type = Empty,
        );
        let insert = sqlx::query(INSERT).bind(&order.item).bind(order.quantity);
        let begin = Instant::now();
        let done = insert.execute(&self.pool).instrument(span.clone()).await;
        let mut attributes = vec![
            KeyValue::new("db.system.name", "sqlite"),
            KeyValue::new("db.operation.name", "INSERT"),
            KeyValue::new("db.collection.name", "orders"),
        ];
        if done.is_err() {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", "sqlx::Error");
            attributes.push(KeyValue::new("error.type", "sqlx::Error"));
        }
        DURATION.record_with(begin.elapsed().as_secs_f64(), &attributes);
        Ok(done?.last_insert_rowid())
    }
}
