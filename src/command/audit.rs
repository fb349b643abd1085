//! placeholder
use crate::{context::Context, problem::Problem};
use clap::Args;
/// x
#[derive(Args)]
pub struct Audit { target: std::path::PathBuf }
impl Audit { /// x
 pub async fn run(self, _c: &Context) -> Result<(), Problem> { Ok(()) } }
