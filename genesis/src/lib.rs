//! The birth of a network: its signed document, trust anchor, sealed keys and directories.
