//! Where a statement that a zone doesn't have is looked for: in its view, then in `options`.

use dnsd_core::named_conf::{Block, Statement};

/// The blocks that hold for what is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'b> {
    options: Option<&'b Block>,
    view: Option<&'b Block>,
}

impl<'b> Scope<'b> {
    /// That of a configuration outside of its views.
    pub(super) fn new(whole: &'b Block) -> Self {
        Self {
            options: whole.last("options").and_then(Statement::block),
            view: None,
        }
    }

    /// That of a view.
    pub(super) fn of_view(self, view: &'b Block) -> Self {
        Self {
            view: Some(view),
            ..self
        }
    }

    /// The statement of this name that holds.
    pub(super) fn find(self, name: &'b str) -> Option<&'b Statement> {
        let in_view = self.view.and_then(|view| view.last(name));
        in_view.or_else(|| self.options.and_then(|options| options.last(name)))
    }

    /// The view's own, or outside of views that of `options`.
    pub(super) fn own(self, name: &'b str) -> Option<&'b Statement> {
        self.view.or(self.options).and_then(|block| block.last(name))
    }
}

/// What `yes_or_no` says.
pub(super) fn yes_or_no(statement: &Statement) -> Option<bool> {
    let word = statement.word(1)?;
    if ["yes", "true", "1"]
        .iter()
        .any(|yes| word.text.eq_ignore_ascii_case(yes))
    {
        return Some(true);
    }
    let is_no = ["no", "false", "0"].iter().any(|no| word.text.eq_ignore_ascii_case(no));
    is_no.then_some(false)
}
