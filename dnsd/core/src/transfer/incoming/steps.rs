//! The steps of an incremental transfer (RFC 1995 §4): for each the old SOA record and what goes, the new SOA record and what
//! comes. The SOA record of the newest version ends them.

use super::IncomingError;
use crate::name::NameRef;
use crate::rrtype::Type;
use crate::serial::Serial;
use crate::transfer::{Delta, Records};
use crate::zone::compare_rdata;

/// Steps, the last of which is coming in.
pub(super) struct Steps {
    pub(super) finished: Vec<Delta>,
    removed: Records,
    added: Records,
    from: Serial,
    /// Where the step leads, once its added records have begun.
    to: Option<Serial>,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self {
            finished: Vec::new(),
            removed: Records::new(),
            added: Records::new(),
            from: Serial(0),
            to: None,
        }
    }

    /// Starts a step with the SOA record of the version that it is from.
    pub(super) fn start(&mut self, serial: Serial, ttl: u32, owner: NameRef<'_>, rdata: &[u8]) {
        (self.from, self.to) = (serial, None);
        self.removed.push(owner, Type::SOA, ttl, rdata);
    }

    /// Takes a record of the step.
    pub(super) fn take(&mut self, owner: NameRef<'_>, rtype: Type, ttl: u32, rdata: &[u8]) {
        let half = if self.to.is_some() {
            &mut self.added
        } else {
            &mut self.removed
        };
        half.push(owner, rtype, ttl, rdata);
    }

    /// Takes an SOA record behind the step's first. Says whether it is the end, at the newest version.
    pub(super) fn take_soa(
        &mut self,
        serial: Serial,
        ttl: u32,
        owner: NameRef<'_>,
        rdata: &[u8],
        newest: Serial,
    ) -> Result<bool, IncomingError> {
        let Some(to) = self.to else {
            if !serial.is_after(self.from) {
                return Err(IncomingError::StepBack {
                    from: self.from,
                    to: serial,
                });
            }
            self.to = Some(serial);
            self.added.push(owner, Type::SOA, ttl, rdata);
            return Ok(false);
        };
        if serial != to {
            return Err(IncomingError::Gap {
                expected: to,
                found: serial,
            });
        }
        let (removed, added) = (std::mem::take(&mut self.removed), std::mem::take(&mut self.added));
        self.finished
            .push(Delta::new(removed, added).map_err(IncomingError::Step)?);
        if to == newest {
            return Ok(true);
        }
        self.start(serial, ttl, owner, rdata);
        Ok(false)
    }

    /// Whether the last step leads to a version with this SOA record.
    pub(super) fn ends_with(&self, soa: &[u8]) -> bool {
        let last = self.finished.last();
        last.is_some_and(|step| compare_rdata(Type::SOA, step.soa().rdata, soa).is_eq())
    }
}
