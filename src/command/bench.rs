//! placeholder
use crate::{context::Context, problem::Problem};
use clap::Args;
/// x
#[derive(Args)]
pub struct Bench { target: std::path::PathBuf }
impl Bench { /// x
 pub async fn run(self, _c: &Context) -> Result<(), Problem> { Ok(()) } }
