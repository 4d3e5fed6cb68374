//! Tables: scores for people, and as JSON. One line a condition, and all of them together.

use serde_json::{Value, json};

use super::condition::Condition;
use super::score::{Score, quantile};

/// The table's head.
fn head() -> String {
    format!(
        "{:<18} {:>8} {:>9} {:>16} {:>8} {:>8} {:>8} {:>8} {:>16} {:>7} {:>6} {:>6} {:>18} {:>14}  {}\n",
        "condition",
        "hops",
        "right %",
        "goal",
        "missed",
        "vague",
        "wrong",
        "doubled",
        "false %, goal",
        "class",
        "cold",
        "nodes",
        "lag p50/p99/max",
        "gateway p99",
        "goal missed"
    )
}

fn line(name: &str, score: &Score, goal: Option<&Condition>) -> String {
    let percent = |share: f64| format!("{:.3}", share * 100.0);
    let (right_goal, false_goal) = match goal {
        Some(condition) => (
            format!(">= {}", percent(condition.goal.right)),
            format!("<= {}", percent(condition.goal.invented)),
        ),
        None => (String::new(), String::new()),
    };
    let lags = [0.5, 0.99, 1.0].map(|share| quantile(&score.lags, share).to_string()).join("/");
    let misses = goal.map_or_else(String::new, |it| score.misses(it.goal).join(", "));
    let rates = match score.deviations.iter().copied().reduce(f64::max) {
        Some(worst) => format!(
            " (rates: worst edge {worst:.1} standard errors off, all {:.1}%)",
            score.rate_error * 100.0
        ),
        None => String::new(),
    };
    format!(
        "{:<18} {:>8.0} {:>9} {:>16} {:>8.0} {:>8.0} {:>8.0} {:>8.0} {:>16} {:>7.0} {:>6.0} {:>6} {:>18} {:>14}  {}{}\n",
        name,
        score.told,
        percent(score.share(score.right)),
        right_goal,
        score.missed,
        score.vague,
        score.wrong,
        score.doubled + score.invented,
        format!("{} {false_goal}", percent(score.false_share())),
        score.wrong_class,
        score.wrong_cold,
        score.extra_nodes,
        lags,
        quantile(&score.gateway_lags, 0.99),
        misses,
        rates
    )
}

/// All conditions, and their sum.
pub fn table(scores: &[(Condition, Score)]) -> String {
    let mut text = head();
    let mut all = Score::default();
    for (condition, score) in scores {
        text += &line(condition.name, score, Some(condition));
        all.add(score.clone());
    }
    // Rates mean something under their own condition only.
    all.deviations.clear();
    if scores.len() > 1 {
        text += &line("altogether", &all, None);
    }
    text
}

/// The same for programs: an object a condition.
pub fn json(scores: &[(Condition, Score)]) -> Value {
    let one = |(condition, score): &(Condition, Score)| {
        let lags = |lags: &[u64]| {
            json!({
                "p50": quantile(lags, 0.5),
                "p99": quantile(lags, 0.99),
                "max": quantile(lags, 1.0),
            })
        };
        json!({
            "condition": condition.name,
            "about": condition.about,
            "goal": { "right": condition.goal.right, "false": condition.goal.invented },
            "missed_goals": score.misses(condition.goal),
            "spans": score.spans,
            "untold": score.untold,
            "hops": score.told,
            "right": score.right,
            "missed": score.missed,
            "vague": score.vague,
            "wrong_edge": score.wrong,
            "double_counted": score.doubled,
            "invented": score.invented,
            "wrong_class": score.wrong_class,
            "wrong_cold": score.wrong_cold,
            "extra_nodes": score.extra_nodes,
            "unpaired": score.unpaired,
            "early": score.early,
            "lag_ms": lags(&score.lags),
            "gateway_lag_ms": lags(&score.gateway_lags),
            "one_sided_lag_ms": lags(&score.experience_lags),
            "standard_errors": score.deviations,
            "rate_error": score.rate_error,
        })
    };
    Value::Array(scores.iter().map(one).collect())
}
