//! When a group of machines grows or shrinks, on spot or on on-demand capacity, and why.
