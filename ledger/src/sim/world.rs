//! The world: a clock, links, and what must always hold.

use super::{
    chance::Chance,
    liar::{Liar, Lie},
    plan::{Plan, Report},
    rules::Rules,
    toy::{Block, Notes, Power, PowerFailed, Toy},
};
use crate::{
    ordering::{
        Certificate, Misbehaviour, Ordering, OrderingError, Timer,
        bft::{Bft, Patience, forge},
        solo::Solo,
    },
    replica::{self, Ledger, Orderable, Replica, ReplicaError},
    testing::{self, consensus_signer as signer},
};
use contracts::{
    action::{Action, Rule},
    governance::Protest,
    id::{Digest, Height, NetworkId},
    key::Signer,
    validators::ValidatorSet,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

type Packet = replica::Packet<Block>;
type Act = replica::Act<Block>;

/// Microseconds.
type Time = u64;

const MS: Time = 1_000;
/// How long a host rests after a block.
const WAKE_AFTER: Time = 200 * MS;
/// How often hosts say how far they are.
const STATUS_EVERY: Time = 700 * MS;
/// How often something new is to be put into a block.
const CONTENT_EVERY: Time = 150 * MS;
/// How long a network may take to get on once the faults have ended.
const RECOVERY: Time = 120_000 * MS;
/// What one run may do: far more than any needs.
const EVENTS_MAX: u64 = 2_000_000;

/// One validator: its replica while it is up, the parts that are left while it is down.
struct Host {
    power: Power,
    up: Option<Replica<Toy, Notes>>,
    down: Option<(Toy, Notes)>,
    /// How often it was started: timers of an earlier start mean nothing.
    starts: u64,
}

impl Host {
    fn height(&self) -> Height {
        let down = || self.down.as_ref().map(|(toy, _)| toy.height());
        self.up.as_ref().map(|replica| replica.ledger().height()).or_else(down).unwrap_or(0)
    }
}

enum Event {
    Deliver { from: u16, to: u16, packet: Packet },
    Timer { host: u16, starts: u64, timer: Timer, start: u64 },
    Wake { host: u16, starts: u64 },
    Status { host: u16 },
    Content,
    Start { host: u16 },
    Cut,
    Mend,
}

/// A network in a run.
pub struct World {
    plan: Plan,
    chance: Chance,
    now: Time,
    number: u64,
    events: BTreeMap<(Time, u64), Event>,
    network: NetworkId,
    set: ValidatorSet,
    hosts: Vec<Host>,
    liar: Option<Liar>,
    /// The part of the network in which each host is.
    parts: Vec<u64>,
    finals: BTreeMap<Height, Digest>,
    content: BTreeSet<u64>,
    said: BTreeMap<forge::Said, Option<Digest>>,
    /// Who has protested against the liar, and what takes it.
    protested: BTreeSet<u16>,
    rules: Rules,
    report: Report,
}

impl World {
    /// A network as `plan` says, before anything happened.
    pub fn new(plan: Plan) -> Self {
        let (network, set) = (NetworkId([9; 32]), testing::validators(plan.validators));
        let host = |number: u16| {
            let power = Power::of(plan.seed ^ (u64::from(number) << 32));
            let mut notes = Notes::new(power.clone());
            notes.forgetful = plan.forgetful;
            let toy = Toy::new(number, network, set.clone(), power.clone());
            Host { power, up: None, down: Some((toy, notes)), starts: 0 }
        };
        let last = plan.validators - 1;
        let mut world = Self {
            chance: Chance::of(plan.seed),
            now: 0,
            number: 0,
            events: BTreeMap::new(),
            network,
            hosts: (0..plan.validators).map(host).collect(),
            liar: plan.liar.map(|lie| Liar::new(lie, network, signer(last))),
            parts: vec![0; usize::from(plan.validators)],
            finals: BTreeMap::new(),
            content: BTreeSet::new(),
            said: BTreeMap::new(),
            protested: BTreeSet::new(),
            rules: Rules::new(network, plan.validators),
            report: Report::default(),
            set,
            plan,
        };
        (0..world.plan.validators).for_each(|host| world.at(0, Event::Start { host }));
        (0..world.plan.validators).for_each(|host| world.at(STATUS_EVERY, Event::Status { host }));
        world.at(CONTENT_EVERY, Event::Content);
        if world.plan.cuts {
            world.at(MS * world.plan.faults_ms / 4, Event::Cut);
        }
        world
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// Says what did not hold, and when.
    pub fn run(mut self) -> Result<Report, String> {
        let faults_end = self.plan.faults_ms * MS;
        let mut goal = None;
        for _ in 0..EVENTS_MAX {
            let Some(((at, _), event)) = self.events.pop_first() else { return Err("nothing happens any more".into()) };
            self.now = at;
            self.happen(event).map_err(|what| format!("after {} ms: {what}", self.now / MS))?;
            if self.now < faults_end {
                continue;
            }
            let highest = self.finals.keys().last().copied().unwrap_or(0);
            let goal = *goal.get_or_insert(highest + self.plan.heights);
            if self.honest().all(|host| host.height() >= goal) {
                self.report.height = self.finals.keys().last().copied().unwrap_or(0);
                self.report.elapsed_ms = self.now / MS;
                self.report.blocks = self.finals.into_values().collect();
                return Ok(self.report);
            }
            if self.now > faults_end + RECOVERY {
                let heights: Vec<_> = self.hosts.iter().map(Host::height).collect();
                return Err(format!(
                    "{} s after the faults ended, heights are {heights:?}, not {goal}",
                    RECOVERY / 1_000_000
                ));
            }
        }
        Err(format!("{EVENTS_MAX} events were not enough"))
    }

    fn honest(&self) -> impl Iterator<Item = &Host> {
        (0..).zip(&self.hosts).filter(|(number, _)| !self.is_liar(*number)).map(|(_, host)| host)
    }

    fn is_liar(&self, host: u16) -> bool {
        self.liar.is_some() && host == self.plan.validators - 1
    }

    fn at(&mut self, after: Time, event: Event) {
        self.number += 1;
        self.events.insert((self.now + after, self.number), event);
    }

    fn faulty(&self) -> bool {
        self.now < self.plan.faults_ms * MS
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Deliver { from, to, packet } => {
                if self.parts[usize::from(from)] != self.parts[usize::from(to)] {
                    return Ok(());
                }
                let mut fault = None;
                self.turn(to, |replica, acts| match replica.receive(from, packet, acts) {
                    Err(ReplicaError::Ordering(OrderingError::Message(what))) => {
                        fault = Some(what);
                        Ok(())
                    }
                    received => received,
                })?;
                match fault {
                    Some(fault) if !self.is_liar(from) => {
                        Err(format!("host {to} blames host {from}, who is honest: {fault}"))
                    }
                    Some(_) => {
                        self.report.faults += 1;
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Event::Timer { host, starts, timer, start } if self.hosts[usize::from(host)].starts == starts => {
                self.turn(host, |replica, acts| replica.elapsed(timer, start, acts))
            }
            Event::Timer { .. } => Ok(()),
            Event::Wake { host, starts } if self.hosts[usize::from(host)].starts == starts => {
                self.turn(host, Replica::wake)
            }
            Event::Wake { .. } => Ok(()),
            Event::Start { host } => self.start(host),
            Event::Status { host } => {
                self.at(STATUS_EVERY, Event::Status { host });
                let Some(replica) = &self.hosts[usize::from(host)].up else { return Ok(()) };
                let status = Packet::Status(replica.ledger().height());
                self.broadcast(host, &status)
            }
            Event::Content => {
                let number = self.chance.next();
                for host in &mut self.hosts {
                    if let Some(replica) = &mut host.up {
                        replica.ledger_mut().wait(number);
                    }
                }
                self.at(CONTENT_EVERY, Event::Content);
                Ok(())
            }
            Event::Cut => {
                let parts = 2 + self.chance.below(2);
                self.parts = (0..self.plan.validators).map(|_| self.chance.below(parts)).collect();
                let lasts = self.chance.below(3_000 * MS);
                self.at(lasts, Event::Mend);
                Ok(())
            }
            Event::Mend => {
                self.parts.fill(0);
                if self.faulty() {
                    let until = self.chance.below(2_000 * MS);
                    self.at(until, Event::Cut);
                }
                Ok(())
            }
        }
    }

    /// Starts a host with what its disk holds.
    fn start(&mut self, number: u16) -> Result<(), String> {
        let ordering = self.ordering(number);
        let forgets = self.is_liar(number) && self.liar.as_ref().is_some_and(|liar| liar.lie == Lie::Forgets);
        let host = &mut self.hosts[usize::from(number)];
        let Some((toy, mut notes)) = host.down.take() else { return Ok(()) };
        if forgets {
            notes.forget();
        }
        host.starts += 1;
        host.up = Some(Replica::new(self.network, ordering, toy, notes));
        self.turn(number, Replica::start)
    }

    fn ordering(&self, host: u16) -> Box<dyn Ordering> {
        let signer = Arc::new(signer(host));
        if self.plan.validators == 1 {
            return Box::new(Solo::new(self.network, signer));
        }
        let [propose, vote, rebroadcast, more, longest] = [600, 200, 900, 150, 4_000].map(Duration::from_millis);
        Box::new(Bft::new(self.network, signer, Patience { propose, vote, rebroadcast, more, longest }))
    }

    /// Lets a host do something, carries out what it asks, and stops it where its power failed.
    fn turn(
        &mut self,
        number: u16,
        what: impl FnOnce(&mut Replica<Toy, Notes>, &mut Vec<Act>) -> Result<(), ReplicaError>,
    ) -> Result<(), String> {
        let per_mille = if self.faulty() { self.plan.crashes } else { 0 };
        let host = &mut self.hosts[usize::from(number)];
        let Some(replica) = &mut host.up else { return Ok(()) };
        host.power.fails(per_mille);
        let mut acts = Vec::new();
        let done = what(replica, &mut acts);
        // What it gave out has happened, also where it failed after that; but it does nothing more.
        match done {
            Ok(()) => {}
            Err(ReplicaError::Part(failure)) if failure.is::<PowerFailed>() => self.crash(number),
            Err(error) => return Err(format!("host {number}: {error}")),
        }
        acts.into_iter().try_for_each(|act| self.carry_out(number, act))
    }

    fn crash(&mut self, number: u16) {
        let host = &mut self.hosts[usize::from(number)];
        let Some((mut toy, mut notes)) = host.up.take().map(Replica::into_parts) else { return };
        toy.crash();
        notes.crash();
        host.down = Some((toy, notes));
        self.report.crashes += 1;
        let after = 50 * MS + self.chance.below(3_000 * MS);
        self.at(after, Event::Start { host: number });
    }

    fn carry_out(&mut self, number: u16, act: Act) -> Result<(), String> {
        match act {
            Act::Broadcast(packet) => self.broadcast(number, &packet)?,
            Act::Answer(to, packet) => self.post(number, to, packet),
            Act::Start(timer, start, after) => {
                let starts = self.hosts[usize::from(number)].starts;
                self.at(after.as_micros() as Time, Event::Timer { host: number, starts, timer, start });
            }
            Act::Propose(height, round) => {
                self.turn(number, |replica, acts| replica.propose(height, round, |toy| Ok(toy.make(round)), acts))?;
            }
            Act::Rest => {
                let starts = self.hosts[usize::from(number)].starts;
                self.at(WAKE_AFTER, Event::Wake { host: number, starts });
            }
            Act::Committed(block, certificate) => self.committed(number, block, &certificate)?,
            Act::Misbehaved(misbehaviour) if !self.is_liar(misbehaviour.validator()) => {
                return Err(format!("host {number} accuses validator {}, who is honest", misbehaviour.validator()));
            }
            Act::Misbehaved(misbehaviour) => self.caught(number, misbehaviour)?,
        }
        Ok(())
    }

    /// What the rules would not take convinces nobody.
    fn caught(&mut self, number: u16, misbehaviour: Misbehaviour) -> Result<(), String> {
        match misbehaviour {
            Misbehaviour::Excluding { evidence, .. } => {
                evidence.check().map_err(|error| format!("evidence: {error}"))?;
                evidence.verify(&self.network).map_err(|error| format!("evidence of host {number}: {error}"))?;
                self.report.accusations += 1;
            }
            // As a node does, it protests once.
            Misbehaviour::Breaking { proposal, signature, .. } if self.protested.insert(number) => {
                let protest = Protest::sign(&self.network, &proposal, signature, &signer(number));
                let protest = protest.map_err(|error| error.to_string())?;
                let taken = self.rules.take(Action::Protest(protest));
                taken.map_err(|refused| format!("the protest of host {number}: {refused}"))?;
                self.report.protests += 1;
            }
            Misbehaviour::Breaking { .. } => {}
        }
        Ok(())
    }

    fn committed(&mut self, number: u16, block: Block, certificate: &Certificate) -> Result<(), String> {
        let (height, id) = (block.height, block.id());
        certificate.verify(&self.network, &self.set).map_err(|error| format!("host {number}: {error}"))?;
        match self.finals.get(&height) {
            Some(other) if *other != id => {
                return Err(format!("two blocks at height {height}: {other}, and {id} at host {number}"));
            }
            Some(_) => return Ok(()),
            None => drop(self.finals.insert(height, id)),
        }
        self.report.round = self.report.round.max(certificate.round);
        match block.content.iter().find(|one| !self.content.insert(**one)) {
            Some(twice) => Err(format!("{twice} is in the chain twice, at last at height {height}")),
            None => Ok(()),
        }
    }

    fn broadcast(&mut self, from: u16, packet: &Packet) -> Result<(), String> {
        if let Packet::Message(_, bytes) = packet
            && !self.is_liar(from)
            && let Some((said, block)) = forge::said(bytes)
            && said.who == signer(from).public()
        {
            let before = *self.said.entry(said.clone()).or_insert(block);
            if before != block {
                return Err(format!("host {from} is honest and said {before:?} and {block:?} in {said:?}"));
            }
        }
        for to in (0..self.plan.validators).filter(|to| *to != from) {
            match &mut self.liar {
                Some(liar) if from == self.plan.validators - 1 => {
                    let changed = liar.change(to, packet, &mut self.chance);
                    changed.into_iter().for_each(|packet| self.post(from, to, packet));
                }
                _ => self.post(from, to, packet.clone()),
            }
        }
        Ok(())
    }

    /// Sends a packet on its way, if it has luck.
    fn post(&mut self, from: u16, to: u16, packet: Packet) {
        self.report.packets += 1;
        let faulty = self.faulty();
        if faulty && self.chance.happens(self.plan.lost) {
            return;
        }
        let mut after = MS + self.chance.below(30 * MS);
        if faulty && self.chance.happens(self.plan.slow) {
            after += self.chance.below(3_000 * MS);
        }
        if faulty && self.chance.happens(self.plan.doubled) {
            let again = after + self.chance.below(200 * MS);
            self.at(again, Event::Deliver { from, to, packet: packet.clone() });
        }
        self.at(after, Event::Deliver { from, to, packet });
    }
}
