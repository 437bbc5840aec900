//! Makes one run of several of the same owner: what a file that names an owner again, far from the first time, costs more.

use super::block::SETS_MAX;
use super::open_run::{append_set, flags_of};
use super::rdata_names::compare_rdata;
use super::runs::{Run, Runs, TTL_DIFFERED};
use super::{FindingKind, Position, RecordSet};
use crate::name::NameRef;
use crate::rrtype::Type;

/// The records of a set that were in one run.
struct Piece<'r> {
    set: RecordSet<'r>,
    /// Counts runs of records, however many builders were given one run.
    run: usize,
    position: Position,
}

impl Piece<'_> {
    fn key(&self) -> (Type, Type) {
        (self.set.rtype(), self.set.covers())
    }
}

/// Appends to `runs` what `group` holds, runs of one owner in the order they came, as one run of `name`, with one TTL a
/// set. Gives that run and how many of the records were in more than one.
pub(super) fn merge(
    runs: &mut Runs,
    name: NameRef<'_>,
    front: usize,
    group: &[Run],
    mut find: impl FnMut(FindingKind, Type, Position),
) -> (Run, usize) {
    let stored_runs = || group.iter().map(|run| runs.at(run.place));
    let sets_max = stored_runs().map(|run| run.sets().len()).sum();
    let bytes_max = stored_runs().map(|run| run.stored_sets().len()).sum();
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(sets_max);
    for (number, run) in group.iter().enumerate() {
        let number = match pieces.last() {
            Some(last) if runs.continuing.contains(&run.place) => last.run,
            _ => number,
        };
        for (at, set) in runs.at(run.place).sets().enumerate() {
            pieces.push(Piece {
                set,
                run: number,
                position: runs.positions[run.positions as usize + at],
            });
        }
    }
    // Stable: the order in which the pieces came decides about TTLs.
    pieces.sort_by_key(Piece::key);
    let (mut stored, mut positions) = (Vec::with_capacity(bytes_max), Vec::with_capacity(sets_max));
    let (mut sets, mut flags, mut duplicates) = (0, 0, 0);
    for pieces in pieces.chunk_by(|left, right| left.key() == right.key()) {
        let (rtype, covers) = pieces[0].key();
        let position = pieces[0].position;
        if sets == SETS_MAX {
            find(FindingKind::TooManySets, rtype, position);
            break;
        }
        let (ttl, differ) = settle_ttl(pieces);
        if differ {
            find(FindingKind::TtlsDiffer(ttl), rtype, position);
        }
        let mut rdatas: Vec<&[u8]> = pieces.iter().flat_map(|piece| piece.set.rdatas()).collect();
        if pieces.len() > 1 {
            rdatas.sort_by(|left, right| compare_rdata(rtype, left, right));
        }
        let before = rdatas.len();
        match append_set(&mut stored, rtype, ttl, false, rdatas.into_iter()) {
            Some(count) => {
                duplicates += before - count;
                flags |= flags_of(rtype, covers, front == 0);
                positions.push(position);
                sets += 1;
            }
            None => find(FindingKind::SetTooLarge, rtype, position),
        }
    }
    let run = runs.push(name, front, |out, all_positions| {
        out.extend_from_slice(&stored);
        all_positions.extend_from_slice(&positions);
        (sets, flags)
    });
    (run, duplicates)
}

/// The TTL of a set whose pieces stand in the order they came in, and whether their records had several. As in BIND, the
/// first of a run of records of one owner decides for the run, and the last run for the set.
fn settle_ttl(pieces: &[Piece<'_>]) -> (u32, bool) {
    let mut ttl = pieces[0].set.ttl();
    let mut run = pieces[0].run;
    for piece in pieces {
        if piece.run != run {
            run = piece.run;
            ttl = piece.set.ttl();
        }
    }
    let differs = |piece: &Piece<'_>| piece.set.ttl() != ttl || piece.set.stored_count() & TTL_DIFFERED != 0;
    (ttl, pieces.iter().any(differs))
}
