//! Who waits at our port and has not proven a key yet.
//!
//! Anybody may come, and costs us two things: a place until a key is proven or the time is over, and a signature of our
//! consensus key, since in TLS 1.3 whoever accepts signs first. Neither is given to who comes most. Where there is no
//! place, the oldest connection of the address goes that has most of them: one that only waits makes room for one that
//! comes to say something, and a crowd for anybody else. And signatures are paced. Addresses of validators, as they are
//! configured or as a key was proven from, give way last and have a pace of their own each.

use crate::limits::{PEER_HANDSHAKE_EVERY, PEER_HANDSHAKES_AT_ONCE, PEER_HANDSHAKES_MAX};
use parking_lot::Mutex;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Where connections come from that count as one's: an address, or all that whoever has one of IPv6 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6((address.to_bits() >> 64 << 64).into())),
            address => Self(address),
        }
    }
}

/// The door.
#[derive(Default)]
pub struct Door {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// In the order in which they came.
    guests: BTreeMap<u64, Waiting>,
    came: u64,
    configured: BTreeSet<Source>,
    /// Where each validator proved its key from, the last time.
    proven: BTreeMap<u16, Source>,
    /// Of each source that is known, and of all strangers together.
    paces: BTreeMap<Option<Source>, Pace>,
}

struct Waiting {
    source: Source,
    out: CancellationToken,
    /// It wants a signature.
    asks: bool,
}

/// A connection that has not proven a key yet, for as long as this is held.
pub struct Guest {
    door: Arc<Door>,
    number: u64,
    /// Somebody else has its place.
    pub out: CancellationToken,
}

impl Door {
    /// Validators listen at `addresses`, and may come from there. Those that are names are not looked up.
    pub fn new<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let source = |address: &str| address.parse().ok().map(|address: SocketAddr| Source::of(address.ip()));
        let configured = addresses.into_iter().filter_map(source).collect();
        Self { inner: Mutex::new(Inner { configured, ..Inner::default() }) }
    }

    /// One comes from `address`. Somebody else may have to go.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Guest {
        let mut inner = self.inner.lock();
        let (number, out) = (inner.came, CancellationToken::new());
        inner.came += 1;
        inner.guests.insert(number, Waiting { source: Source::of(address), out: out.clone(), asks: false });
        if inner.guests.len() > PEER_HANDSHAKES_MAX
            && let Some(gone) = inner.least().and_then(|number| inner.guests.remove(&number))
        {
            gone.out.cancel();
        }
        drop(inner);
        Guest { door: self.clone(), number, out }
    }
}

