//! Where settings are kept between runs: a file in the user's configuration folder, written as a
//! whole or not at all. In: changes. Out: the file; a [`Remark`] when it cannot be read or written.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::time::Real;
use spanfall_collector::feed::message::Severity;

use super::Settings;
use crate::activity::Activity;
use crate::panel::Remark;
use crate::whole_file;

/// Seconds that nobody changed anything, before it is written.
const REST: f64 = 1.0;

/// A file of settings is small; what is larger is none.
const LARGEST: u64 = 64 * 1024;

/// What is kept between runs, and where. Without a file nothing is.
#[derive(Resource, Debug, Default)]
pub struct Store {
    file: Option<PathBuf>,
    /// What the program has when there is no file.
    base: Settings,
    /// What was chosen, in this run or before; not what the command line says for this run.
    kept: Settings,
    /// When something was changed last, if that is not written yet.
    touched: Option<f64>,
    /// What was wrong with the file at the start.
    wrong: Option<String>,
}

impl Store {
    /// What was kept in this file, over `base`. A file with mistakes keeps nothing, and is left as
    /// it is until something is changed.
    pub fn open(file: Option<PathBuf>, base: Settings) -> Self {
        let mut store = Self { file, kept: base.clone(), base, touched: None, wrong: None };
        let Some(file) = &store.file else { return store };
        match whole_file::read(file, LARGEST) {
            Ok(None) => {}
            Ok(Some(text)) => match Settings::read(file, &text, &store.base) {
                Ok(settings) => store.kept = settings,
                Err(mistakes) => store.wrong = Some(mistakes.summary()),
            },
            Err(error) => {
                store.wrong = Some(format!("{} cannot be read: {error}", file.display()));
            }
        }
        if let Some(wrong) = &store.wrong {
            warn!("the settings of the last run are not used: {wrong}");
        }
        store
    }

    /// The settings to begin with.
    pub fn settings(&self) -> &Settings {
        &self.kept
    }

    /// What is kept, to be changed.
    pub(super) fn kept(&mut self) -> &mut Settings {
        &mut self.kept
    }

    /// Something was changed at this moment.
    pub(super) fn touch(&mut self, now: f64) {
        self.touched = Some(now);
    }

    fn write(&mut self) -> Option<Remark> {
        self.touched = None;
        let file = self.file.as_ref()?;
        let error = whole_file::write(file, &self.kept.write(&self.base)).err()?;
        let text =
            format!("The options are not kept: {} cannot be written: {error}", file.display());
        warn!("{text}");
        Some(Remark { severity: Severity::Warning, text })
    }
}

/// The user's file: `spanfall/viewer.toml` in the folder for configuration, which systems have in
/// different places. None where there is no such folder.
pub fn path(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = if cfg!(windows) {
        folder("APPDATA")?
    } else {
        // The XDG base directories: a relative path there is to be passed over.
        folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?
    };
    Some(folder.join("spanfall").join("viewer.toml"))
}

/// Writes what was changed, once nobody changes any more; and says what was wrong at the start.
pub(super) fn keep(
    time: Res<'_, Time<Real>>,
    mut store: ResMut<'_, Store>,
    mut remarks: MessageWriter<'_, Remark>,
    mut activity: ResMut<'_, Activity>,
) {
    if let Some(wrong) = store.bypass_change_detection().wrong.take() {
        let text = format!("The options of the last run are not used. {wrong}");
        remarks.write(Remark { severity: Severity::Warning, text });
    }
    let Some(touched) = store.touched else { return };
    if time.elapsed_secs_f64() - touched < REST {
        activity.extend(&time, REST);
    } else if let Some(remark) = store.write() {
        remarks.write(remark);
    }
}

/// What was changed in the last second is kept too.
impl Drop for Store {
    fn drop(&mut self) {
        if self.touched.is_some() {
            self.write();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Glow, SettingsPlugin};
    use super::*;
    use crate::focus::Command;
    use bevy::time::TimeUpdateStrategy;
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    fn app(file: &Path) -> App {
        let store = Store::open(Some(file.to_owned()), Settings::default());
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, SettingsPlugin))
            .insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_millis(400)))
            .init_resource::<Activity>()
            .add_message::<Remark>()
            .insert_resource(store.settings().clone())
            .insert_resource(store);
        app.update();
        app
    }

    fn step(app: &mut App, choice: Choice) {
        app.world_mut().write_message(Command::StepOption(choice, true));
        app.update();
    }

    fn said(app: &mut App) -> Vec<String> {
        let mut remarks = app.world_mut().resource_mut::<Messages<Remark>>();
        remarks.drain().map(|remark| remark.text).collect()
    }

    #[test]
    fn what_is_chosen_is_there_in_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/spanfall/viewer.toml");
        let mut first = app(&file);
        step(&mut first, Choice::Text);
        step(&mut first, Choice::Glow);
        assert!(!file.exists(), "somebody is still choosing");
        for _ in 0..4 {
            first.update();
        }
        assert!(file.exists());
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "nothing else is left"
        );
        let second = app(&file);
        let settings = second.world().resource::<Settings>();
        assert_eq!((settings.text, settings.glow), (11, Glow::Bright));
    }

    #[test]
    fn what_is_chosen_just_before_the_end_is_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("viewer.toml");
        let mut app = app(&file);
        step(&mut app, Choice::Motion);
        drop(app);
        assert!(fs::read_to_string(&file).unwrap().contains("motion = \"reduced\""));
    }

    #[test]
    fn what_the_command_line_says_for_one_run_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("viewer.toml");
        let mut app = app(&file);
        app.world_mut().resource_mut::<Settings>().particles = 77;
        step(&mut app, Choice::Text);
        for _ in 0..4 {
            app.update();
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("text = 1.1") && !text.contains("77"), "{text}");
    }

    #[test]
    fn a_file_with_mistakes_is_told_left_alone_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("viewer.toml");
        fs::write(&file, "text = 1.5\nglwo = 3").unwrap();
        let mut app = app(&file);
        let said = said(&mut app);
        assert!(said[0].contains("viewer.toml:2:1: unknown key `glwo`"), "{said:?}");
        assert_eq!(*app.world().resource::<Settings>(), Settings::default());
        assert!(fs::read_to_string(&file).unwrap().contains("glwo"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("viewer.toml");
        let mut app = app(&file);
        fs::create_dir(&file).unwrap();
        step(&mut app, Choice::Text);
        for _ in 0..4 {
            app.update();
        }
        assert!(said(&mut app).iter().any(|text| text.contains("cannot be written")));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn the_file_is_in_the_folder_that_the_environment_names() {
        let absolute = if cfg!(windows) { "C:\\x" } else { "/x" };
        let of = |name: &str| {
            let name = name.to_owned();
            path(move |variable| (variable == name).then(|| absolute.into()))
        };
        if cfg!(windows) {
            assert!(of("APPDATA").unwrap().ends_with("spanfall/viewer.toml"));
        } else {
            assert_eq!(of("XDG_CONFIG_HOME").unwrap(), Path::new("/x/spanfall/viewer.toml"));
            assert_eq!(of("HOME").unwrap(), Path::new("/x/.config/spanfall/viewer.toml"));
            assert_eq!(path(|_| Some("relative".into())), None);
        }
        assert_eq!(path(|_| None), None);
    }
}
