//! `lonja witness`: cosigning the checkpoints of logs that are not ours, and what others need to know of it.

use crate::{
    command::network::trusting,
    context::Context,
    ending, output,
    problem::{Exit, Problem},
    stop::StopRequests,
    traces,
    witnessing::Logs,
};
use clap::{Args, Subcommand};
use contracts::key::Signer;
use ledger::{
    note::{KeyKind, VerifierKey, checkpoint},
    receipt::Trust,
    witness::{Witness as Core, http},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;

/// Cosign checkpoints of logs (C2SP tlog-witness), and say who must cosign (tlog-policy).
#[derive(Subcommand)]
pub enum Witness {
    /// Run a witness until Ctrl-C; --as names the key that cosigns
    Run(Run),
    /// Print a witness' line for a policy; --as names its key
    Key {
        /// The witness' name, such as `witness.example.org/one`
        name: String,
        /// Where others reach it
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Print a policy to begin with: the logs of this network's validators, and no quorum yet
    Policy {
        /// Records of changes of the validator set, as `lonja network trust` wrote them; the directory's trust.json
        /// where it is left out and there is one
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
    },
}

/// A witness to run.
#[derive(Args)]
pub struct Run {
    /// Its name, such as `witness.example.org/one`; with its key it stands in policies, and stays
    name: String,
    /// A policy whose logs are cosigned
    #[arg(long, value_name = "FILE")]
    logs: PathBuf,
    /// Where it listens; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7500")]
    listen: SocketAddr,
    /// Where it keeps what it cosigned; `witness` in the directory where it is left out. Never restore it from a copy
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A proxy in front does TLS, so that another address than loopback is fine
    #[arg(long)]
    behind_proxy: bool,
}

impl Witness {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Run(run) => run.run(context).await,
            Self::Key { name, url } => key(context, &name, url.as_deref()),
            Self::Policy { trust } => policy(context, trust.as_deref()),
        }
    }
}

fn signer(context: &Context) -> Result<Arc<dyn Signer>, Problem> {
    Ok(Arc::new(context.open(&context.key_name(None)?)?))
}

fn unusable(error: impl ToString) -> Problem {
    Problem::usage("no witness can be called so", error.to_string())
}

fn key(context: &Context, name: &str, url: Option<&str>) -> Result<(), Problem> {
    let ring = context.keyring();
    let public = ring.inspect(&context.key_name(None)?)?.public;
    let key = VerifierKey::new(name, KeyKind::Cosignature, public).map_err(unusable)?;
    let line = [Some(format!("witness {} {key}", name.replace('/', "-"))), url.map(str::to_owned)];
    let line = line.into_iter().flatten().collect::<Vec<_>>().join(" ");
    context.print(&serde_json::json!({ "name": name, "key": key.to_string(), "line": line }), || line.clone());
    Ok(())
}

fn policy(context: &Context, records: Option<&std::path::Path>) -> Result<(), Problem> {
    let anchor = context.anchor()?;
    let mut trust = Trust::new(anchor.network, anchor.set)
        .map_err(|error| Problem::new("the trust anchor names no usable validator set").because(error))?;
    trusting::follow(context, records, &mut trust)?;
    let keys = trust.newest().validators.iter().map(|validator| checkpoint::log_key(&anchor.network, validator));
    let keys: Vec<_> =
        keys.collect::<Result<_, _>>().map_err(|error| Problem::new("a log has no key").because(error))?;
    let mut text =
        String::from("# Logs: every validator signs checkpoints of this network's log with a key of its own.\n");
    keys.iter().for_each(|key| text += &format!("log {key}\n"));
    text += "# Witnesses: `lonja witness key NAME --url URL` prints a line for each.\n\
             # Then a group of them and how many must cosign, for example:\n\
             #   group outside any WITNESS-NAME OTHER-WITNESS-NAME\n\
             #   quorum outside\n\
             quorum none\n";
    context.print(&serde_json::json!({ "policy": text }), || text.trim_end().to_owned());
    Ok(())
}

impl Run {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        if !self.listen.ip().is_loopback() && !self.behind_proxy {
            return Err(Problem::usage(
                format!("{} can be reached by others, and a witness does not speak TLS itself", self.listen),
                "put a proxy in front of it and give --behind-proxy, or listen on 127.0.0.1",
            ));
        }
        traces::describe("lonja.witness", &self.name);
        let (logs, keys) = Logs::read(self.logs)?;
        let folder = self.data.clone().unwrap_or_else(|| context.layout().root().join("witness"));
        let core = Core::open(&folder, &self.name, signer(context)?, keys).map_err(|error| {
            let exit = ending::of(ledger::found_full(&error), error.passing());
            Problem::new("the witness does not start")
                .because(error)
                .help("nothing was changed; a record that is lost or older than it was cannot be mended, but by a new key and name")
                .exits(exit)
        })?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            Problem::new(format!("cannot listen on {}", self.listen))
                .because(error)
                .help("choose another address with --listen")
                .exits(Exit::Unreachable)
        })?;
        let failed = |error: std::io::Error| Problem::new("the witness' server failed").because(error);
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let key = core.key().to_string();
        let mut requests = StopRequests::listen()?;
        context.print(&serde_json::json!({ "witness": url, "key": key }), || {
            output::lines(&[("witness", url.clone()), ("key", key.clone())])
        });
        let core = Arc::new(core);
        tokio::select! {
            served = http::serve(listener, core.clone(), async move { requests.asked().await }) => served.map_err(failed),
            never = logs.keep_up(core) => match never {},
        }
    }
}
