//! A network of one grows to four organisations, by the commands that people type, while transactions go on.

use super::{
    harness::{Net, Service, command, says, try_start_as},
    minting::Minting,
    offices::{Office, joins, status, until, writes_passphrase},
    ports::free_ports,
    validators::runtime,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::runtime::Runtime;

/// Receipts that show that a load goes on: more than hands were waiting for when the set changed.
const RECEIPTS: u64 = 20;

/// Ends the reader, also where the test fails while it reads.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A network while its set changes: the founder, who made it, and three that join.
struct Growth {
    net: Net,
    place: PathBuf,
    /// Of the founder's node.
    url: String,
    offices: Vec<Office>,
    runtime: Runtime,
    /// Transactions that go on meanwhile.
    minting: Minting,
}

impl Growth {
    /// A network of one, which three nodes follow, and a load that begins.
    fn begin(founder: &Service, net: Net) -> (Self, Vec<Service>) {
        let place = net.dir().parent().unwrap().to_path_buf();
        let url = founder.urls["node"].as_str().unwrap().to_owned();
        let network = net.ok(&["network", "inspect"])["network"].as_str().unwrap().to_owned();
        let port = free_ports(16);
        let all = [("validator-0", port), ("customs", port + 1), ("carriers", port + 2), ("university", port + 3)];
        let offices: Vec<_> = all[1..].iter().map(|(name, _)| joins(&place, name, &url, &network, &all)).collect();
        let nodes = offices.iter().map(|office| office.start(&place.join(format!("{}.log", office.name)))).collect();
        for office in &offices {
            until("it observes and follows", || {
                office.status()["observes"] == true && office.status()["height"].as_u64() > Some(0)
            });
        }
        let (runtime, mut minting) = (runtime(), Minting::new(&net));
        minting.begin_at(&runtime, &net, [net.client()]);
        (Self { net, place, url, offices, runtime, minting }, nodes)
    }

    fn config(&self) -> PathBuf {
        self.net.dir().join("lonja.toml")
    }

    fn of_founder(&self) -> Value {
        status(self.url.strip_prefix("http://").unwrap())
    }

    fn state(&self, proposal: &str) -> Value {
        self.net.ok(&["governance", "show", proposal])["state"].clone()
    }

    /// More receipts come, whoever leaves or joins.
    fn goes_on(&self, what: &str) {
        let before = self.minting.acknowledged();
        until(what, || self.minting.acknowledged() > before + RECEIPTS);
    }

    /// Two of the offices approve. Returns what each was told.
    fn approve(&self, proposal: &str) -> [String; 2] {
        [0, 1].map(|number| {
            let office = &self.offices[number];
            until("its node knows the proposal", || office.run(&["governance", "show", proposal]).status.success());
            let approved = office.run(&["governance", "approve", proposal, "--as", &office.desk()]);
            let said = String::from_utf8_lossy(&approved.stderr).into_owned();
            assert!(approved.status.success(), "{said}");
            said
        })
    }

    /// The founder proposes something, and is not enough; with two others it is in force.
    fn decides(&self, what: &[&str]) {
        let propose = [&["governance"], what, &["--as", "operator"]].concat();
        let proposal = self.net.ok(&propose)["proposal"].as_str().unwrap().to_owned();
        assert_eq!(self.state(&proposal), "open");
        self.approve(&proposal);
        until("it is in force", || self.state(&proposal) == "in force");
    }

    /// The founder says where the others will be, and proposes them; alone, it is a quorum.
    fn proposes_all(&self) -> String {
        let mut text = fs::read_to_string(self.config()).unwrap();
        let founder = self.offices[0].peers - 1;
        text += &format!("\n[peers]\nlisten = \"127.0.0.1:{founder}\"\n[peers.addresses]\n");
        self.offices.iter().for_each(|office| text += &format!("{} = \"127.0.0.1:{}\"\n", office.name, office.peers));
        let files = self.offices.iter().map(|it| it.dir.join(format!("{}.member.json", it.name)).display().to_string());
        let files: Vec<String> = files.collect();
        let propose = |files: &[String]| {
            let mut propose = vec!["governance", "set", "--as", "operator"];
            files.iter().for_each(|file| propose.extend(["--add", file]));
            self.net.ok(&propose)["proposal"].as_str().unwrap().to_owned()
        };
        // One is left out first: the set with all of them takes the place of that one, which nobody waits for.
        let (mistaken, proposal) = (propose(&files[..2]), propose(&files));
        assert_eq!([self.state(&mistaken), self.state(&proposal)], ["replaced", "passed"]);
        // Whoever approves compares what each newcomer's command said of its keys.
        let shown = self.net.ok(&["governance", "show", &proposal]);
        let joins = self.offices.iter().map(|it| json!({"name": it.name, "fingerprint": it.keys}));
        assert_eq!((&shown["joins"], &shown["leaves"]), (&joins.collect(), &json!([])), "{shown}");
        let early = self.net.fails(6, &["governance", "ready", &proposal, "--as", "operator"]);
        assert!(says(&early, "does not say how to reach all validators"), "{early}");
        fs::write(self.config(), text).unwrap();
        proposal
    }

    /// Each applies as a party, which hands its word in; the founder admits it.
    fn are_parties(&self) {
        for office in &self.offices {
            let party = office.desk();
            office.ok(&["party", "apply", office.name, "--as", &party]);
            let id = office.ok(&["key", "show", &party])["party"].as_str().unwrap().to_owned();
            self.net.ok(&["party", "admit", &id, "--role", "buyer"]);
        }
    }

    /// All become validators, while somebody reads all the time.
    fn grows(&self, proposal: &str) {
        let (over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let _over = Over(&over);
            // A reader that asks the founder's node: a proven record each time.
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.net.ok(&["account", "balance", "operator"]);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
            self.net.ok(&["governance", "ready", proposal, "--as", "operator"]);
            for office in &self.offices[..2] {
                office.ok(&["governance", "ready", proposal, "--as", &office.desk()]);
            }
            until("all are validators", || self.offices.iter().all(|office| office.status()["era"] == 1));
            let seats: Vec<_> = self.offices.iter().map(|office| office.status()["validator"].as_u64()).collect();
            assert_eq!(seats, [Some(1), Some(2), Some(3)]);
            self.goes_on("the load goes on with four");
            // A receipt that three of four signed, handed in at a new one.
            let receipt = self.place.join("receipt.bin");
            let apply = ["party", "apply", "Somebody", "--as", "somebody", "--receipt", receipt.to_str().unwrap()];
            self.offices[2].ok(&apply);
            let read = reads.load(Ordering::Relaxed);
            until("the reader goes on", || reads.load(Ordering::Relaxed) > read + 1);
            over.store(true, Ordering::Relaxed);
        });
    }

    /// One of the new changes its keys while its node runs: a new name, made where the old ones are, and by mistake under
    /// a passphrase that its node does not have.
    fn rotates(&self) {
        let (rotating, offices) = (&self.offices[2], &self.offices);
        let mistaken = self.place.join("mistaken.passphrase");
        writes_passphrase(&mistaken, "of a command alone");
        let peers = format!("127.0.0.1:{}", rotating.peers);
        let made = rotating.ok_by(&mistaken, &["key", "new", "university-2", "--validator", &peers]);
        let new_keys = made["keys_fingerprint"].as_str().unwrap();
        assert_ne!(new_keys, rotating.keys);
        self.tells_of_new_name(&format!("university = \"{peers}\""), &format!("university-2 = \"{peers}\""));
        let file = rotating.dir.join("university-2.member.json").display().to_string();
        // Forgotten to be taken out, keys that may be in other hands would stay: nothing is proposed.
        let stays = ["governance", "set", "--add", &file, "--compromised", "university", "--as", "operator"];
        let said = self.net.fails(2, &stays);
        assert!(says(&said, "`university` would stay in the set") && says(&said, "--remove university"), "{said}");
        let change = ["governance", "set", "--remove", "university", "--add", &file, "--as", "operator"];
        let change = self.net.ok(&change)["proposal"].as_str().unwrap().to_owned();
        // Before it signs, it says what for; nobody else is named.
        let what = format!("joins  university-2, keys {new_keys}\nleaves  university\n");
        for said in self.approve(&change) {
            assert!(said.contains(&what) && !said.contains("customs") && !said.contains(&rotating.keys), "{said}");
        }
        let passed = || {
            let shown = rotating.run(&["governance", "show", &change]);
            shown.status.success() && String::from_utf8_lossy(&shown.stdout).contains("\"passed\"")
        };
        until("its node knows that it has passed", passed);
        rotating.ok(&["key", "passphrase", "university-desk", "--new", mistaken.to_str().unwrap()]);
        rotating.ok_by(&mistaken, &["governance", "ready", &change, "--as", "university-desk"]);
        for office in &offices[..2] {
            office.ok(&["governance", "ready", &change, "--as", &office.desk()]);
        }
        until("the others go on", || offices[..2].iter().all(|office| office.status()["era"] == 2));
        let unopened = "the keys of validator university-2 do not open";
        until("its node says what it waits for", || {
            rotating.status()["reason"].as_str().is_some_and(|reason| says(reason, unopened))
        });
        let said = rotating.status();
        assert!(says(said["reason"].as_str().unwrap(), "keys/university-2.consensus.key"), "{said}");
        assert_eq!(said["observes"], Value::Null, "it waits for its key, and is no observer: {said}");
        self.goes_on("the load goes on with three of four");
        for key in ["university-2.consensus", "university-2.log", "university-2.cosigner", "university-desk"] {
            let right = rotating.passphrase();
            rotating.ok_by(&mistaken, &["key", "passphrase", key, "--new", right.to_str().unwrap()]);
        }
        until("all go on with its new keys", || offices.iter().all(|office| office.status()["era"] == 2));
        assert_eq!(rotating.status()["validator"], 3);
        rotating.ok(&["party", "apply", "With new keys", "--as", "newer"]);
    }

    /// The others write where the new name is, beside the old one; the founder instead of it.
    fn tells_of_new_name(&self, old: &str, new: &str) {
        let configs = self.offices[..2].iter().map(|office| (office.dir.join("lonja.toml"), format!("{old}\n{new}")));
        for (config, instead) in configs.chain([(self.config(), new.to_owned())]) {
            let text = fs::read_to_string(&config).unwrap();
            assert!(text.contains(old), "{text}");
            fs::write(&config, text.replace(old, &instead)).unwrap();
        }
    }

    /// Receipts of the new set verify offline from the founding's anchor, with the records of the change.
    fn receipts_verify(&self) {
        let (receipt, office) = (self.place.join("receipt.bin"), &self.offices[0]);
        let anchor = self.net.dir().join("anchor.json");
        let alone = office.run(&["verify", receipt.to_str().unwrap(), "--anchor", anchor.to_str().unwrap()]);
        assert_eq!(alone.status.code(), Some(4), "the anchor alone knows the first set");
        let trust = self.place.join("trust.json");
        office.ok(&["network", "trust", "--output", trust.to_str().unwrap()]);
        let verified = office.ok(&["verify", receipt.to_str().unwrap(), "--trust", trust.to_str().unwrap()]);
        assert_eq!(verified[0]["signers"].as_array().unwrap().len(), 3, "{verified}");
    }

    /// The founder leaves the set. Nobody brings its node blocks, so it says that it is not well, and why.
    fn founder_leaves(&mut self) {
        let leaves = ["governance", "set", "--remove", "validator-0", "--as", "operator"];
        let leaves = self.net.ok(&leaves)["proposal"].as_str().unwrap().to_owned();
        self.minting.stop(&self.runtime);
        self.minting.begin_at(&self.runtime, &self.net, self.offices.iter().map(Office::client));
        self.approve(&leaves);
        for office in &self.offices {
            let passed = || office.ok(&["governance", "show", &leaves])["state"] == "passed";
            until("its node knows that it has passed", passed);
            office.ok(&["governance", "ready", &leaves, "--as", &office.desk()]);
        }
        let (what, mut said) = ("name nodes that serve blocks as `from` of [observe]", Value::Null);
        until("its node says that it left", || {
            said = self.of_founder();
            said["healthy"] == false && said["reason"].as_str().is_some_and(|reason| says(reason, what))
        });
        assert_eq!((&said["observes"], &said["validator"]), (&true.into(), &Value::Null), "{said}");
        self.goes_on("the load goes on without the founder");
    }

    /// The founder's node begins anew with the keys of the only validator of the beginning: it asks the others first.
    fn founder_begins_anew(&self) {
        self.offices[1].ok(&["party", "apply", "Another", "--as", "another"]);
        fs::remove_dir_all(self.net.dir().join("node")).unwrap();
        let text = fs::read_to_string(self.config()).unwrap();
        let from: Vec<_> = self.offices.iter().map(|office| format!("http://127.0.0.1:{}", office.node)).collect();
        fs::write(self.config(), text + &format!("\n[observe]\nfrom = {from:?}\n")).unwrap();
        let mut run = command();
        run.arg("--dir").arg(self.net.dir()).args(["--json", "node", "run"]);
        // It asks once, for some seconds: where none of them answers in time it makes nothing, and may be started again.
        let mut anew = None;
        until("one of the others answers in time", || {
            let started = try_start_as(&mut run, &self.net.path("log"));
            assert!(started.as_ref().err().is_none_or(|ended| ended.code() == Some(5)), "{}", self.net.said());
            anew = started.ok();
            anew.is_some()
        });
        // It was a validator in the first eras, and nobody links with it any more who would bring it on.
        until("it follows the others", || self.of_founder()["era"] == 3 && self.of_founder()["healthy"] == true);
        anew.unwrap().stop();
    }

    /// Nothing is lost or done twice, and all directories audit.
    fn ends(mut self, nodes: Vec<Service>) {
        self.minting.stop(&self.runtime);
        let heights = || self.offices.iter().map(|office| office.status()["height"].as_u64()).collect::<BTreeSet<_>>();
        until("all know everything", || heights().len() == 1);
        self.minting.check_at(&self.runtime, self.offices.iter().map(Office::client));
        nodes.into_iter().for_each(Service::stop);
        let (net, place) = (&self.net, &self.place);
        fs::rename(net.dir().join("node"), place.join("followed")).unwrap();
        let alone = net.fails(5, &["node", "run"]);
        assert!(says(&alone, "none of the nodes that [observe] names answered"), "{alone}");
        assert!(!net.dir().join("node").exists(), "nothing is made");
        fs::rename(place.join("followed"), net.dir().join("node")).unwrap();
        let heights: Vec<_> = self.offices.iter().map(|office| office.ok(&["audit"])["height"].as_u64()).collect();
        assert!(heights.iter().all(Option::is_some), "{heights:?}");
        net.ok(&["audit"]);
    }
}

#[test]
fn a_network_of_one_grows_to_four_and_loses_its_founder_while_it_is_read_and_written() {
    let net = Net::created();
    let first = net.node();
    let (mut growth, nodes) = Growth::begin(&first, net);
    let proposal = growth.proposes_all();
    growth.are_parties();
    growth.grows(&proposal);
    growth.rotates();
    growth.receipts_verify();
    growth.decides(&["parameters", "--transactions", "5000"]);
    // It hands its validator's word in all the same, below.
    let desk = growth.offices[2].ok(&["key", "show", "university-desk"])["party"].as_str().unwrap().to_owned();
    growth.decides(&["party", &desk, "--suspend"]);
    assert_eq!(growth.net.ok(&["party", "show", &desk])["standing"], "suspended");
    let listed = growth.net.ok(&["governance", "list"]);
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, [&["replaced"][..], &["in force"; 4]].concat(), "{listed}");
    growth.founder_leaves();
    first.stop();
    growth.founder_begins_anew();
    growth.ends(nodes);
}
