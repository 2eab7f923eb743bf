//! A report as a picture: how far contacts got, and the goal with how sure one can be of it.

use std::fmt::Write;

use super::{Report, Share};

/// Of the drawing, in its own units.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 640.0;
const ROW: f64 = 30.0;
const BAR: f64 = 18.0;
const OWN: &str = "#4c78a8";
const OTHER: &str = "#9d9da1";
const OUTCOME: &str = "#72b7b2";
/// Outcomes that are drawn; the rest are in the table.
const MOST: usize = 8;

/// One bar: its name, its length from 0 to 1, what stands behind it, its colour, and how far it may reach, from and to.
struct Bar {
    name: String,
    length: f64,
    figure: String,
    colour: &'static str,
    sure: Option<(f64, f64)>,
}

pub(super) fn svg(report: &Report) -> String {
    let mut parts = vec![
        ("Contacts, by how far they got", funnel(report)),
        ("How the last call ended", outcomes(report)),
    ];
    parts.push(("Reached the goal in time, with 95 % confidence", goal(report)));
    parts.retain(|(_, bars)| !bars.is_empty());
    let rows: usize = parts.iter().map(|(_, bars)| bars.len() + 2).sum();
    let height = 40.0 + rows as f64 * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"24\" font-size=\"15\">{}</text>\n",
        escaped(&report.campaign)
    );
    let mut y = 30.0;
    for (title, bars) in parts {
        y += ROW;
        line(
            &mut svg,
            &format!(
                "<text x=\"20\" y=\"{y:.1}\" font-weight=\"bold\">{}</text>",
                escaped(title)
            ),
        );
        y += ROW / 2.0;
        for bar in bars {
            draw(&mut svg, &bar, y);
            y += ROW;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn funnel(report: &Report) -> Vec<Bar> {
    let all = report.figures.contacts.all;
    let stages = report.funnel().into_iter();
    stages
        .map(|(name, hits)| bar(name, Share { hits, of: all }, OWN))
        .collect()
}

fn outcomes(report: &Report) -> Vec<Bar> {
    let contacts = &report.figures.contacts;
    let mut sorted: Vec<(&String, &u64)> = contacts.outcomes.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let of = contacts.dialled;
    sorted
        .into_iter()
        .take(MOST)
        .map(|(name, hits)| bar(name, Share { hits: *hits, of }, OUTCOME))
        .collect()
}

/// Scaled to the longest interval, since shares are small.
fn goal(report: &Report) -> Vec<Bar> {
    let goal = &report.figures.goal;
    let groups = [
        ("those to be called", goal.called, OWN),
        ("those held out", goal.held_out, OTHER),
    ];
    let groups: Vec<_> = groups
        .into_iter()
        .filter(|(_, share, _)| goal.event.is_some() && share.of > 0)
        .collect();
    let most = groups
        .iter()
        .map(|(_, share, _)| share.interval().1)
        .fold(1.0, f64::max);
    let drawn = groups.into_iter().map(|(name, share, colour)| {
        let (low, high) = share.interval();
        let percent = share.percent().unwrap_or_default();
        Bar {
            name: name.into(),
            length: percent / most,
            figure: format!("{percent:.1} % ({low:.1} to {high:.1})"),
            colour,
            sure: Some((low / most, high / most)),
        }
    });
    drawn.collect()
}

fn bar(name: &str, share: Share, colour: &'static str) -> Bar {
    let percent = share.percent().unwrap_or_default();
    Bar {
        name: name.to_owned(),
        length: percent / 100.0,
        figure: format!("{} ({percent:.1} %)", share.hits),
        colour,
        sure: None,
    }
}

fn draw(svg: &mut String, bar: &Bar, y: f64) {
    let at = |length: f64| LEFT + (RIGHT - LEFT) * length.clamp(0.0, 1.0);
    let middle = y + BAR / 2.0;
    let text = middle + 4.0;
    let Bar { length, colour, .. } = bar;
    line(
        svg,
        &format!(
            "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            escaped(&bar.name)
        ),
    );
    line(
        svg,
        &format!(
            "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>",
            at(*length) - LEFT
        ),
    );
    let mut behind = at(*length);
    if let Some((low, high)) = bar.sure {
        behind = at(high);
        line(
            svg,
            &format!(
                "<path d=\"M{0:.1} {2:.1}H{1:.1}M{0:.1} {3:.1}v8M{1:.1} {3:.1}v8\" stroke=\"black\" fill=\"none\"/>",
                at(low),
                at(high),
                middle,
                middle - 4.0
            ),
        );
    }
    line(
        svg,
        &format!(
            "<text x=\"{:.1}\" y=\"{text:.1}\">{}</text>",
            behind + 8.0,
            escaped(&bar.figure)
        ),
    );
}

fn line(svg: &mut String, text: &str) {
    // Writing to a string cannot fail.
    writeln!(svg, "{text}").ok();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
