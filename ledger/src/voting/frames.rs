//! The frames of the file, and what tells one that was damaged from one that a crash cut short.

use contracts::id::Digest;

/// Bytes of a frame besides its payload.
pub const FRAME_BYTES: usize = 4 + 8 + 1;
/// Network and height: the first frame, whose sum is in all that follow.
pub const BEGINS: u8 = 4;
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
}

impl Sums {
    /// The sum of the next frame.
    pub fn next(&self, kind: u8, payload: &[u8]) -> Sum {
        let file = self.file.as_ref().map_or(&[][..], |sum| sum);
        let digest = Digest::of(&[b"lonja/voting/v1\0", file, &self.last, &[kind], payload]);
        digest.0.first_chunk().copied().expect("a digest has 32 bytes")
    }

    /// That frame is there.
    pub fn took(&mut self, kind: u8, sum: Sum) {
        if kind == BEGINS {
            self.file = Some(sum);
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

/// `bytes` begin with no frame that comes next and is whole. Did they once, and was it damaged since?
///
/// So it is where the frame after it fits the sum that it has or should have, or where it is whole with one bit of its
/// length changed. What a crash cut short is followed by nothing, or by what an earlier file left there, and that has
/// another file's sum in its own. Of files that began with [`BEGAN`] nothing can be said.
pub fn was_damaged(sums: &Sums, bytes: &[u8]) -> bool {
    let is_first = *sums == Sums::default();
    if sums.file.is_none() && !is_first {
        return false;
    }
    let follows = |frame: Frame<'_>| {
        let fits = |sum| Frame::next(&Sums { file: sums.file.or(Some(sum)), last: sum }, frame.rest).is_some();
        let due = sums.next(frame.kind, frame.payload);
        // What an earlier file left may be due as the first one; so the sum that is there must be nearly that.
        fits(frame.sum) || ((!is_first || differ_in_a_bit(due, frame.sum)) && fits(due))
    };
    let with_bit = |bit: u32| Frame::split(bytes, 1 << bit).is_some_and(|frame| frame.fits(sums));
    Frame::split(bytes, 0).is_some_and(follows) || (0..u32::BITS).any(with_bit)
}

fn differ_in_a_bit(one: Sum, other: Sum) -> bool {
    (u64::from_be_bytes(one) ^ u64::from_be_bytes(other)).is_power_of_two()
}
