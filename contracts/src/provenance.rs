//! Provenance steps: what was done to data, beside the versions that anchor what came of it.

use crate::{
    action::{Call, Rule},
    dataset::require_own,
    event::Event,
    id::{DatasetId, TimeMs, VersionId},
    limits::{PARENTS_MAX, TEXT_BYTES_MAX},
    rejection::{Malformed, Stop, bounded_list},
    text,
    version::require_version,
    vocabulary::ascending,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What was done (ISO/IEC 17917 9.6 provenance; WEF 3.3 data refinement).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Activity {
    /// Data were collected.
    Collect = 0,
    /// Data were refreshed on schedule.
    Refresh = 1,
    /// Values were calibrated or cleaned.
    Calibrate = 2,
    /// Data were joined, aggregated or otherwise processed.
    Process = 3,
    /// Persons were made unrecognisable.
    Anonymise = 4,
    /// Data were archived.
    Archive = 5,
    /// Data were deleted at the source.
    Delete = 6,
}

/// Records a step of processing in a dataset's history. By its publisher.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordStep {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// What was done.
    pub activity: Activity,
    /// The run (a UUID, as OpenLineage has it).
    pub run: [u8; 16],
    /// The job that ran, such as a pipeline's name.
    pub job: String,
    /// The tool and its release.
    pub tool: String,
    /// When it started, by the publisher's clock.
    pub started_ms: TimeMs,
    /// When it ended, by the publisher's clock.
    pub ended_ms: TimeMs,
    /// Versions that went in, ascending.
    pub inputs: Vec<VersionId>,
    /// Anything else about the step that names no person; the one text on the ledger with line breaks.
    pub note: String,
}

impl Rule for RecordStep {
    fn check(&self) -> Result<(), Malformed> {
        text::line("job", &self.job, 1, TEXT_BYTES_MAX)?;
        text::line("tool", &self.tool, 0, TEXT_BYTES_MAX)?;
        text::prose("note", &self.note, 0, TEXT_BYTES_MAX)?;
        bounded_list("inputs", self.inputs.len(), PARENTS_MAX)?;
        ascending("inputs", &self.inputs)?;
        if self.ended_ms < self.started_ms {
            return Err(Malformed::new("ended_ms", "a step ends no earlier than it starts"));
        }
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_own(call.state, &self.dataset, &call.sender)?;
        for input in &self.inputs {
            require_version(call.state, input)?;
        }
        call.state.emit(Event::StepRecorded {
            dataset: self.dataset,
            by: call.sender,
            activity: self.activity,
            run: self.run,
        });
        Ok(())
    }
}
