//! `lonja network up`: a trial of several validators on one machine, each in a process of its own.

use crate::{
    command::{network::PortArgs, up::Up},
    context::Context,
    output,
    problem::{Exit, Problem},
    validator::Ours,
};
use genesis::Layout;
use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a validator may take to stop.
const STOP_WAIT: Duration = Duration::from_secs(20);

/// Another validator of the trial, in a process of its own.
struct Other {
    name: String,
    layout: Layout,
    process: Child,
    gone: bool,
}

/// Runs it until somebody asks to stop.
///
/// # Errors
/// When a directory is missing, a process does not start, or what this process runs stops by itself.
pub async fn run(context: &Context) -> Result<(), Problem> {
    let (layout, signed) = (context.layout(), context.layout().document()?);
    let set = &signed.document.founding.validators;
    let ours = Ours::of(context, set)?;
    let mut others = Vec::new();
    for validator in set.validators.iter().filter(|validator| validator.name != ours.name) {
        others.push(start(&validator.name, layout.validator(&validator.name))?);
    }
    let lines: Vec<_> = others.iter().map(|other| (other.name.as_str(), other.place())).collect();
    if !lines.is_empty() {
        eprintln!("{}\n{}", output::lines(&lines), needed(set.validators.len(), set.quorum()));
    }
    let up = Up::new(PortArgs::default());
    tokio::select! {
        ended = up.run(context) => {
            others.into_iter().try_for_each(Other::stop).and(ended)
        }
        never = watch(&mut others, set.quorum()) => match never {},
    }
}

fn needed(count: usize, quorum: usize) -> String {
    format!("Any {quorum} of the {count} make blocks. Ctrl-C stops all of them.")
}

/// Starts the node of a directory. It ends by itself when this process is gone, however that ends.
fn start(name: &str, layout: Layout) -> Result<Other, Problem> {
    if !layout.exists() {
        let text = format!("{} is not the directory of validator `{name}`", layout.root().display());
        let help = "a trial has all validators on one machine: `lonja network create --validators N` lays it out; \
                    otherwise run `lonja node run` on each machine";
        return Err(Problem::new(text).help(help).exits(Exit::File));
    }
    if std::env::var_os("LONJA_PASSPHRASE_FILE").is_none() && !layout.passphrase_path().exists() {
        let help = "set LONJA_PASSPHRASE_FILE to a file (mode 600) that holds it, or create the trial with \
                    --keep-passphrase";
        return Err(Problem::new(format!("nobody can type the passphrase of `{name}`")).help(help).exits(Exit::File));
    }
    let cannot = |error: std::io::Error| Problem::new(format!("cannot start `{name}`")).because(error);
    // Written anew at each start, and only with what is worth a warning: it does not grow for ever.
    let log = File::create(layout.root().join("log")).map_err(cannot)?;
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.arg("--dir").arg(layout.root()).args(["node", "run", "--with-parent"]);
    // Ctrl-C reaches the process group of the terminal; this one is told by its input.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command.env_remove("LONJA_DIR");
    if std::env::var_os("LONJA_LOG").is_none() {
        command.env("LONJA_LOG", "warn");
    }
    let process = command.spawn().map_err(cannot)?;
    Ok(Other { name: name.into(), layout, process, gone: false })
}

/// Says which validators have ended, for as long as somebody waits.
async fn watch(others: &mut [Other], quorum: usize) -> std::convert::Infallible {
    loop {
        for other in others.iter_mut().filter(|other| !other.gone) {
            if let Ok(Some(status)) = other.process.try_wait() {
                other.gone = true;
                eprintln!(
                    "{} ended ({status}); see {}. The network goes on while {quorum} are up. Start it again with\n  \
                     lonja --dir {} node run",
                    other.name,
                    other.layout.root().join("log").display(),
                    other.layout.root().display()
                );
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl Other {
    fn place(&self) -> String {
        let address = self.layout.config().map(|config| config.node.url()).unwrap_or_default();
        format!("{address}  process {}  {}", self.process.id(), self.layout.root().display())
    }

    /// Asks it to stop, and ends it where it does not.
    fn stop(mut self) -> Result<(), Problem> {
        let cannot = |error: std::io::Error| Problem::new("cannot stop a validator").because(error);
        drop(self.process.stdin.take());
        let begun = Instant::now();
        while self.process.try_wait().map_err(cannot)?.is_none() {
            if begun.elapsed() > STOP_WAIT {
                eprintln!("{} does not stop; it is killed, and loses nothing that was acknowledged", self.name);
                self.process.kill().map_err(cannot)?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
