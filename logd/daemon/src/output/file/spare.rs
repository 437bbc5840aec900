//! Buffers that were written out and wait for other lines: a thread that fills many files takes up the one that it wrote out
//! last, which the processor's cache still has, instead of memory that it has to fetch.

use std::cell::RefCell;

/// Buffers that a thread keeps, beside the budget: a mebibyte of them.
const SPARES_MAX: usize = 16;

thread_local! {
    static SPARES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Room for so many bytes at least. Only what is nearly a whole buffer is worth keeping: the files of a thousand silent hosts
/// need little each.
pub(super) fn take(bytes: usize) -> Vec<u8> {
    if bytes >= super::WRITE_BYTES
        && let Some(spare) = SPARES.with_borrow_mut(Vec::pop)
    {
        return spare;
    }
    Vec::with_capacity(bytes)
}

/// Keeps a buffer for the next who takes one, if it is of the size that is kept.
pub(super) fn give(mut buffer: Vec<u8>) {
    let is_usual = (super::WRITE_BYTES..=2 * super::WRITE_BYTES).contains(&buffer.capacity());
    if is_usual {
        buffer.clear();
        SPARES.with_borrow_mut(|spares| {
            if spares.len() < SPARES_MAX {
                spares.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::WRITE_BYTES;
    use super::*;

    #[test]
    fn a_buffer_of_the_usual_size_is_taken_up_again_and_no_other_is_kept() {
        let buffer = take(WRITE_BYTES);
        let place = buffer.as_ptr();
        give(buffer);
        give(Vec::with_capacity(WRITE_BYTES - 1));
        give(Vec::with_capacity(2 * WRITE_BYTES + 1));
        assert_eq!(take(10).capacity(), 10);
        let again = take(WRITE_BYTES);
        assert_eq!(again.as_ptr(), place);
        let another = take(WRITE_BYTES);
        assert_ne!(another.as_ptr(), place);
    }
}
