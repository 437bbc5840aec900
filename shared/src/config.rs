//! Configuration files: TOML with positions, and every error of every file reported at once.
//!
//! A daemon's configuration goes through three shapes. The text is parsed here into [`Table`]s and [`Value`]s that know where
//! they stand. From these the daemon reads its `Spec`: what the files say, key by key, each value with its [`Span`] where
//! a later complaint may need it. The `Spec` is then resolved into the daemon's `Config`, in which no error is possible any
//! more: names are resolved, templates compiled, defaults filled in.
//!
//! Nothing on the way stops at the first error. Each is handed to the [`Diagnostics`] with its place and the reading goes
//! on; at the end they are printed together, in the order of the files, each as `path:line:column: message` with the line
//! and a caret under the words that are meant.

mod diagnostics;
mod document;
mod duration;
mod size;
mod suggest;
mod table;
mod value;

pub use diagnostics::{Diagnostics, Severity, Span, Spanned};
pub use document::load;
pub use size::Size;
pub use suggest::nearest;
pub use table::{Key, Table};
pub use value::{FromValue, OneOrMany, Value};
