//! See [`ballast_fuzz::syslog_message`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ballast_fuzz::syslog_message(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    ballast_fuzz::run_files(ballast_fuzz::syslog_message)
}
