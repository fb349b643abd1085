//! placeholder
use crate::{context::Context, problem::Problem};
use clap::Args;
/// x
#[derive(Args)]
pub struct Fetch { agreement: contracts::id::AgreementId, #[arg(long)] output: std::path::PathBuf }
impl Fetch { /// x
 pub async fn run(self, _c: &Context) -> Result<(), Problem> { Ok(()) } }
