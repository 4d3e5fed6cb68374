//! Which theme is on, and a theme's file again whenever it changes. In: [`Command::NextTheme`], the
//! file. Out: the [`Theme`] resource; a [`Remark`] that says which it is, or what is wrong.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::*;
use bevy::time::Real;
use bevy::winit::EventLoopProxyWrapper;
use spanfall_collector::config::watched::{Text, Watched};
use spanfall_collector::config::{Mistake, Mistakes, Place};
use spanfall_collector::feed::message::Severity;
use tokio_util::sync::CancellationToken;

use super::{SHIPPED, Theme, ThemeChoice};
use crate::activity::{self, Activity};
use crate::focus::{Command, FocusSystems};
use crate::panel::Remark;

/// Changes the theme while the viewer runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThemePlugin;

impl Plugin for ThemePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Theme>()
            .init_resource::<Themes>()
            .init_resource::<Activity>()
            .add_message::<Command>()
            .add_message::<Remark>()
            .add_systems(Startup, watch)
            .add_systems(
                Update,
                (follow_file.run_if(resource_exists::<Watch>), obey)
                    .chain()
                    .after(FocusSystems::Apply),
            );
    }
}

/// Which themes there are to choose from, and which one is on.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct Themes {
    own: Option<(PathBuf, Theme)>,
    now: ThemeChoice,
}

impl Themes {
    /// The shipped themes and, if a file is chosen, that one: `theme` is what it says.
    pub fn new(now: ThemeChoice, theme: &Theme) -> Self {
        let own = match &now {
            ThemeChoice::File(file) => Some((file.clone(), theme.clone())),
            ThemeChoice::Shipped(_) => None,
        };
        Self { own, now }
    }

    /// Which one is on.
    pub fn now(&self) -> &ThemeChoice {
        &self.now
    }

    /// The one that comes after it (or before), around all.
    fn beside(&self, forward: bool) -> ThemeChoice {
        let mut all: Vec<ThemeChoice> =
            SHIPPED.iter().map(|(_, text)| ThemeChoice::Shipped(text)).collect();
        all.extend(self.own.iter().map(|(file, _)| ThemeChoice::File(file.clone())));
        let at = all.iter().position(|choice| *choice == self.now).unwrap_or_default();
        let step = if forward { 1 } else { all.len() - 1 };
        let next = (at + step) % all.len();
        all.swap_remove(next)
    }

    /// What a choice looks like. One's own needs no reading: it is known since it was watched.
    fn theme(&self, choice: &ThemeChoice) -> Result<Theme, Mistakes> {
        match (&self.own, choice) {
            (Some((own, theme)), ThemeChoice::File(file)) if own == file => Ok(theme.clone()),
            _ => choice.load(),
        }
    }

    /// What to call the one that is on.
    pub fn name(&self) -> String {
        match &self.now {
            ThemeChoice::File(file) => {
                file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
            }
            shipped @ ThemeChoice::Shipped(_) => shipped.to_string(),
        }
    }
}

/// The thread that looks at the file, and what it saw last.
#[derive(Resource)]
struct Watch {
    news: Arc<Mutex<Option<Text>>>,
    stop: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Looks at the file of one's own theme, if there is one, on a thread of its own.
fn watch(
    themes: Res<'_, Themes>,
    event_loop: Option<Res<'_, EventLoopProxyWrapper>>,
    mut commands: Commands<'_, '_>,
) {
    let Some((file, known)) = themes.own.clone() else { return };
    let wake = activity::waker(event_loop.as_deref());
    let (news, stop) = (Arc::new(Mutex::new(None)), CancellationToken::new());
    let watch = Watch { news: Arc::clone(&news), stop: stop.clone() };
    let thread = std::thread::Builder::new().name("theme".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(async {
                let mut watched = Watched::new(file.clone());
                let tell = |text| {
                    // The newest text is all that counts.
                    *news.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                    wake();
                };
                // It may have changed since it was read first, and somebody may still be writing it.
                let differs = |text: &Text| read(&file, text.clone()).ok().as_ref() != Some(&known);
                if differs(watched.text()) && differs(watched.settled().await) {
                    tell(watched.text().clone());
                }
                while let Some(text) = stop.run_until_cancelled(watched.next()).await {
                    tell(text);
                }
            }),
            Err(error) => warn!("changes of the theme's file will not be seen: {error}"),
        }
    });
    match thread {
        Ok(_) => commands.insert_resource(watch),
        Err(error) => warn!("changes of the theme's file will not be seen: {error}"),
    }
}

