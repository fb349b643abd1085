//! The frames of the file, and what tells one that was damaged from one that a crash cut short.

use contracts::id::Digest;

/// Bytes of a frame besides its payload.
pub const FRAME_BYTES: usize = KIND_AT + 1;
/// Where in a frame its kind is: after length and sum.
const KIND_AT: usize = 4 + 8;
/// Network and height: the first frame, whose sum is in all that follow.
pub const BEGINS: u8 = 6;
/// Everything before it is durable; holds its [`place`].
pub const SYNCED: u8 = 5;
/// The first frame, as it was written before a file said what of it is durable.
pub const BEGUN: u8 = 4;
/// The same, as it was written before a sum said of which file it is.
pub const BEGAN: u8 = 0;

/// A frame's sum.
type Sum = [u8; 8];

/// What the next frame's sum is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Of the first frame; none before it, nor in a file that began with [`BEGAN`].
    file: Option<Sum>,
    last: Sum,
    /// The file says what of it is durable.
    says: bool,
}

impl Sums {
    /// The sum of the next frame.
    pub fn next(&self, kind: u8, payload: &[u8]) -> Sum {
        let file = self.file.as_ref().map_or(&[][..], |sum| sum);
        // One that says what is durable is to be found also where what stands before it cannot be read any more.
        let last = if kind == SYNCED { Sum::default() } else { self.last };
        let digest = Digest::of(&[b"lonja/voting/v1\0", file, &last, &[kind], payload]);
        digest.0.first_chunk().copied().expect("a digest has 32 bytes")
    }

    /// That frame is there.
    pub fn took(&mut self, kind: u8, sum: Sum) {
        if matches!(kind, BEGINS | BEGUN) {
            self.file = Some(sum);
            self.says = kind == BEGINS;
        }
        self.last = sum;
    }
}

/// The bytes of the next frame, and its sum.
pub fn encode(sums: &Sums, kind: u8, payload: &[u8]) -> (Vec<u8>, Sum) {
    let sum = sums.next(kind, payload);
    ([&(payload.len() as u32).to_be_bytes(), sum.as_slice(), &[kind], payload].concat(), sum)
}

/// A frame that is there as long as it says; whether its sum fits is another question.
pub struct Frame<'a> {
    /// The sum that it has.
    pub sum: Sum,
    /// What is in it.
    pub kind: u8,
    /// That.
    pub payload: &'a [u8],
    /// What comes after it.
    pub rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame that `bytes` begin with, if it comes next and is whole.
    pub fn next(sums: &Sums, bytes: &'a [u8]) -> Option<Self> {
        Self::split(bytes, 0).filter(|frame| frame.fits(sums))
    }

    /// With `changed` in its length.
    fn split(bytes: &'a [u8], changed: u32) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let (payload, rest) = rest.split_at_checked((u32::from_be_bytes(*length) ^ changed) as usize)?;
        Some(Self { sum: *sum, kind: *kind, payload, rest })
    }

    fn fits(&self, sums: &Sums) -> bool {
        sums.next(self.kind, self.payload) == self.sum
    }
}

/// `bytes`, from `at` on in the file, begin with no frame that comes next and is whole. Did they once, and was it
/// damaged since?
///
/// So it is where a [`SYNCED`] stands behind it: then it was durable once. What power that failed let come to the disk in
/// part, or in another order, may be followed by whole frames, and by no such one. So it is also where the next frame
/// fits the sum that it should have, or where it is whole with one bit of its length changed: what is torn lacks more
/// than a bit. What an earlier file left there has another file's sum in its own. In files that began with [`BEGUN`] any
/// frame that follows counts; of those with [`BEGAN`] nothing can be said.
pub fn was_damaged(sums: &Sums, bytes: &[u8], at: u64) -> bool {
    let is_first = *sums == Sums::default();
    if sums.file.is_none() && !is_first {
        return false;
    }
    let follows = |frame: Frame<'_>| {
        let says = if is_first { frame.kind != BEGUN } else { sums.says };
        let after = |sum| Sums { file: sums.file.or(Some(sum)), last: sum, says };
        let fits = |sum| Frame::next(&after(sum), frame.rest).is_some();
        let due = sums.next(frame.kind, frame.payload);
        // What an earlier file left may be due as the first one; so the sum that is there must be nearly that.
        (!says && fits(frame.sum)) || ((!is_first || differ_in_a_bit(due, frame.sum)) && fits(due))
    };
    let with_bit = |bit: u32| Frame::split(bytes, 1 << bit).is_some_and(|frame| frame.fits(sums));
    let file = sums.file.or_else(|| bytes.get(4..KIND_AT).and_then(|sum| sum.try_into().ok()));
    file.is_some_and(|file| is_before_synced(file, bytes, at))
        || Frame::split(bytes, 0).is_some_and(follows)
        || (0..u32::BITS).any(with_bit)
}

/// Does a [`SYNCED`] of the file whose first frame has this sum stand anywhere in `bytes`, which are there from `at` on?
fn is_before_synced(file: Sum, bytes: &[u8], at: u64) -> bool {
    let sums = Sums { file: Some(file), ..Sums::default() };
    let is_one = |from: usize| {
        let frame = Frame::split(&bytes[from..], 0);
        frame.is_some_and(|frame| frame.payload == place(at + from as u64) && frame.fits(&sums))
    };
    let kinds = bytes.iter().enumerate().skip(KIND_AT).filter(|(_, kind)| **kind == SYNCED);
    kinds.map(|(kind, _)| kind - KIND_AT).any(is_one)
}

/// What a [`SYNCED`] that begins at `at` holds: found there, it belongs there.
pub fn place(at: u64) -> [u8; 8] {
    at.to_be_bytes()
}

fn differ_in_a_bit(one: Sum, other: Sum) -> bool {
    (u64::from_be_bytes(one) ^ u64::from_be_bytes(other)).is_power_of_two()
}
