//! The shaders, parsed and validated without a graphics card.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use spanfall_tests::program::repository;

/// What every shader begins with, and what those of particles go on with; the viewer puts them together
/// the same way.
const SHARED: [&str; 2] = ["frame.wgsl", "spot.wgsl"];
const OF_PARTICLES: [&str; 2] = ["particles.wgsl", "place.wgsl"];

fn validate(source: &str) -> Result<naga::Module, String> {
    let module =
        naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    // No capability beyond what WebGPU guarantees: any driver must do.
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(source))?;
    Ok(module)
}

#[test]
fn every_shader_is_valid_and_has_its_entry_points() {
    let folder = repository("assets/shaders");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let [frame, spot] = SHARED.map(read);
    let mut checked = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if SHARED.contains(&name) || !name.ends_with(".wgsl") {
            continue;
        }
        let shared = if OF_PARTICLES.contains(&name) { spot.as_str() } else { "" };
        let module = validate(&format!("{frame}\n{shared}\n{}", read(name)))
            .unwrap_or_else(|error| panic!("{name}, after what it shares:\n{error}"));
        let stages: Vec<_> = module.entry_points.iter().map(|entry| entry.stage).collect();
        let wanted: &[naga::ShaderStage] = if name == "place.wgsl" {
            &[naga::ShaderStage::Compute]
        } else {
            &[naga::ShaderStage::Vertex, naga::ShaderStage::Fragment]
        };
        for stage in wanted {
            assert!(stages.contains(stage), "{name} has no {stage:?} entry point");
        }
        checked += 1;
    }
    assert!(checked > 0, "no shaders in {}", folder.display());
}

#[test]
fn a_wrong_shader_is_found() {
    assert!(validate("fn f() -> u32 { return 1.5; }").is_err());
    assert!(validate("fn f( {").is_err());
}