fn follow_file(
    watch: Res<'_, Watch>,
    time: Res<'_, Time<Real>>,
    mut themes: ResMut<'_, Themes>,
    mut theme: ResMut<'_, Theme>,
    mut remarks: MessageWriter<'_, Remark>,
    mut activity: ResMut<'_, Activity>,
) {
    let news = watch.news.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some(text), Some((file, _))) = (news, themes.own.clone()) else { return };
    activity.extend(&time, 0.5);
    match read(&file, text) {
        Ok(next) => {
            themes.own = Some((file.clone(), next.clone()));
            if themes.now == ThemeChoice::File(file) {
                theme.set_if_neq(next);
            }
            info!("the theme's file has changed, and is in force");
            let text = format!("Read {} anew", themes.name());
            remarks.write(Remark { severity: Severity::Info, text });
        }
        Err(mistakes) => {
            let text = format!("The theme stays as it was. {}", mistakes.summary());
            warn!("{text}");
            remarks.write(Remark { severity: Severity::Warning, text });
        }
    }
}

fn read(file: &Path, text: Text) -> Result<Theme, Mistakes> {
    let wrong = |why| Mistakes::new(Some(file), "", vec![Mistake::new(Place::WholeFile, why)]);
    Theme::parse(Some(file), &text.map_err(wrong)?)
}

fn obey(
    mut commands: MessageReader<'_, '_, Command>,
    mut themes: ResMut<'_, Themes>,
    mut theme: ResMut<'_, Theme>,
    mut remarks: MessageWriter<'_, Remark>,
) {
    for command in commands.read() {
        let Command::NextTheme(forward) = *command else { continue };
        let choice = themes.beside(forward);
        let (severity, text) = match themes.theme(&choice) {
            Ok(next) => {
                themes.now = choice;
                theme.set_if_neq(next);
                (Severity::Info, format!("Theme: {}", themes.name()))
            }
            Err(mistakes) => (Severity::Warning, mistakes.summary()),
        };
        remarks.write(Remark { severity, text });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn app(choice: ThemeChoice) -> App {
        let theme = choice.load().unwrap();
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, ThemePlugin))
            .insert_resource(Themes::new(choice, &theme))
            .insert_resource(theme);
        app.update();
        app
    }

    fn remarks(app: &mut App) -> Vec<String> {
        let mut remarks = app.world_mut().resource_mut::<Messages<Remark>>();
        remarks.drain().map(|remark| remark.text).collect()
    }

    /// Runs until something is said.
    fn heard(app: &mut App) -> String {
        let begin = Instant::now();
        loop {
            app.update();
            if let Some(said) = remarks(app).pop() {
                return said;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing was said");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(app: &mut App) -> (String, String) {
        app.world_mut().write_message(Command::NextTheme(true));
        app.update();
        let said = remarks(app).pop().unwrap_or_default();
        (app.world().resource::<Theme>().name.clone(), said)
    }

    #[test]
    fn a_key_goes_through_the_shipped_themes_and_around() {
        let mut app = app("dark".parse().unwrap());
        assert_eq!(press(&mut app), ("light".to_owned(), "Theme: light".to_owned()));
        assert_eq!(press(&mut app).0, "high-contrast");
        assert_eq!(press(&mut app).0, "dark");
        app.world_mut().write_message(Command::NextTheme(false));
        app.update();
        assert_eq!(app.world().resource::<Theme>().name, "high-contrast");
    }

    #[test]
    fn a_file_is_followed_and_one_with_mistakes_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        std::fs::write(&file, "[colors]\nok = \"#111111\"").unwrap();
        let mut app = app(ThemeChoice::File(file.clone()));
        let ok = |app: &App| app.world().resource::<Theme>().colors.ok;

        std::fs::write(&file, "[colors]\nok = \"#222222\"").unwrap();
        assert_eq!(heard(&mut app), "Read own.toml anew");
        assert_eq!(ok(&app), Color::srgb_u8(0x22, 0x22, 0x22));

        std::fs::write(&file, "[colors]\nko = \"#333333\"").unwrap();
        let said = heard(&mut app);
        assert!(said.contains("own.toml:2:1: unknown key `ko` in [colors]; did you mean `ok`?"));
        assert_eq!(ok(&app), Color::srgb_u8(0x22, 0x22, 0x22));

        // Another theme is on: the file is read, and waits for its turn.
        assert_eq!(press(&mut app).0, "dark");
        std::fs::write(&file, "name = \"mine\"\n[colors]\nok = \"#444444\"").unwrap();
        heard(&mut app);
        assert_eq!(app.world().resource::<Theme>().name, "dark");
        assert_eq!(
            (press(&mut app).0.as_str(), press(&mut app).0.as_str()),
            ("light", "high-contrast")
        );
        assert_eq!(press(&mut app), ("mine".to_owned(), "Theme: own.toml".to_owned()));
        assert_eq!(ok(&app), Color::srgb_u8(0x44, 0x44, 0x44));
    }
}
