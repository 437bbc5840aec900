//! Lines that a backslash continues, joined as rsyslogd joins them before it reads anything else: the white space at a line's
//! end goes, and with the backslash also that at the beginning of the next one, in comments and strings too.

use super::Place;

/// The text as it is read, and where each part of it stands in the file.
pub(super) struct Joined {
    pub(super) text: String,
    file: usize,
    /// Where each line begins: in the joined text, and in the file.
    lines: Vec<(usize, usize)>,
}

pub(super) fn join(text: &str, file: usize) -> Joined {
    let mut joined = Joined {
        text: String::with_capacity(text.len() + 1),
        file,
        lines: Vec::new(),
    };
    let mut at = 0;
    let mut is_continued = false;
    for line in text.split_inclusive('\n') {
        // The newline is none of the white space that goes: what stands at the end of the text stands at the end of the file.
        let content = line.strip_suffix('\n').unwrap_or(line);
        let start = if is_continued {
            content.len() - content.trim_ascii_start().len()
        } else {
            0
        };
        let kept = content[start..].trim_ascii_end();
        let (kept, continues) = kept.strip_suffix('\\').map_or((kept, false), |kept| (kept, true));
        joined.lines.push((joined.text.len(), at + start));
        joined.text.push_str(kept);
        if !continues && line.ends_with('\n') {
            joined.lines.push((joined.text.len(), at + start + kept.len()));
            joined.text.push('\n');
        }
        is_continued = continues;
        at += line.len();
    }
    joined
}

impl Joined {
    /// Where a stretch of the joined text stands in the file.
    pub(super) fn place(&self, start: usize, end: usize) -> Place {
        let start = self.in_file(start);
        // The end is that of the last byte: what follows may stand lines below.
        let last = end.checked_sub(1).map_or(start, |last| self.in_file(last) + 1);
        Place {
            file: self.file,
            start,
            end: last.max(start),
        }
    }

    fn in_file(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|&(joined, _)| joined <= at);
        let Some(&(joined, file)) = line.checked_sub(1).and_then(|line| self.lines.get(line)) else {
            return 0;
        };
        file + (at - joined)
    }
}
