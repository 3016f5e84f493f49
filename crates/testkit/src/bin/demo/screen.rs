//! Answers: how does a line reach whoever is watching, on a terminal or in a file?
//!
//! Colour and the running seconds of a step are for terminals only; a file gets the finished lines. A reader that has gone
//! (`make demo | head`) is an error like any other, never a panic.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::termios::tcgetwinsize;
use tokio::time::interval;

/// How often a step that takes long says so: on a terminal in place, in a file on a line of its own.
const TICK: Duration = Duration::from_millis(200);
const STILL: Duration = Duration::from_secs(15);

/// What a line is about, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Title,
    Faint,
    Growth,
    Shrinking,
    Load,
    Trouble,
}

impl Tone {
    /// Select Graphic Rendition (ECMA-48), in the eight colours that every terminal has.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Title => "1",
            Self::Faint => "2",
            Self::Growth => "32",
            Self::Shrinking => "33",
            Self::Load => "36",
            Self::Trouble => "31",
        }
    }
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    began: Instant,
    terminal: bool,
    colour: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let terminal = io::stdout().is_terminal() && !dumb;
        Self {
            began: Instant::now(),
            terminal,
            // https://no-color.org
            colour: terminal && !set("NO_COLOR"),
        }
    }

    /// Writes one line (or several).
    pub(crate) fn line(&self, tone: Tone, text: impl Display) -> io::Result<()> {
        Self::write(&format!("{}\n", self.paint(tone, text)))
    }

    /// Says that everything ends now; the terminal may be in the middle of a step, or have just shown `^C`.
    pub(crate) fn interrupted(&self) -> io::Result<()> {
        let begin = if self.terminal { "\r\x1b[K" } else { "" };
        Self::write(&format!("{begin}Interrupted: stopping everything.\n"))
    }

    /// Waits for one step of the set-up, and says what it is and when it was done.
    pub(crate) async fn step<T, E>(&self, what: &str, work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        Result<T, E>: Context<T, E>,
    {
        let (mut work, started, mut still) = (pin!(work), Instant::now(), STILL);
        let mut ticks = interval(TICK);
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut work => break outcome,
                _ = ticks.tick() => {}
            }
            if self.terminal {
                let running = format!("{}{what} ...", self.seconds());
                let fitting: String = running.chars().take(width()).collect();
                Self::write(&format!("\r{fitting}"))?;
            } else if started.elapsed() >= still {
                self.line(Tone::Plain, format!("{}still: {what}", self.seconds()))?;
                still += STILL;
            }
        };
        if self.terminal {
            Self::write("\r\x1b[K")?;
        }
        let done = outcome.with_context(|| format!("failed at the step \"{what}\""))?;
        self.line(Tone::Plain, format!("{}{what}", self.seconds()))?;
        Ok(done)
    }

    fn seconds(&self) -> String {
        format!("{:>6.1} s  ", self.began.elapsed().as_secs_f64())
    }

    fn paint(&self, tone: Tone, text: impl Display) -> String {
        if self.colour && tone != Tone::Plain {
            format!("\x1b[{}m{text}\x1b[0m", tone.code())
        } else {
            text.to_string()
        }
    }

    fn write(text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// How much fits on one line of the terminal: a line that wrapped could not be written over.
fn width() -> usize {
    let columns = tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
    usize::from(if columns == 0 { 80 } else { columns }) - 1
}
