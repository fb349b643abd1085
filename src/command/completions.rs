//! `lonja completions`: for bash, zsh, fish and others.

use crate::{cli::Cli, problem::Problem};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Print completions for a shell.
#[derive(Args)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(self) -> Result<(), Problem> {
        clap_complete::generate(self.shell, &mut Cli::command(), "lonja", &mut std::io::stdout());
        Ok(())
    }
}
