//! `tls NAME { … };`: what stands in it, wherever it is named.

use dnsd_core::named_conf::{Block, Statement};

use super::Import;
use super::toml::Value;

/// BIND's name for TLS without anything to verify.
const EPHEMERAL: &str = "ephemeral";

impl<'b> Import<'b> {
    /// The block of a `tls` statement.
    pub(super) fn tls_block(&self, name: &str) -> Option<&'b Block> {
        let mut blocks = self.whole.all("tls");
        let found = blocks.find(|tls| tls.word(1).is_some_and(|word| word.text == name));
        found.and_then(Statement::block)
    }

    /// A file that stands in such a block.
    pub(super) fn tls_file(&self, block: &Block, keyword: &'static str) -> Option<Value> {
        let file = &block.last(keyword)?.word(1)?.text;
        Some(Value::Text(self.directory.join(file).to_string_lossy().into_owned()))
    }

    /// The same for servers that are asked; `None` for what can't be had so. Without a file of authorities named takes those of the
    /// system.
    pub(super) fn tls_to_server(&self, name: &str) -> Option<Value> {
        if name == EPHEMERAL {
            return Some(Value::Inline(Vec::new()));
        }
        let block = self.tls_block(name)?;
        let peer_name = block.last("remote-hostname").and_then(|statement| statement.word(1));
        let ca = self.tls_file(block, "ca-file");
        if peer_name.is_some() && ca.is_none() {
            return None;
        }
        let keys = [
            ("ca", ca),
            ("peer-name", peer_name.map(|name| Value::Text(name.text.clone()))),
            ("certificate", self.tls_file(block, "cert-file")),
            ("key", self.tls_file(block, "key-file")),
        ];
        let table = keys.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Some(Value::Inline(table.collect()))
    }
}
