//! The shaders, parsed and validated without a graphics card.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use spanfall_tests::program::repository;

/// What every layer's shader begins with; the viewer puts the two together the same way.
const SHARED: &str = "frame.wgsl";

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
fn every_shader_is_valid_and_has_both_entry_points() {
    let folder = repository("assets/shaders");
    let shared = fs::read_to_string(folder.join(SHARED)).unwrap();
    let mut checked = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == SHARED || !name.ends_with(".wgsl") {
            continue;
        }
        let own = fs::read_to_string(&path).unwrap();
        let module = validate(&format!("{shared}\n{own}"))
            .unwrap_or_else(|error| panic!("{SHARED} and {name}:\n{error}"));
        let stages: Vec<_> = module.entry_points.iter().map(|entry| entry.stage).collect();
        for stage in [naga::ShaderStage::Vertex, naga::ShaderStage::Fragment] {
            assert!(stages.contains(&stage), "{name} has no {stage:?} entry point");
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
