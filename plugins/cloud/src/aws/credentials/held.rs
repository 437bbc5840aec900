//! When credentials are due to be got anew, without a clock.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use super::CredentialsError;

/// New ones are got so long before the old ones end: AWS has them ready five minutes before.
const BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// Those that don't end are read again so often: a profile is a file, and somebody may write another key into it.
const UNENDING: Duration = Duration::from_secs(5 * 60);
/// After a failure it takes this long to try again, and up to half as long on top.
const AGAIN: Duration = Duration::from_secs(20);

/// The credentials there are.
#[derive(Default)]
pub(super) struct Held {
    credentials: Option<Credentials>,
    /// No new ones are to be got before.
    not_before: Option<SystemTime>,
    error: Option<CredentialsError>,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// Use these.
    Fresh(Credentials),
    /// Get others; meanwhile these are good.
    Soon(Credentials),
    /// Get others.
    Now,
}

impl Held {
    pub(super) fn due(&self, now: SystemTime) -> Due {
        let may_look = self.not_before.is_none_or(|not_before| not_before <= now);
        let Some(credentials) = self.credentials.clone().filter(|held| !has_ended(held, now)) else {
            return Due::Now;
        };
        match may_look {
            true => Due::Soon(credentials),
            false => Due::Fresh(credentials),
        }
    }

    /// Takes new ones.
    pub(super) fn take(&mut self, credentials: Credentials, now: SystemTime, random: u64) {
        let until = match credentials.expiry() {
            None => now + UNENDING,
            // Some way before, and not at the same moment on all machines.
            Some(end) => {
                let left = end.duration_since(now).unwrap_or_default();
                let early = BEFORE_END.min(left / 2);
                now + (left - early - share(early / 2, random)).max(Duration::from_secs(1))
            }
        };
        *self = Self {
            credentials: Some(credentials),
            not_before: Some(until),
            error: None,
        };
    }

    /// There are no new ones: the old ones are kept until they end.
    pub(super) fn failed(&mut self, error: CredentialsError, now: SystemTime, random: u64) {
        self.not_before = Some(now + AGAIN + share(AGAIN / 2, random));
        self.error = Some(error);
    }

    /// Those to use after it was tried to get some.
    pub(super) fn current(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        match &self.credentials {
            Some(credentials) if !has_ended(credentials, now) => Ok(credentials.clone()),
            _ => Err(self.error.clone().unwrap_or(CredentialsError::Expired)),
        }
    }

    pub(super) fn are_refused(&mut self, refused: &Credentials) {
        if self.credentials.as_ref() == Some(refused) {
            *self = Self::default();
        }
    }
}

fn has_ended(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_some_and(|end| end <= now)
}

/// A part of a time, any.
fn share(of: Duration, random: u64) -> Duration {
    let micros = u64::try_from(of.as_micros()).unwrap_or(u64::MAX - 1);
    Duration::from_micros(random % (micros + 1))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn until(end: Option<u64>) -> Credentials {
        Credentials::new("id", "secret", None, end.map(at), "test")
    }

    #[test]
    fn new_ones_are_got_before_the_old_ones_end() {
        let mut held = Held::default();
        assert_eq!(held.due(at(0)), Due::Now);
        held.take(until(Some(3600)), at(0), 0);
        assert_eq!(held.due(at(3299)), Due::Fresh(until(Some(3600))));
        assert_eq!(held.due(at(3300)), Due::Soon(until(Some(3600))));
        held.take(until(Some(7200)), at(3300), 0);
        assert_eq!(held.due(at(3600)), Due::Fresh(until(Some(7200))));
    }

    #[test]
    fn those_of_a_few_seconds_are_used_too() {
        let mut held = Held::default();
        held.take(until(Some(4)), at(0), u64::MAX);
        assert_eq!(held.due(at(0)), Due::Fresh(until(Some(4))));
        assert_eq!(held.due(at(3)), Due::Soon(until(Some(4))));
    }

    #[test]
    fn a_failure_keeps_the_old_ones_until_they_end() {
        let mut held = Held::default();
        held.take(until(Some(3600)), at(0), 0);
        held.failed(CredentialsError::Nowhere, at(3300), 0);
        assert_eq!(
            held.due(at(3319)),
            Due::Fresh(until(Some(3600))),
            "not asked again at once"
        );
        assert_eq!(held.due(at(3320)), Due::Soon(until(Some(3600))));
        assert_eq!(held.current(at(3599)), Ok(until(Some(3600))));
        assert_eq!(held.current(at(3600)), Err(CredentialsError::Nowhere));
        assert_eq!(held.due(at(3600)), Due::Now);
    }

    #[test]
    fn those_without_an_end_are_read_again() {
        let mut held = Held::default();
        held.take(until(None), at(0), 0);
        assert_eq!(held.due(at(299)), Due::Fresh(until(None)));
        assert_eq!(held.due(at(300)), Due::Soon(until(None)));
    }

    #[test]
    fn only_those_that_were_refused_are_given_up() {
        let mut held = Held::default();
        held.take(until(None), at(0), 0);
        held.are_refused(&until(Some(1)));
        assert_eq!(held.due(at(1)), Due::Fresh(until(None)));
        held.are_refused(&until(None));
        assert_eq!(held.due(at(1)), Due::Now);
    }
}
