//! The gRPC interface of `orders`: its messages, and what `build.rs` generates of its service.
#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)] // derived and generated code

/// What a customer wants.
#[derive(Clone, PartialEq, prost::Message, serde::Deserialize)]
pub struct Order {
    #[prost(string, tag = "1")]
    pub item: String,
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
}

/// What became of an order that was taken.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Receipt {
    #[prost(int64, tag = "1")]
    pub order: i64,
    #[prost(uint64, tag = "2")]
    pub price_cents: u64,
}

include!(concat!(env!("OUT_DIR"), "/checkout.v1.Orders.rs"));
