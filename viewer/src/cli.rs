//! The command line: what a person asks for, as clap reads it, and what that means for the app.

mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bevy::math::UVec2;
use clap::{ArgGroup, Parser};
use spanfall_collector::config::{self, Flag};
use spanfall_collector::replay::Speed;

use crate::measure;
use crate::scene::theme::ThemeChoice;
use crate::settings::Settings;
use crate::snapshot::{Clip, Followed, MOST_FPS, Pace, Panel, Pose, Shot};
use crate::source::vizceral::{self, Place};
use crate::source::{Embedded, Endpoint, Recording, Source, Vizceral};
use crate::wall::{Night, Plan};
pub(crate) use value::seconds;
use value::{clip_length, followed, period, size};

/// Shows every request that flows through a serverless system, live.
///
/// Without options it receives OpenTelemetry spans itself, and plays a bundled sample until the
/// first ones arrive.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "spanfall",
    version,
    group = ArgGroup::new("picture").args(["snapshot", "record"]),
    after_help = "\
Examples:
  spanfall                                  receive spans here: 4317 (gRPC) and 4318 (HTTP)
  spanfall --connect wall.example           show what a collector elsewhere receives
  spanfall --replay monday.jsonl.zst        play what a collector recorded
  spanfall --vizceral traffic.json          show what Vizceral shows
  spanfall --snapshot out.png --at 20       a picture of the sample after 20 seconds, no window
  spanfall --record out.mp4 --seconds 30    a clip of it, no window

To send spans here, set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 in what is to be seen.

