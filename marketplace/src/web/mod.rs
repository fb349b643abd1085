//! The market's pages: drawn on the server, complete without script, by keyboard.

mod form;
mod frame;
mod jacket;
mod page;
mod show;
