//! The gaps of a run as a picture: one bar an answer, in the parts of its ledger.

use std::fmt::Write;

use crate::store::TurnTimes;

/// Name, colour, and which part of a turn.
type Part = (&'static str, &'static str, fn(&TurnTimes) -> f64);

const PARTS: [Part; 5] = [
    ("end of turn", "#4c78a8", |t| t.end_of_turn),
    ("hearing", "#72b7b2", |t| t.hearing),
    ("dialogue", "#eeca3b", |t| t.dialogue),
    ("voice", "#f58518", |t| t.voice),
    ("pacing", "#9d9da1", |t| t.pacing),
];
/// Of the drawing, in its own units.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 50.0;
const BOTTOM: f64 = 260.0;
const TOP: f64 = 40.0;

/// An SVG of `turns`, in milliseconds, sorted by length, with lines at the median and the 95th percentile of `gaps` on the wire.
pub fn gaps(turns: &[TurnTimes], p50: f64, p95: f64, conditions: &str) -> String {
    let mut sorted = turns.to_vec();
    sorted.sort_by(|a, b| a.gap().total_cmp(&b.gap()));
    let most = sorted.iter().map(TurnTimes::gap).fold(p95, f64::max).max(100.0) * 1.05;
    let y = |ms: f64| BOTTOM - (BOTTOM - TOP) * ms / most;
    let step = (WIDTH - LEFT - 110.0) / sorted.len().max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let mut draw = |line: String| {
        // Writing to a string cannot fail.
        writeln!(svg, "{line}").ok();
    };
    draw(format!(
        "<text x=\"{LEFT}\" y=\"20\">From the caller's last sound to the bot's first, {} answers, ms ({})</text>",
        sorted.len(),
        escaped(conditions)
    ));
    for (n, turn) in sorted.iter().enumerate() {
        let x = LEFT + n as f64 * step;
        let mut under = 0.0;
        for (_, colour, part) in PARTS {
            let ms = part(turn).max(0.0);
            draw(format!(
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                y(under + ms),
                (step * 0.8).max(1.0),
                y(under) - y(under + ms)
            ));
            under += ms;
        }
    }
    let right = WIDTH - 110.0;
    for (name, ms) in [("p50", p50), ("p95", p95)] {
        draw(format!(
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"black\" stroke-dasharray=\"4 3\"/>\
             <text x=\"5\" y=\"{1:.1}\">{name} {ms:.0}</text>",
            y(ms),
            y(ms) - 4.0
        ));
    }
    draw(format!(
        "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\" stroke=\"black\"/>"
    ));
    for (n, (name, colour, _)) in PARTS.iter().enumerate() {
        let y = TOP + 10.0 + 20.0 * n as f64;
        draw(format!(
            "<rect x=\"{}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            right + 10.0,
            y - 9.0,
            right + 25.0,
            y
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_bar_of_its_parts() {
        let turn = TurnTimes {
            at: jiff::Timestamp::UNIX_EPOCH,
            end_of_turn: 300.0,
            hearing: 10.0,
            dialogue: 1.0,
            voice: 100.0,
            pacing: 20.0,
        };
        let svg = gaps(&[turn, turn], 431.0, 431.0, "a <machine>");
        let bars = svg.matches("<rect ").count();
        assert_eq!((bars, svg.matches("/>").count()), (2 * 5 + 5 + 1, 2 * 5 + 5 + 1 + 3));
        assert!(svg.contains("p50 431") && svg.contains("a &lt;machine>"));
        gaps(&[], 0.0, 0.0, "");
    }
}
