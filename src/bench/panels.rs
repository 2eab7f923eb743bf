//! Figures as a picture: bars under each other, those of one unit on one scale.

use std::fmt::Write;

use super::plot::escaped;

/// Some bars of one unit.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    pub unit: &'static str,
    /// What each is, and how long. Bars of equal names have the same colour in all panels.
    pub bars: Vec<(String, f64)>,
}

/// Of the drawing, in its own units.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 90.0;
const LINE: f64 = 18.0;
const COLOURS: [&str; 6] = ["#4c78a8", "#f58518", "#72b7b2", "#eeca3b", "#b279a2", "#9d9da1"];

/// An SVG of `panels` under `title`.
pub fn draw(title: &str, panels: &[Panel]) -> String {
    let lines: f64 = panels.iter().map(|panel| panel.bars.len() as f64 + 1.5).sum();
    let height = 40.0 + LINE * lines;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\">{}</text>\n",
        escaped(title)
    );
    let mut names: Vec<&str> = Vec::new();
    let mut y = 40.0;
    for panel in panels {
        let alike = panels.iter().filter(|other| other.unit == panel.unit);
        let most = alike
            .flat_map(|other| &other.bars)
            .map(|(_, value)| *value)
            .fold(1e-9, f64::max);
        y += LINE / 2.0;
        // Writing to a string cannot fail.
        writeln!(
            svg,
            "<text x=\"10\" y=\"{y}\" font-weight=\"bold\">{}</text>",
            escaped(&panel.title)
        )
        .ok();
        for (name, value) in &panel.bars {
            y += LINE;
            let colour = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            let long = (WIDTH - LEFT - RIGHT) * value / most;
            writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{y}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{long:.1}\" height=\"13\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{y}\">{} {}</text>",
                LEFT - 8.0,
                escaped(name),
                y - 11.0,
                COLOURS[colour % COLOURS.len()],
                LEFT + long + 6.0,
                rounded(*value),
                panel.unit
            )
            .ok();
        }
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

/// With as many digits as tell something.
fn rounded(value: f64) -> String {
    if value >= 100.0 || value == 0.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bar_is_drawn_with_its_name_and_length() {
        let panel = Panel {
            title: "waits & pauses".into(),
            unit: "ms",
            bars: vec![("timer".into(), 700.0), ("sound".into(), 350.0)],
        };
        let shorter = Panel {
            title: "others".into(),
            unit: "ms",
            bars: vec![("timer".into(), 175.0)],
        };
        let svg = draw("title", &[panel, shorter]);
        assert!(
            svg.contains("waits &amp; pauses") && svg.contains("700 ms") && svg.contains("350 ms"),
            "{svg}"
        );
        let wide = format!("width=\"{:.1}\"", WIDTH - LEFT - RIGHT);
        let half = format!("width=\"{:.1}\"", (WIDTH - LEFT - RIGHT) / 2.0);
        assert!(svg.contains(&wide) && svg.contains(&half), "{svg}");
        // As long in each panel as in the others.
        let quarter = format!("width=\"{:.1}\"", (WIDTH - LEFT - RIGHT) / 4.0);
        assert!(svg.contains(&quarter), "{svg}");
    }
}
