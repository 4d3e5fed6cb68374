//! One matter, from when it begins to when it is over. In: what is hurt, second by second. Out: when
//! there is something to say. Steady: a matter must last to be told, and be over for longer to end;
//! what comes and goes is one matter.

use super::cause::Group;
use super::words::State;

/// How long a state lasts before it is believed, in milliseconds: a worse one, and a better one.
const WORSE_MS: u64 = 10_000;
const BETTER_MS: u64 = 30_000;

/// How long all must be well until a matter is over, in milliseconds. Each time that it comes back
/// doubles this, up to the second.
const PATIENCE_MS: u64 = 120_000;
const MOST_PATIENCE_MS: u64 = 3_600_000;

/// Figures in a sentence change at most this often, in milliseconds.
const FIGURES_MS: u64 = 30_000;

/// One matter.
#[derive(Clone, Debug)]
pub(super) struct Matter {
    pub(super) since_ms: u64,
    pub(super) state: State,
    pub(super) worst: State,
    /// How often it has begun.
    pub(super) spells: u32,
    /// What it was like when it was last not well.
    pub(super) group: Group,
    /// A state that may come, and since when it seems so.
    next: Option<(State, u64)>,
    last_ill_ms: u64,
    patience_ms: u64,
    told_ms: Option<u64>,
}

/// What is left of a matter that is over, in case it comes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scar {
    pub(super) ended_ms: u64,
    worst: State,
    spells: u32,
    patience_ms: u64,
}

impl Matter {
    /// A matter that begins, perhaps again.
    pub(super) fn new(group: Group, since_ms: u64, now_ms: u64, scar: Option<Scar>) -> Self {
        let state = State::of(&group.ill);
        Self {
            since_ms,
            state,
            worst: scar.map_or(state, |scar| scar.worst.max(state)),
            spells: scar.map_or(1, |scar| scar.spells.saturating_add(1)),
            group,
            next: None,
            last_ill_ms: now_ms,
            patience_ms: scar.map_or(PATIENCE_MS, |scar| longer(scar.patience_ms)),
            told_ms: None,
        }
    }

    /// Follows what is hurt now. Returns whether there may be something else to say.
    pub(super) fn follow(&mut self, group: Option<&Group>, now_ms: u64) -> bool {
        // What is well takes as much to be ill again as it took at first.
        let ill = group.filter(|group| group.matters || self.state != State::Well);
        let wanted = match ill {
            Some(group) => {
                self.last_ill_ms = now_ms;
                let state = State::of(&group.ill);
                // What nobody calls directly any more is told by what it was like.
                if group.ill.all > 0.0 {
                    self.group = group.clone();
                }
                state
            }
            None => State::Well,
        };
        if wanted == self.state {
            self.next = None;
        } else {
            let since = match self.next {
                Some((next, since)) if next == wanted => since,
                _ => now_ms,
            };
            self.next = Some((wanted, since));
            let wait = if wanted > self.state { WORSE_MS } else { BETTER_MS };
            if now_ms.saturating_sub(since) >= wait {
                self.turn(wanted);
                return true;
            }
        }
        self.told_ms.is_none_or(|told| now_ms.saturating_sub(told) >= FIGURES_MS)
    }

    fn turn(&mut self, state: State) {
        if self.state == State::Well {
            self.spells = self.spells.saturating_add(1);
            self.patience_ms = longer(self.patience_ms);
        }
        self.state = state;
        self.worst = self.worst.max(state);
        self.next = None;
    }

    /// Whether it began a short while ago, and for the first time.
    pub(super) fn is_young(&self, now_ms: u64) -> bool {
        self.spells == 1 && now_ms.saturating_sub(self.since_ms) < PATIENCE_MS
    }

    /// It was told just now.
    pub(super) fn told(&mut self, now_ms: u64) {
        self.told_ms = Some(now_ms);
    }

    /// What is left of it, if it is over.
    pub(super) fn over(&self, now_ms: u64) -> Option<Scar> {
        let over = now_ms.saturating_sub(self.last_ill_ms) >= self.patience_ms;
        (over && self.state == State::Well).then_some(Scar {
            ended_ms: now_ms,
            worst: self.worst,
            spells: self.spells,
            patience_ms: self.patience_ms,
        })
    }
}

fn longer(patience_ms: u64) -> u64 {
    patience_ms.saturating_mul(2).min(MOST_PATIENCE_MS)
}
