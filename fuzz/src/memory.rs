//! A limit on the memory that one input may cost. libFuzzer's own ones see a sanitizer's allocator only, or the whole
//! process once a second.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Does `work`, which may allocate at most `bytes` more than there are now. Asking for more ends the process, which
/// libFuzzer reports like any other crash.
pub fn within<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    HEAP.set_limit(HEAP.allocated().saturating_add(bytes)).expect("a limit above what is in use");
    let result = work();
    HEAP.set_limit(usize::MAX).expect("no limit is above what is in use");
    result
}
