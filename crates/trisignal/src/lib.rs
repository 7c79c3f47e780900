//! (being built)
#![allow(dead_code)]
mod bridge;
mod config;
mod console;
mod filter;
mod metrics;
mod resource;
