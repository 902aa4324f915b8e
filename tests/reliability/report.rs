//! What the tests have measured, in lines that people read.

use std::io::Write;

/// Says that a promise was kept under a fault, and what was measured. Past the capturing of the tests' output: it is to be
/// seen of tests that pass, too.
pub fn report(fault: &str, promise: &str, measured: &str) {
    let line = format!("RELIABILITY | {fault} | {promise} | {measured}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
