//! See [`ballast_fuzz::dns_messages`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ballast_fuzz::dns_messages(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    ballast_fuzz::run_files(ballast_fuzz::dns_messages)
}
