//! (being written)

pub mod context;
pub mod correlation;
pub mod http;
mod instruments;
pub mod propagation;
#[cfg(test)]
mod testing;