Keys: F shows everything, / searches, Space stops and goes on, R lays out anew, S saves a picture,
Esc goes back, ? lists them all. Double click goes into a node; drag a node to put it elsewhere, the
ground to move; the wheel zooms."
)]
pub struct Cli {
    /// Show what a collector elsewhere receives: a host, HOST:PORT, or the feed's URL
    #[arg(long, value_name = "URL", help_heading = "Source",
          conflicts_with_all = ["feed_file", "vizceral"])]
    pub connect: Option<Endpoint>,

    /// Play recorded traces, merged by time: .json, .jsonl or .pb, also .zst and .gz; `-` is
    /// standard input
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Source",
          conflicts_with_all = ["connect", "feed_file", "vizceral"])]
    pub replay: Vec<PathBuf>,

    /// How much faster than it happened: a number such as 4 or 0.5, or `max` for no waiting
    #[arg(
        long,
        value_name = "N|max",
        default_value_t,
        requires = "replay",
        help_heading = "Source"
    )]
    pub speed: Speed,

    /// Begin again at the end
    #[arg(long = "loop", requires = "replay", help_heading = "Source")]
    pub repeat: bool,

    /// Play a feed recorded as JSON lines: its messages, one a line, as a WebSocket client of
    /// /feed would save them. The ticks' own times set the pace
    #[arg(long, value_name = "FILE", help_heading = "Source", conflicts_with = "vizceral")]
    pub feed_file: Option<PathBuf>,

    /// Show what Vizceral shows: the JSON that its page loads, from a file, which is read again when
    /// it changes, or from a URL (http://), which is polled
    #[arg(long, value_name = "FILE|URL", help_heading = "Source")]
    pub vizceral: Option<Place>,

    /// How often to look for news in it [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = period, requires = "vizceral",
          help_heading = "Source")]
    pub every: Option<Duration>,

    /// The configuration file. Changes take effect when it is saved
    #[arg(long, value_name = "FILE", env = "SPANFALL_CONFIG", help_heading = "Collector within")]
    pub config: Option<PathBuf>,

    /// Who can reach these ports: 127.0.0.1 is this computer, 0.0.0.0 whoever is in its networks
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", help_heading = "Collector within",
          conflicts_with_all = ["connect", "feed_file", "replay", "vizceral"])]
    pub host: Option<String>,

    /// Where OTLP over gRPC comes in: a port, an address, or `off` [default: 4317]
    #[arg(long, value_name = "PORT", help_heading = "Collector within",
          conflicts_with_all = ["connect", "feed_file", "replay", "vizceral"])]
    pub grpc: Option<String>,

    /// Where OTLP over HTTP comes in: a port, an address, or `off` [default: 4318]
    #[arg(long, value_name = "PORT", help_heading = "Collector within",
          conflicts_with_all = ["connect", "feed_file", "replay", "vizceral"])]
    pub http: Option<String>,

    /// Where other viewers connect: a port, an address, or `off` [default: 4320]
    #[arg(long, value_name = "PORT", help_heading = "Collector within",
          conflicts_with_all = ["connect", "feed_file", "replay", "vizceral"])]
    pub view_port: Option<String>,

    /// Begin there: `world`, `everything`, a region, a node, or both as in `us-east-1/checkout`
    #[arg(long, value_name = "PATH", help_heading = "Drawing")]
    pub view: Option<String>,

    /// The most particles on screen; past it, each stands for several requests [default: 50000, or
    /// what the options say]
    #[arg(long, value_name = "N", help_heading = "Drawing",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub particles: Option<u32>,

    /// How it looks: dark, light, high-contrast, or a theme of your own, which names only what it
    /// changes of dark and is read again when it is saved [default: dark, or what the options say]
    #[arg(long, value_name = "NAME|FILE.toml", help_heading = "Drawing")]
    pub theme: Option<ThemeChoice>,

    /// For a screen on the wall: fills it, tours slowly between the whole picture, what deserves
    /// attention and where most happens, has large text, and shifts by a few pixels against burn-in
    #[arg(long, help_heading = "Wall")]
    pub wall: bool,

    /// Fill this display: 1 is the first. Another number than there are lists them
    #[arg(long, value_name = "N", help_heading = "Wall", conflicts_with = "picture")]
    pub display: Option<usize>,

    /// Be darker between these local times, such as 22:00-06:00
    #[arg(long, value_name = "FROM-UNTIL", help_heading = "Wall", conflicts_with = "picture")]
    pub dim_at_night: Option<Night>,

    /// Draw as fast as this computer can for so long, print how fast that was, and end
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Drawing",
          conflicts_with = "picture")]
    pub measure: Option<Duration>,

    /// Render one picture without a window, what a window would show, and end. Options and dragged
    /// places kept from earlier runs do not count: it is the same for everybody
    #[arg(long, value_name = "OUT.png", help_heading = "Picture")]
    pub snapshot: Option<PathBuf>,

    /// Render a clip without a window, and end: a film (with ffmpeg), or a folder of frames. What
    /// happens now is heard out first, and then drawn, so that no frame is late
    #[arg(long, value_name = "OUT.mp4|FOLDER/", help_heading = "Picture")]
    pub record: Option<PathBuf>,

    /// How long the clip is
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clip_length,
          requires = "record", help_heading = "Picture")]
    pub seconds: Duration,

    /// Its frames a second
    #[arg(long, value_name = "N", default_value_t = 30, requires = "record",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_FPS)),
          help_heading = "Picture")]
    pub fps: u32,

    /// The picture's or clip's size in pixels
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = size,
          requires = "picture", help_heading = "Picture")]
    pub size: UVec2,

    /// How many seconds the viewer runs before it is taken, or begins
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds,
          requires = "picture", help_heading = "Picture")]
    pub at: Duration,

    /// Select the node with this name, or what goes from one to another as in `orders>payments`,
    /// so that its details are in the picture
    #[arg(long, value_name = "NODE", requires = "picture", help_heading = "Picture")]
    pub select: Option<String>,

    /// Go along with a request: `worst`, of what is selected or of all, or the one of a trace id
    #[arg(long, value_name = "worst|TRACE", requires = "picture", value_parser = followed,
          help_heading = "Picture")]
    pub follow: Option<Followed>,

    /// Search for this, so that what it finds stands out
    #[arg(long, value_name = "TEXT", requires = "picture", help_heading = "Picture")]
    pub search: Option<String>,

    /// Open these panels
    #[arg(
        long,
        value_name = "PANEL",
        requires = "picture",
        value_delimiter = ',',
        help_heading = "Picture"
    )]
    pub open: Vec<Panel>,

    /// Press Tab so often, for pictures of the ring around a control
    #[arg(long, value_name = "N", requires = "picture", default_value_t, hide = true)]
    pub tabs: u8,

    /// What only measuring needs.
    #[command(flatten)]
    pub measuring: measure::Options,
}

/// A wall is read from five metres: all text is larger, in tenths. Names are 27 pixels high at 1080
/// then, so that on a screen of 55 inches a capital letter has 12.5 mm, a four hundredth of that way.
const WALL_TEXT: u8 = 16;

impl Cli {
    /// Where ticks come from. `variables` are those of the environment.
    ///
    /// # Errors
    /// All mistakes of the configuration, when it is used.
    pub fn source(&self, variables: BTreeMap<String, String>) -> Result<Source, config::Mistakes> {
        if let Some(file) = &self.feed_file {
            return Ok(Source::FeedFile(file.clone()));
        }
        if let Some(endpoint) = &self.connect {
            return Ok(Source::Connect(endpoint.clone()));
        }
        if let Some(place) = &self.vizceral {
            let every = self.every.unwrap_or(vizceral::EVERY);
            return Ok(Source::Vizceral(Vizceral { place: place.clone(), every }));
        }
        let config = config::Source { file: self.config.clone(), variables, flags: self.flags() };
        config.load()?;
        if !self.replay.is_empty() {
            return Ok(Source::Replay(Recording {
                files: self.replay.clone(),
                speed: self.speed,
                repeat: self.repeat,
                config,
            }));
        }
        Ok(Source::Embedded(Embedded { config }))
    }

