//! Generates the gRPC service of `orders` from its description here, so that no protoc is needed.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let place = Method::builder()
        .name("place")
        .route_name("Place")
        .input_type("crate::proto::Order")
        .output_type("crate::proto::Receipt")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let orders = Service::builder()
        .name("Orders")
        .package("checkout.v1")
        .method(place)
        .build();
    Builder::new().compile(&[orders]);
    println!("cargo::rerun-if-changed=build.rs");
}
