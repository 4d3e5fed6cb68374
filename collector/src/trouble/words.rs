//! What a notice says: one sentence, in figures that do not flicker. In: what is the matter. Out: its
//! text.

use super::minute::Ill;

/// How a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It works again; perhaps not for long.
    Well,
    /// It answers late.
    Slow,
    /// It turns requests away.
    Throttling,
    /// It fails requests.
    Failing,
}

impl State {
    /// What is worst about these requests.
    pub(super) fn of(ill: &Ill) -> Self {
        let Ill { all: _, failed, throttled, slow } = *ill;
        // A failure is worse than a late answer: a third of as many tell.
        if failed * 3.0 >= slow && failed >= throttled && failed > 0.0 {
            Self::Failing
        } else if throttled * 3.0 >= slow && throttled > 0.0 {
            Self::Throttling
        } else {
            Self::Slow
        }
    }

    /// Of these requests, those that are so.
    fn share(self, ill: &Ill) -> f64 {
        let count = match self {
            Self::Well => 0.0,
            Self::Slow => ill.slow,
            Self::Throttling => ill.throttled,
            Self::Failing => ill.failed,
        };
        if ill.all > 0.0 { count / ill.all } else { 0.0 }
    }
}

/// What is the matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// The node's name.
    pub(super) name: &'a str,
    pub(super) state: State,
    /// The worst of its states so far.
    pub(super) worst: State,
    pub(super) ill: &'a Ill,
    /// Who calls it and is hurt most, and how many others are hurt.
    pub(super) caller: Option<&'a str>,
    pub(super) others: usize,
    /// How often this has begun.
    pub(super) spells: u32,
    /// What hops are called.
    pub(super) noun: &'static str,
}

/// The sentence.
pub(super) fn sentence(said: &Said<'_>) -> String {
    let Said { name, state, worst, ill, caller, others, spells, noun } = *said;
    // Who comes and goes is told once, in words that hold while it comes and goes.
    if spells > 1 {
        let does = match worst {
            State::Failing => "fails",
            State::Throttling => "turns requests away",
            State::Slow | State::Well => "is slow",
        };
        return match spells {
            2 => format!("{name} {does} again."),
            _ => format!("{name} {does} again and again, {} times so far.", often(spells)),
        };
    }
    let share = share(state.share(ill));
    let does = match state {
        State::Well => return format!("{name} is well again."),
        State::Slow => format!("{name} answers {share} {noun} far later than usual"),
        State::Throttling => format!("{name} turns away {share} {noun}"),
        State::Failing => format!("{name} fails {share} {noun}"),
    };
    let hurts = match (caller, others) {
        (None, _) => String::new(),
        (Some(caller), 0) => format!(", and {caller} feels it"),
        (Some(caller), others) => format!(", and {caller} and {others} more feel it"),
    };
    format!("{does}{hurts}.")
}

/// A number of times in steps: whoever reads the sentence every day need not read it every time.
fn often(times: u32) -> String {
    match times {
        0..10 => times.to_string(),
        10..100 => format!("over {}", times / 10 * 10),
        100..1000 => format!("over {}", times / 100 * 100),
        _ => "over 1,000".to_owned(),
    }
}

/// A share in steps that a person would say.
fn share(share: f64) -> String {
    match share * 100.0 {
        percent if percent >= 95.0 => "nearly all".to_owned(),
        percent if percent >= 7.5 => {
            format!("{:.0}% of its", (percent / 10.0).round().max(1.0) * 10.0)
        }
        percent if percent >= 3.5 => "5% of its".to_owned(),
        _ => "some".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ILL: Ill = Ill { all: 100.0, failed: 43.0, throttled: 2.0, slow: 10.0 };

    fn said(state: State, others: usize, spells: u32) -> String {
        sentence(&Said {
            name: "payments",
            state,
            worst: state,
            ill: &ILL,
            caller: Some("shop-payment"),
            others,
            spells,
            noun: "requests",
        })
    }

    #[test]
    fn a_sentence_names_the_cause_how_bad_it_is_and_who_feels_it() {
        let text = "payments fails 40% of its requests, and shop-payment and 3 more feel it.";
        assert_eq!(said(State::Failing, 3, 1), text);
        let text =
            "payments answers 10% of its requests far later than usual, and shop-payment feels it.";
        assert_eq!(said(State::Slow, 0, 1), text);
        assert_eq!(said(State::Well, 0, 1), "payments is well again.");
    }

    #[test]
    fn what_comes_and_goes_is_one_matter() {
        let text = "payments fails again and again, 4 times so far.";
        assert_eq!(said(State::Failing, 3, 4), text);
        assert_eq!(said(State::Failing, 3, 2), "payments fails again.");
        assert!(said(State::Failing, 3, 288).contains("over 200 times"));
    }

    #[test]
    fn failures_weigh_more_than_late_answers() {
        let ill = |failed, throttled, slow| Ill { all: 100.0, failed, throttled, slow };
        assert_eq!(State::of(&ill(20.0, 0.0, 50.0)), State::Failing);
        assert_eq!(State::of(&ill(1.0, 0.0, 50.0)), State::Slow);
        assert_eq!(State::of(&ill(1.0, 9.0, 5.0)), State::Throttling);
    }

    #[test]
    fn shares_are_said_in_steps() {
        let said: Vec<_> = [0.01, 0.05, 0.09, 0.14, 0.44, 0.96].map(share).into();
        assert_eq!(
            said,
            ["some", "5% of its", "10% of its", "10% of its", "40% of its", "nearly all"]
        );
    }
}