    /// The options that set something in the collector's configuration.
    fn flags(&self) -> Vec<Flag> {
        // A picture is taken and over: nobody can send spans to it, unless a port is asked for.
        let pictures = self.snapshot.is_some() || self.record.is_some();
        let unused = pictures.then(|| "off".to_owned());
        let host = self.host.clone().map(|value| Flag {
            option: "--host".to_owned(),
            key: "listen.host".to_owned(),
            value,
        });
        let ports = [
            ("grpc", "grpc", &self.grpc),
            ("http", "http", &self.http),
            ("view-port", "view", &self.view_port),
        ];
        ports
            .into_iter()
            .filter_map(|(option, name, value)| {
                Some(Flag {
                    option: format!("--{option}"),
                    key: format!("listen.{name}"),
                    value: value.clone().or_else(|| unused.clone())?,
                })
            })
            .chain(host)
            .collect()
    }

    /// What becomes of the window.
    pub fn plan(&self) -> Plan {
        Plan {
            wall: self.wall,
            stays: self.view.is_some(),
            display: self.display,
            night: self.dim_at_night,
        }
    }

    /// What a person has who has not chosen anything.
    pub fn base(&self) -> Settings {
        let text = if self.wall { WALL_TEXT } else { Settings::default().text };
        Settings { text, ..Settings::default() }
    }

    /// What a person likes, as the command line has it for this run, over what was kept.
    pub fn settings(&self, kept: Settings) -> Settings {
        Settings {
            particles: self.particles.unwrap_or(kept.particles),
            theme: self.theme.clone().unwrap_or_else(|| kept.theme.clone()),
            ..kept
        }
    }

    /// The picture to be rendered, if one is asked for.
    pub fn shot(&self) -> Option<Shot> {
        Some(Shot {
            path: self.snapshot.clone()?,
            size: self.size,
            at: self.at,
            pace: self.pace(),
            pose: self.pose(),
        })
    }

    /// The clip to be rendered, if one is asked for.
    pub fn clip(&self) -> Option<Clip> {
        Some(Clip {
            path: self.record.clone()?,
            size: self.size,
            at: self.at,
            length: self.seconds,
            fps: self.fps,
            pace: self.pace(),
            pose: self.pose(),
        })
    }

    fn pose(&self) -> Pose {
        Pose {
            select: self.select.clone(),
            follow: self.follow,
            search: self.search.clone(),
            open: self.open.clone(),
            tabs: self.tabs,
        }
    }

    /// A recorded feed follows the app's clock; everything else has its own.
    fn pace(&self) -> Pace {
        if self.feed_file.is_some() { Pace::Stepped } else { Pace::Live }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(std::iter::once("spanfall").chain(line.split_whitespace()))
            .map_err(|error| error.to_string())
    }

