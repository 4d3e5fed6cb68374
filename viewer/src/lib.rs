//! Spanfall's viewer: live traffic between serverless functions as particles on a wall screen.
//!
//! Data goes through the plugins in this order: source -> traffic -> layout -> scene, particles ->
//! panel ([`app`] wires them up). What a person does comes back as [`focus::Command`]s.

pub mod activity;
pub mod app;
pub mod browser;
pub mod cli;
pub mod clipboard;
pub mod display;
pub mod driver;
pub mod exit;
pub mod figures;
pub mod focus;
pub mod follow;
pub mod interaction;
pub mod layout;
pub mod measure;
pub mod memory;
pub mod panel;
pub mod particles;
pub mod picture;
pub mod scene;
pub mod search;
pub mod settings;
pub mod snapshot;
pub mod source;
pub mod traffic;
pub mod wall;
mod whole_file;
