//! The calls of AWS that cloudd makes, and of what speaks its API.