    fn source(line: &str) -> Source {
        parse(line).unwrap().source(BTreeMap::new()).unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_options_a_collector_is_embedded() {
        assert!(matches!(source(""), Source::Embedded(_)));
    }

    #[test]
    fn ports_can_be_moved_and_turned_off() {
        let Source::Embedded(embedded) = source("--grpc 5317 --view-port off") else { panic!() };
        let listen = embedded.config.load().unwrap().listen;
        assert_eq!(listen.grpc, config::Port::Number(5317));
        assert_eq!(listen.view, config::Port::Off);
        assert_eq!(listen.http, config::Port::Number(4318));
    }

    #[test]
    fn ports_can_be_opened_to_the_network() {
        let Source::Embedded(embedded) = source("--host 0.0.0.0 --http 5318") else { panic!() };
        let listen = embedded.config.load().unwrap().listen;
        assert_eq!(listen.address(listen.http), Some("0.0.0.0:5318".parse().unwrap()));
        let Source::Embedded(embedded) = source("") else { panic!() };
        let listen = embedded.config.load().unwrap().listen;
        assert_eq!(listen.address(listen.http), Some("127.0.0.1:4318".parse().unwrap()));
    }

    #[test]
    fn recordings_play_as_fast_and_as_often_as_asked() {
        let line = "--replay a.jsonl b.jsonl.zst --speed 4 --loop";
        let Source::Replay(recording) = source(line) else { panic!() };
        assert_eq!(recording.files.len(), 2);
        assert_eq!((recording.speed, recording.repeat), (Speed::Times(4.0), true));
    }

    #[test]
    fn a_picture_opens_no_port_that_it_is_not_told_to() {
        let Source::Embedded(embedded) = source("--snapshot out.png --http 5318") else { panic!() };
        let listen = embedded.config.load().unwrap().listen;
        assert_eq!((listen.grpc, listen.http), (config::Port::Off, config::Port::Number(5318)));
    }

    #[test]
    fn a_wrong_port_is_told_by_its_option() {
        let mistakes = parse("--grpc many").unwrap().source(BTreeMap::new()).unwrap_err();
        assert!(mistakes.to_string().contains("--grpc"), "{mistakes}");
    }

    #[test]
    fn sources_exclude_each_other() {
        assert!(parse("--connect a --feed-file b").unwrap_err().contains("cannot be used with"));
        assert!(parse("--connect a --replay b").unwrap_err().contains("cannot be used with"));
        assert!(parse("--speed 2").unwrap_err().contains("--replay"));
        assert!(parse("--connect a --grpc 1").unwrap_err().contains("cannot be used with"));
        for other in ["--connect b", "--replay b", "--feed-file b", "--http 1"] {
            let error = parse(&format!("--vizceral a {other}")).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }

    #[test]
    fn what_vizceral_shows_is_looked_for_as_often_as_asked() {
        let Source::Vizceral(file) = source("--vizceral traffic.json") else { panic!() };
        assert_eq!((file.place.to_string(), file.every), ("traffic.json".into(), vizceral::EVERY));
        let line = "--vizceral http://localhost/vizceral.json --every 2";
        let Source::Vizceral(url) = source(line) else { panic!() };
        assert!(matches!(url.place, Place::Url(_)));
        assert_eq!(url.every, Duration::from_secs(2));
        assert!(parse("--vizceral https://a/").unwrap_err().contains("curl"));
        assert!(parse("--vizceral a --every 0.1").unwrap_err().contains("half a second"));
        assert!(parse("--every 2").unwrap_err().contains("--vizceral"));
    }

    #[test]
    fn a_theme_is_a_name_or_a_file() {
        assert!(parse("--theme light").is_ok() && parse("--theme own.toml").is_ok());
        assert!(parse("--theme lihgt").unwrap_err().contains("high-contrast"));
    }

    #[test]
    fn clips_are_as_long_and_as_smooth_as_asked() {
        let line = "--record out.mp4 --seconds 2.5 --fps 24 --at 40 --size 1280x720";
        let clip = parse(line).unwrap().clip().unwrap();
        assert_eq!((clip.length, clip.fps), (Duration::from_millis(2500), 24));
        assert_eq!((clip.at, clip.size), (Duration::from_secs(40), UVec2::new(1280, 720)));
        assert_eq!(clip.pace, Pace::Live);
        for wrong in ["--seconds 0", "--seconds 601", "--fps 0", "--fps 61"] {
            assert!(parse(&format!("--record o.mp4 {wrong}")).is_err(), "{wrong}");
        }
        assert!(parse("--fps 24").unwrap_err().contains("--record"));
        assert!(parse("--record a.mp4 --snapshot b.png").is_err());
    }

    #[test]
    fn pictures_are_as_large_and_as_late_as_asked() {
        let shot = parse("--snapshot o.png --size 3840x2160 --at 2.5").unwrap().shot().unwrap();
        assert_eq!((shot.size, shot.at), (UVec2::new(3840, 2160), Duration::from_millis(2500)));
        for wrong in ["--size 10", "--size 0x9", "--size axb", "--at -1", "--at nan", "--at 1e9"] {
            assert!(parse(&format!("--snapshot o.png {wrong}")).is_err(), "{wrong}");
        }
        assert!(parse("--size 10x10").unwrap_err().contains("--snapshot"));
    }

    #[test]
    fn a_picture_may_have_panels_open_and_a_search() {
        let line = "--snapshot o.png --open options,filters --open setup --search orders";
        let pose = parse(line).unwrap().shot().unwrap().pose;
        assert_eq!(pose.open, [Panel::Options, Panel::Filters, Panel::Setup]);
        assert_eq!(pose.search.as_deref(), Some("orders"));
        assert!(parse("--snapshot o.png --open option").unwrap_err().contains("options"));
        assert!(parse("--search orders").unwrap_err().contains("--snapshot"));
    }

    #[test]
    fn a_picture_may_follow_a_request() {
        let shot = parse("--snapshot o.png --follow worst").unwrap().shot().unwrap();
        assert_eq!(shot.pose.follow, Some(Followed::Worst));
        let clip = parse("--record o.mp4 --follow worst --select a").unwrap().clip().unwrap();
        assert_eq!(clip.pose.follow, Some(Followed::Worst));
        assert_eq!(clip.pose.select.as_deref(), Some("a"));
        let trace = "--snapshot o.png --follow 1-5759e988-bd862e3fe1be46a994272793";
        assert!(matches!(parse(trace).unwrap().follow, Some(Followed::Trace(_))));
        assert!(parse("--snapshot o.png --follow wrost").unwrap_err().contains("`worst`"));
    }
}
