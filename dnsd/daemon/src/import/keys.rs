//! `key NAME { algorithm …; secret "…"; };`

use dnsd_core::named_conf::Statement;

use super::Import;
use super::toml::{Rank, Value, bare_or_quoted};

/// What BIND calls hmac-md5 in full, after the name in RFC 8945 §6.
const MD5_IN_FULL: &str = ".sig-alg.reg.int";

impl<'b> Import<'b> {
    pub(super) fn key(&mut self, statement: &'b Statement) {
        let (Some(name), Some(block)) = (statement.word(1), statement.block()) else {
            self.error(statement, "key takes a name and a block");
            return;
        };
        let value = |name: &'b str| block.last(name).and_then(|statement| statement.word(1));
        let (Some(algorithm), Some(secret)) = (value("algorithm"), value("secret")) else {
            self.error(statement, "a key has an algorithm and a secret");
            return;
        };
        let header = format!("key.{}", bare_or_quoted(name.text.trim_end_matches('.')));
        if self.document.section(Rank::Key, &header).has("secret") {
            self.error(statement, "there is a key of this name already");
            return;
        }
        let lower = algorithm.text.to_ascii_lowercase();
        let algorithm = lower.trim_end_matches('.').trim_end_matches(MD5_IN_FULL).to_owned();
        let mut lines = vec![
            ("algorithm", Value::Text(algorithm)),
            ("secret", Value::Text(secret.text.clone())),
        ];
        let above = self.comments(statement);
        self.document.section(Rank::Key, &header).above(above);
        for inner in &block.statements {
            let above = self.comments(inner);
            let set = inner
                .name()
                .and_then(|name| lines.iter().position(|(key, _)| name.is(key)));
            let section = self.document.section(Rank::Key, &header);
            match set {
                Some(at) => {
                    let (key, value) = lines.remove(at);
                    section.set(above, key, value);
                }
                None => section.comment(above),
            }
        }
        let behind = super::report::lines(&block.comments);
        self.document.section(Rank::Key, &header).comment(behind);
    }
}
