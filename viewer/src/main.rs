//! `spanfall`: the command line, and the exit code.

use std::process::ExitCode;

use bevy::app::App;
use bevy::math::UVec2;
use clap::Parser as _;
use spanfall_viewer::cli::Cli;
use spanfall_viewer::layout::DraggedPlaces;
use spanfall_viewer::measure::{self, IdlePlugin, MeasurePlugin};
use spanfall_viewer::particles::ParticleBudget;
use spanfall_viewer::picture::{Navigation, Picture};
use spanfall_viewer::scene::Theme;
use spanfall_viewer::scene::theme::{ThemeChoice, Themes};
use spanfall_viewer::settings::{self, Settings, Store};
use spanfall_viewer::snapshot::Pace;
use spanfall_viewer::source::{AheadPlugin, Source};
use spanfall_viewer::{app, display, memory, snapshot};
use tracing::warn;

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
    memory::keep_blocks();
    // Variables that are not text cannot be settings.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let source = cli.source(variables)?;
    if let Source::Vizceral(vizceral) = &source {
        vizceral.check()?;
    }
    display::explain_failures();
    if let Some(part) = cli.measuring.measure_part {
        measure::part(part, &source, chosen(cli)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(shot) = cli.shot() {
        snapshot::headless::render(headless(cli, source, shot.size)?, &shot)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(clip) = cli.clip() {
        let mut app = headless(cli, source, clip.size)?;
        if clip.pace == Pace::Live {
            app.add_plugins(AheadPlugin);
        }
        let written = snapshot::clip::render(app, &clip)?;
        eprintln!("spanfall: {written}");
        return Ok(ExitCode::SUCCESS);
    }
    let file = settings::path(|name| std::env::var_os(name));
    let places = file.as_ref().map(|file| file.with_file_name("places.json"));
    let dragged = DraggedPlaces::open(places, &source.graph());
    let store = Store::open(file, cli.base());
    let mut settings = cli.settings(store.settings().clone());
    let theme = theme(cli, &mut settings)?;
    display::check()?;
    let mut app = app::window_app(source, cli.plan());
    app.insert_resource(Themes::new(settings.theme.clone(), &theme))
        .insert_resource(theme)
        .insert_resource(ParticleBudget(settings.particles))
        .insert_resource(settings)
        .insert_resource(store)
        .insert_resource(dragged)
        .insert_resource(Navigation::beginning_at(cli.view.clone()));
    if let Some(seconds) = cli.measure {
        app.add_plugins(MeasurePlugin { seconds, json: cli.measuring.measure_json });
    }
    if let Some(seconds) = cli.measuring.measure_idle {
        app.add_plugins(IdlePlugin { seconds });
    }
    if cli.measuring.never_fold {
        app.insert_resource(Picture::never_folding());
    }
    Ok(match app.run() {
        bevy::app::AppExit::Success => ExitCode::SUCCESS,
        bevy::app::AppExit::Error(code) => ExitCode::from(code.get()),
    })
}

/// The viewer without a window.
fn headless(cli: &Cli, source: Source, size: UVec2) -> anyhow::Result<App> {
    let choose = chosen(cli)?;
    let mut app = app::headless_app(source, size);
    choose(&mut app);
    Ok(app)
}

/// What the command line chooses for an app without a window. What was kept does not count: the
/// picture shall be the same for everybody.
fn chosen(cli: &Cli) -> anyhow::Result<impl Fn(&mut App)> {
    let settings = cli.settings(cli.base());
    let theme = settings.theme.load()?;
    let plan = cli.plan();
    let (view, never_fold) = (cli.view.clone(), cli.measuring.never_fold);
    Ok(move |app: &mut App| {
        app.insert_resource(Themes::new(settings.theme.clone(), &theme))
            .insert_resource(theme.clone())
            .insert_resource(ParticleBudget(settings.particles))
            .insert_resource(settings.clone())
            .insert_resource(plan)
            .insert_resource(Navigation::beginning_at(view.clone()));
        if never_fold {
            app.insert_resource(Picture::never_folding());
        }
    })
}

/// The theme that is asked for now must be right; one that was chosen in an earlier run may be gone.
fn theme(cli: &Cli, settings: &mut Settings) -> anyhow::Result<Theme> {
    match settings.theme.load() {
        Ok(theme) => Ok(theme),
        Err(mistakes) if cli.theme.is_some() => Err(mistakes.into()),
        Err(mistakes) => {
            warn!("the theme of the last run is not used: {}", mistakes.summary());
            settings.theme = ThemeChoice::default();
            Ok(Theme::default())
        }
    }
}