impl Guest {
    /// Waits until our signature may be made for it.
    pub async fn turn(&self) {
        loop {
            let granted = self.door.inner.lock().grant(self.number, Instant::now());
            match granted {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// It has proven the key of validator `number`.
    pub fn is(&self, number: u16) {
        let mut inner = self.door.inner.lock();
        if let Some(source) = inner.guests.get(&self.number).map(|guest| guest.source) {
            inner.proven.insert(number, source);
            let known: BTreeSet<_> = inner.proven.values().chain(&inner.configured).copied().collect();
            inner.paces.retain(|source, _| source.is_none_or(|source| known.contains(&source)));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.door.inner.lock().guests.remove(&self.number);
    }
}

impl Inner {
    fn is_known(&self, source: Source) -> bool {
        self.configured.contains(&source) || self.proven.values().any(|known| *known == source)
    }

    /// How many there are of each source.
    fn crowds(&self) -> BTreeMap<Source, usize> {
        let mut crowds = BTreeMap::new();
        self.guests.values().for_each(|guest| *crowds.entry(guest.source).or_default() += 1);
        crowds
    }

    /// Who goes where there is no place.
    fn least(&self) -> Option<u64> {
        let crowds = self.crowds();
        let rank = |(number, guest): &(&u64, &Waiting)| {
            (self.is_known(guest.source), Reverse(crowds.get(&guest.source).copied()), **number)
        };
        self.guests.iter().min_by_key(rank).map(|(number, _)| *number)
    }

    /// Lets guest `number` have a signature, if it is its turn: who came alone is before a crowd.
    ///
    /// # Errors
    /// After how long it may ask again.
    fn grant(&mut self, number: u64, now: Instant) -> Result<(), Duration> {
        // One that has to go is told so elsewhere.
        let guest = self.guests.get_mut(&number).ok_or(PEER_HANDSHAKE_EVERY)?;
        guest.asks = true;
        let lane = |source| self.is_known(source).then_some(source);
        let (ours, crowds) = (lane(self.guests[&number].source), self.crowds());
        let asking = self.guests.iter().filter(|(_, guest)| guest.asks && lane(guest.source) == ours);
        let first = asking.min_by_key(|(number, guest)| (crowds.get(&guest.source), **number));
        if first.is_some_and(|(first, _)| *first != number) {
            return Err(PEER_HANDSHAKE_EVERY / 8);
        }
        self.paces.entry(ours).or_insert_with(|| Pace::new(now)).take(now)?;
        if let Some(guest) = self.guests.get_mut(&number) {
            guest.asks = false;
        }
        Ok(())
    }
}

/// So many at once, and one more every so often.
struct Pace {
    left: u32,
    at: Instant,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { left: PEER_HANDSHAKES_AT_ONCE, at: now }
    }

    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at);
        let more = u32::try_from(passed.as_nanos() / PEER_HANDSHAKE_EVERY.as_nanos()).unwrap_or(u32::MAX);
        let room = PEER_HANDSHAKES_AT_ONCE - self.left;
        self.at = if more >= room { now } else { self.at + PEER_HANDSHAKE_EVERY * more };
        self.left += more.min(room);
        if self.left == 0 {
            return Err(PEER_HANDSHAKE_EVERY.saturating_sub(now.saturating_duration_since(self.at)));
        }
        self.left -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn door() -> Arc<Door> {
        Arc::new(Door::new(["192.0.2.1:7400", "a.name:7400", "[2001:db8::7]:7400"]))
    }

    #[test]
    fn a_crowd_makes_room_for_whoever_comes_and_validators_go_last() {
        let door = door();
        let (alone, validator) = (door.enter(address(8)), door.enter(address(1)));
        let mut crowd: Vec<_> = (0..10 * PEER_HANDSHAKES_MAX).map(|_| door.enter(address(9))).collect();
        assert!(!alone.out.is_cancelled() && !validator.out.is_cancelled());
        let newest = crowd.split_off(crowd.len() - (PEER_HANDSHAKES_MAX - 2));
        assert!(crowd.iter().all(|guest| guest.out.is_cancelled()), "the oldest go");
        assert!(newest.iter().all(|guest| !guest.out.is_cancelled()));
        // Of many who came alone, the oldest goes, and a validator never.
        drop(newest);
        let many: Vec<_> = (10..10 + PEER_HANDSHAKES_MAX as u8).map(|last| door.enter(address(last))).collect();
        assert!(alone.out.is_cancelled() && many[0].out.is_cancelled() && !many[1].out.is_cancelled());
        assert!(!validator.out.is_cancelled());
        // What has gone leaves its place.
        drop((crowd, many, alone));
        assert_eq!(door.inner.lock().guests.len(), 1);
    }

    #[test]
    fn who_has_one_address_of_ipv6_has_them_all() {
        let of = |address: &str| Source::of(address.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert!(door().inner.lock().is_known(of("2001:db8::1")));
    }

    #[test]
    fn signatures_for_strangers_are_paced_and_no_crowd_is_before_who_came_alone() {
        let door = door();
        let now = Instant::now();
        let grant = |guest: &Guest, after: Duration| door.inner.lock().grant(guest.number, now + after);
        let crowd: Vec<_> = (0..20).map(|_| door.enter(address(9))).collect();
        let granted = crowd.iter().filter(|guest| grant(guest, Duration::ZERO).is_ok()).count();
        assert_eq!(granted, PEER_HANDSHAKES_AT_ONCE as usize);
        let (alone, validator) = (door.enter(address(8)), door.enter(address(1)));
        assert!(grant(&alone, Duration::ZERO).is_err());
        assert!(grant(&validator, Duration::ZERO).is_ok(), "it has a pace of its own");
        // The next one is for who came alone, however long others wait.
        let again = crowd.iter().filter(|guest| grant(guest, PEER_HANDSHAKE_EVERY).is_ok()).count();
        assert_eq!(again, 0);
        assert!(grant(&alone, PEER_HANDSHAKE_EVERY).is_ok());
        // A validator of which only a name was known is known once it has proven its key.
        alone.is(3);
        let later = door.enter(address(8));
        assert!(grant(&later, PEER_HANDSHAKE_EVERY).is_ok());
    }

    #[test]
    fn a_pace_gives_no_more_than_so_many_in_its_time() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let seconds = 60;
        let asked = |millis: u64| now + Duration::from_millis(millis);
        let given = (0..seconds * 1_000).filter(|millis| pace.take(asked(*millis)).is_ok()).count();
        let due =
            PEER_HANDSHAKES_AT_ONCE as usize + (seconds * 1_000) as usize / PEER_HANDSHAKE_EVERY.as_millis() as usize;
        assert!((due - 1..=due).contains(&given), "{given} of {due}");
        // After a long rest as many at once as at the beginning.
        let much_later = asked(3_600_000);
        assert_eq!((0..100).filter(|_| pace.take(much_later).is_ok()).count(), PEER_HANDSHAKES_AT_ONCE as usize);
    }
}
