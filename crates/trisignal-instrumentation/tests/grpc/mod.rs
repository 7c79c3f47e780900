//! The gRPC layers under real `tonic` servers and clients, over real sockets.

mod ends;
mod kinds;
mod methods;
mod rules;
mod service;
mod unary;
