//! `spanfall`: the command line, and the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use spanfall_viewer::cli::Cli;
use spanfall_viewer::measure::MeasurePlugin;
use spanfall_viewer::particles::ParticleBudget;
use spanfall_viewer::scene::theme::Themes;
use spanfall_viewer::{app, display, snapshot};

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("spanfall: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    // Variables that are not text cannot be settings.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let source = cli.source(variables)?;
    let theme = cli.theme.load()?;
    let themes = Themes::new(cli.theme.clone(), &theme);
    display::explain_failures();
    if let Some(shot) = cli.shot() {
        let mut app = app::headless_app(source, shot.size);
        app.insert_resource(theme);
        app.insert_resource(ParticleBudget(cli.particles));
        snapshot::headless::render(app, &shot)?;
        return Ok(ExitCode::SUCCESS);
    }
    display::check()?;
    let mut app = app::window_app(source);
    app.insert_resource(theme).insert_resource(themes);
    app.insert_resource(ParticleBudget(cli.particles));
    if let Some(seconds) = cli.measure {
        app.add_plugins(MeasurePlugin { seconds });
    }
    Ok(match app.run() {
        bevy::app::AppExit::Success => ExitCode::SUCCESS,
        bevy::app::AppExit::Error(code) => ExitCode::from(code.get()),
    })
}
