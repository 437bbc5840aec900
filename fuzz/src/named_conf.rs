//! BIND's configuration language.

use dnsd_core::named_conf::{Block, parse};

/// Any text is read to its end; places lie in it; what was read without an error prints as text that reads the same.
pub fn named_conf(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (block, errors) = parse(&text, 0);
    for error in &errors {
        assert!(text.get(error.place.start..error.place.end).is_some());
        let _ = error.kind.to_string();
    }
    for statement in &block.statements {
        assert!(text.get(statement.place.start..statement.place.end).is_some());
    }
    // A string's quotes and line ends are printed plainly, for messages.
    if errors.is_empty() && !text.contains(['\\', '"']) {
        let (again, errors) = parse(&printed(&block), 0);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(printed(&again), printed(&block));
    }
}

fn printed(block: &Block) -> String {
    let statements = block.statements.iter();
    statements.map(|statement| format!("{statement};\n")).collect()
}
