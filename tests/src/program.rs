//! Spanfall's programs as processes. In: a program's name, arguments and environment. Out: a
//! process that does not outlive its test, and everything that it said.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long a command that should end by itself may take. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program of this workspace, as cargo built it beside the tests or beside this program.
///
/// # Panics
/// If it is not there.
#[track_caller]
pub fn path(name: &str) -> PathBuf {
    match find(name) {
        Ok(path) => path,
        Err(error) => {
            panic!("{error}; run tests/run, or first `cargo build --workspace --bins --tests`")
        }
    }
}

/// As [`path`], for programs that can say so themselves.
///
/// # Errors
/// If it is not there.
pub fn find(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("a program knows where it is")?;
    // target/PROFILE/deps/test-HASH, or target/PROFILE/program -> target/PROFILE/name
    let beside = this.parent().context("programs lie in a folder")?;
    let folder = if beside.ends_with("deps") { beside.parent() } else { Some(beside) };
    let folder = folder.context("tests lie in target/PROFILE/deps")?;
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Looks again and again until there is something to be had.
///
/// # Panics
/// If there is not in time; `what` says what was waited for.
#[track_caller]
pub fn until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// A command in an environment of its own: no setting of the person who runs the tests reaches it.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["SPANFALL_", "OTEL_", "RUST_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.env_remove("NO_PROXY").env("no_proxy", "127.0.0.1,localhost");
    // The viewer keeps there what a person chose and dragged.
    command.env(CONFIGURATION, none_kept());
    command.current_dir(repository("")).stdin(Stdio::null());
    command
}

/// Where programs keep what a person chose.
const CONFIGURATION: &str = "XDG_CONFIG_HOME";

/// A folder that is never made.
fn none_kept() -> std::path::PathBuf {
    std::env::temp_dir().join("spanfall-tests-have-none")
}

/// A running process. Dropping it kills it; if its test fails, what it said is printed.
pub struct Program {
    name: String,
    child: Child,
    said: TempDir,
}

/// What a process that has ended left.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal killed it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

impl Program {
    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(name: &str, mut command: Command) -> Self {
        let said = TempDir::new().expect("a temporary folder");
        let file = |name| File::create(said.path().join(name)).expect("a temporary file");
        command.stdout(file("stdout")).stderr(file("stderr"));
        // What is kept in one run of a program is not there in another, unless a test wants that.
        let none = none_kept();
        let kept = command.get_envs().find(|(name, _)| *name == OsStr::new(CONFIGURATION));
        if kept.is_some_and(|(_, folder)| folder == Some(none.as_os_str())) {
            command.env(CONFIGURATION, said.path().join("configuration"));
        }
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{name} cannot be started: {error}"),
        };
        Self { name: name.to_owned(), child, said }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has logged so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, file: &str) -> String {
        let bytes = std::fs::read(self.said.path().join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end, as `kill` and container runtimes do.
    ///
    /// # Panics
    /// If it cannot be asked.
    #[track_caller]
    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{} (process {}) is gone already", self.name, self.id());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Ended {
        let status = until(limit, &format!("the end of {}", self.name), || self.ended());
        Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }

    /// The most memory that it has held so far, in bytes (Linux).
    ///
    /// # Panics
    /// If the system does not tell.
    #[track_caller]
    pub fn peak_memory(&self) -> u64 {
        let held = self.status("VmHWM");
        let kibibytes = held.trim_end_matches("kB").trim().parse::<u64>();
        kibibytes.expect("memory in kibibytes") << 10
    }

    /// The memory that it holds now, in bytes (Linux).
    ///
    /// # Panics
    /// If the system does not tell.
    #[track_caller]
    pub fn resident_memory(&self) -> u64 {
        let held = self.status("VmRSS");
        let kibibytes = held.trim_end_matches("kB").trim().parse::<u64>();
        kibibytes.expect("memory in kibibytes") << 10
    }

    /// Whether it hears [`Self::terminate`], instead of being ended by it (Linux).
    ///
    /// # Panics
    /// If the system does not tell.
    #[track_caller]
    pub fn catches_terminate(&self) -> bool {
        const SIGTERM: u32 = 15;
        let caught = u64::from_str_radix(&self.status("SigCgt"), 16).expect("a mask of signals");
        caught & (1 << (SIGTERM - 1)) != 0
    }

    /// A line of what the system tells about a running process.
    #[track_caller]
    fn status(&self, name: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in\n{status}")).trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let (name, id) = (&self.name, self.id());
            eprintln!("---- {name} (process {id}, ended: {ended:?}) printed:\n{}", self.stdout());
            eprintln!("---- {name} (process {id}) logged:\n{}", self.stderr());
        }
    }
}

/// Runs a program of this workspace to its end.
///
/// # Panics
/// If it does not end within [`PATIENCE`].
#[track_caller]
pub fn run(name: &str, arguments: &[&str]) -> Ended {
    let mut command = command(path(name));
    command.args(arguments);
    Program::start(name, command).wait(PATIENCE)
}
