//! See [`ballast_fuzz::plugin_replies`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ballast_fuzz::plugin_replies(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    ballast_fuzz::run_files(ballast_fuzz::plugin_replies)
}
