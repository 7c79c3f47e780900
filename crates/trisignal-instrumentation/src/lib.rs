//! (being written)

pub mod context;
pub mod correlation;
mod instruments;
pub mod propagation;
#[cfg(test)]
mod testing;
