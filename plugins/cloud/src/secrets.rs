//! Secrets: made, kept under keys that cloudd does not hold itself, and given to those who may have them.
