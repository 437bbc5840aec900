//! From when until when a certificate is valid (RFC 5280 §4.1.2.5).

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_cert::der::Decode;

/// Renewed in time is who has two weeks left: what renews them does so a month before the end.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where certificates live for days only, the last part of their life is soon.
const SOON_PART: u32 = 3;

/// The time of a certificate, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: Duration,
    not_after: Duration,
}

/// How it stands with a certificate at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is nothing to say.
    Good,
    /// It isn't valid yet.
    NotYet,
    /// It ends before long.
    EndsIn(Duration),
    /// It is over.
    Ended,
}

impl Validity {
    /// `None` when the certificate can't be read so far: its peers may think otherwise.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let read = x509_cert::Certificate::from_der(certificate).ok()?;
        let validity = read.tbs_certificate.validity;
        Some(Self {
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// When it ends, in seconds since 1970.
    pub(super) fn ends_at(self) -> u64 {
        self.not_after.as_secs()
    }

    /// How it stands at a time since 1970.
    pub(super) fn standing(self, now: Duration) -> Standing {
        let life = self.not_after.saturating_sub(self.not_before);
        match self.not_after.checked_sub(now) {
            None => Standing::Ended,
            Some(left) if left < SOON.min(life / SOON_PART) => Standing::EndsIn(left),
            Some(_) if now < self.not_before => Standing::NotYet,
            Some(_) => Standing::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn standing(life_days: u32, at_day: u32) -> Standing {
        let validity = Validity {
            not_before: DAY * 100,
            not_after: DAY * (100 + life_days),
        };
        validity.standing(DAY * at_day)
    }

    #[test]
    fn the_last_two_weeks_are_told_of() {
        assert_eq!(standing(90, 100), Standing::Good);
        assert_eq!(standing(90, 176), Standing::Good);
        assert_eq!(standing(90, 177), Standing::EndsIn(DAY * 13));
        assert_eq!(standing(90, 191), Standing::Ended);
        assert_eq!(standing(90, 99), Standing::NotYet);
    }

    #[test]
    fn of_a_life_of_six_days_the_last_two_are() {
        assert_eq!(standing(6, 103), Standing::Good);
        assert_eq!(standing(6, 105), Standing::EndsIn(DAY));
    }
}
