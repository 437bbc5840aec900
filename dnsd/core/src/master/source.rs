//! Where the text of an included file comes from.

use std::borrow::Cow;
use std::io;

/// The text of a master file.
#[derive(Debug, Clone)]
pub struct Source<'s> {
    /// The name for messages, as a path that the user can open.
    pub name: String,
    /// The whole text.
    pub text: Cow<'s, [u8]>,
}

/// Opens what `$INCLUDE` names.
pub trait Sources<'s> {
    /// Gives the file called `name` (as written, escapes resolved), which the file called `including` asks for.
    fn open(&mut self, name: &[u8], including: &str) -> Result<Source<'s>, io::ErrorKind>;
}

/// No file can be included: for text that came without a file system around it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSources;

impl<'s> Sources<'s> for NoSources {
    fn open(&mut self, _name: &[u8], _including: &str) -> Result<Source<'s>, io::ErrorKind> {
        Err(io::ErrorKind::Unsupported)
    }
}
