//! Memory that is kept from frame to frame. In: nothing. Out: an allocator that does so.
//!
//! Mesa's software driver takes some 16 MB for a frame and gives them back at its end. glibc hands
//! blocks of that size back to the system, so that each frame began with four thousand page faults, a
//! tenth of its time. It learns, though: once a block was freed that came from the system itself, blocks
//! up to its size come from the heap, and of what is free there it keeps up to twice as much
//! (mallopt(3), "dynamic mmap threshold"). So it is shown one, which nobody writes to.

use std::hint::black_box;

/// A little less than the 32 MiB that glibc learns of at most.
const LARGEST: usize = 31 << 20;

/// Has glibc's allocator keep blocks as large as a frame's. Others do as they did.
pub fn keep_blocks() {
    drop(black_box(Vec::<u8>::with_capacity(LARGEST)));
}
