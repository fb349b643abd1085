//! The market over HTTP, on a real solo network: from an application to bytes that were checked, and
//! what happens when somebody says no.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

mod access;
mod beside;
mod bucket;
mod buying;
mod contract;
mod conventions;
mod cursors;
mod document;
mod limits;
mod lists;
mod orders;
mod pages;
mod renewal;
mod repeats;
mod schema;
mod support;
mod trade;
mod unanchored;
mod visitor;
mod wrong;
