//! What a list of forwarders has answered, as long as its TTLs say.
//!
//! hickory's cache keeps the answers, and can't be asked what it has. So the questions are written down beside it, for who wants
//! some of them forgotten.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dnsd_core::name::Name;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use hickory_resolver::config::ResolverOpts;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::{ResponseCache, TtlConfig};

use crate::config::CacheLimits;

/// What is to be forgotten.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flushed<'n> {
    /// All.
    All,
    /// What was asked about this name.
    Name(&'n Name),
    /// What was asked about this name and those below it.
    Tree(&'n Name),
}

/// Answers to questions of one kind.
pub(super) struct Cache {
    answers: ResponseCache,
    /// Questions whose answers may be there; all whose answers are.
    questions: Mutex<HashSet<Query>>,
    /// More questions than this are looked through for those whose answers are gone.
    questions_max: usize,
}

impl Cache {
    pub(super) fn new(limits: &CacheLimits) -> Self {
        let mut options = ResolverOpts::default();
        options.positive_max_ttl = Some(limits.ttl_max);
        options.negative_max_ttl = Some(limits.negative_ttl_max);
        Self {
            answers: ResponseCache::new(limits.entries_max as u64, TtlConfig::from_opts(&options)),
            questions: Mutex::default(),
            // Half of them at least are gone then: each costs two looks at most.
            questions_max: limits.entries_max.saturating_mul(2).max(16),
        }
    }

    pub(super) fn get(&self, question: &Query) -> Option<Result<Message, NetError>> {
        self.answers.get(question, Instant::now())
    }

    /// Keeps an answer, and gives it back with the TTLs that it is kept for; one that isn't kept has its own.
    pub(super) fn insert(&self, question: &Query, answer: Result<Message, NetError>) -> Result<Message, NetError> {
        let now = Instant::now();
        self.answers.insert(question.clone(), answer.clone(), now);
        let kept = self.answers.get(question, now);
        if kept.is_some() {
            self.note(question, now);
        }
        kept.unwrap_or(answer)
    }

    fn note(&self, question: &Query, now: Instant) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.insert(question.clone());
        if questions.len() > self.questions_max {
            questions.retain(|question| self.answers.get(question, now).is_some());
        }
    }

    /// Forgets answers, and says how many there were.
    pub(super) fn flush(&self, what: Flushed<'_>) -> usize {
        let now = Instant::now();
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        questions.retain(|question| {
            if !what.holds(question) {
                return true;
            }
            count += usize::from(self.answers.get(question, now).is_some());
            // The cache lets nothing be taken out. An answer that was good for no time, a while ago, is gone at once.
            let nothing = NoRecords::new(question.clone(), ResponseCode::NoError);
            let past = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
            let nothing = Err(NetError::Dns(DnsError::NoRecordsFound(nothing)));
            self.answers.insert(question.clone(), nothing, past);
            false
        });
        count
    }
}

impl Flushed<'_> {
    fn holds(self, question: &Query) -> bool {
        let name = |name: &Name| hickory_proto::rr::Name::read(&mut BinDecoder::new(name.as_wire())).ok();
        match self {
            Self::All => true,
            Self::Name(of) => name(of).is_some_and(|of| of == *question.name()),
            Self::Tree(of) => name(of).is_some_and(|of| of.zone_of(question.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::{RData, Record, RecordType};

    use super::*;

    fn question(name: &str, rtype: RecordType) -> Query {
        Query::query(name.parse().unwrap(), rtype)
    }

    fn cached(cache: &Cache, name: &str) {
        for rtype in [RecordType::A, RecordType::TXT] {
            let mut message = Message::new(0, MessageType::Response, OpCode::Query);
            let data = match rtype {
                RecordType::A => RData::A(std::net::Ipv4Addr::new(192, 0, 2, 1).into()),
                _ => RData::TXT(hickory_proto::rr::rdata::TXT::new(vec!["x".into()])),
            };
            message
                .answers
                .push(Record::from_rdata(name.parse().unwrap(), 300, data));
            assert!(cache.insert(&question(name, rtype), Ok(message)).is_ok());
        }
    }

    fn has(cache: &Cache, name: &str) -> bool {
        let found = [RecordType::A, RecordType::TXT].map(|rtype| cache.get(&question(name, rtype)).is_some());
        assert_eq!(found[0], found[1]);
        found[0]
    }

    #[test]
    fn a_name_a_tree_or_all_is_forgotten() {
        let cache = Cache::new(&CacheLimits::default());
        let names = ["example.net.", "www.Example.net.", "notexample.net.", "example.org."];
        for name in names {
            cached(&cache, name);
        }
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(cache.flush(Flushed::Name(&name("EXAMPLE.net"))), 2);
        assert_eq!(names.map(|name| has(&cache, name)), [false, true, true, true]);
        assert_eq!(cache.flush(Flushed::Name(&name("example.net"))), 0);
        cached(&cache, "example.net.");
        assert_eq!(cache.flush(Flushed::Tree(&name("example.net"))), 4);
        assert_eq!(names.map(|name| has(&cache, name)), [false, false, true, true]);
        assert_eq!(cache.flush(Flushed::All), 4);
        assert_eq!(names.map(|name| has(&cache, name)), [false; 4]);
    }

    #[test]
    fn questions_are_forgotten_when_their_answers_are_gone() {
        let cache = Cache::new(&CacheLimits {
            entries_max: 8,
            ..CacheLimits::default()
        });
        for n in 0..50 {
            cached(&cache, &format!("n{n}.example."));
            assert_eq!(cache.flush(Flushed::All), 2);
        }
        for n in 0..8 {
            cached(&cache, &format!("n{n}.example."));
        }
        let questions = cache.questions.lock().unwrap().len();
        assert!(questions <= 17, "{questions}");
    }
}
