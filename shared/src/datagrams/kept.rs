//! Memory that the kernel is told of by pointers which are kept from one call to the next.

#![allow(
    unsafe_code,
    reason = "a boxed slice could not be used beside pointers into it: a box is the only way to what it holds"
)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A slice on the heap that stays where it is, whatever becomes of this value, until it is dropped.
pub(super) struct Kept<T> {
    slice: NonNull<[T]>,
}

impl Kept<u8> {
    /// So many bytes, which the system provides when they are first written to.
    pub(super) fn zeroed(count: usize) -> Self {
        Self::from_vec(vec![0; count])
    }
}

impl<T> Kept<T> {
    /// So many values, each made from its index.
    pub(super) fn from_fn(count: usize, make: impl FnMut(usize) -> T) -> Self {
        Self::from_vec((0..count).map(make).collect())
    }

    fn from_vec(values: Vec<T>) -> Self {
        Self {
            slice: NonNull::from(Box::leak(values.into_boxed_slice())),
        }
    }

    /// Where the value of this index is, or would be after the last one. The pointer is good for reading and writing while this
    /// value lives and nothing is borrowed from it.
    ///
    /// # Panics
    /// When the index is beyond that.
    pub(super) fn pointer(&self, index: usize) -> *mut T {
        assert!(index <= self.slice.len(), "within the slice");
        // SAFETY: the index is at most one past the end.
        unsafe { self.slice.cast::<T>().as_ptr().add(index) }
    }
}

impl<T> Deref for Kept<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the slice was allocated and filled by `from_vec` and is freed by `drop` only. The borrow keeps everybody
        // from writing to it: the pointers that are kept are used only while all of it is borrowed exclusively.
        unsafe { self.slice.as_ref() }
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { self.slice.as_mut() }
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        // SAFETY: the slice came from a box in `from_vec` and is not reached after this.
        drop(unsafe { Box::from_raw(self.slice.as_ptr()) });
    }
}
