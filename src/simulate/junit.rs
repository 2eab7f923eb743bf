//! Results as JUnit XML, which every build server reads.

use std::fmt::Write;

/// One test.
pub struct Case<'a> {
    pub name: &'a str,
    pub seconds: f64,
    pub outcome: Outcome<'a>,
    /// Shown with the case.
    pub output: &'a str,
}

pub enum Outcome<'a> {
    Passed,
    Failed(&'a [String]),
    Skipped(&'a str),
}

/// A document of one suite.
pub fn document(suite: &str, cases: &[Case<'_>]) -> String {
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count();
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">",
        escaped(suite),
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    );
    for case in cases {
        let (name, suite) = (escaped(case.name), escaped(suite));
        let _ = writeln!(
            xml,
            "  <testcase classname=\"{suite}\" name=\"{name}\" time=\"{:.3}\">",
            case.seconds
        );
        match &case.outcome {
            Outcome::Passed => {}
            Outcome::Failed(reasons) => {
                let first = reasons.first().map(|reason| escaped(reason)).unwrap_or_default();
                let all = escaped(&reasons.join("\n"));
                let _ = writeln!(xml, "    <failure message=\"{first}\">{all}</failure>");
            }
            Outcome::Skipped(reason) => {
                let _ = writeln!(xml, "    <skipped message=\"{}\"/>", escaped(reason));
            }
        }
        let _ = writeln!(
            xml,
            "    <system-out>{}</system-out>\n  </testcase>",
            escaped(case.output)
        );
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// For text and attributes; what XML 1.0 has no place for is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_escapes() {
        let reasons = ["`a` < \"b\" & \u{1}c".to_owned()];
        let case = |name, outcome| Case {
            name,
            seconds: 1.5,
            outcome,
            output: "",
        };
        let xml = document(
            "support",
            &[
                case("one", Outcome::Passed),
                case("two", Outcome::Failed(&reasons)),
                case("three", Outcome::Skipped("later")),
            ],
        );
        assert!(
            xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\" time=\"4.500\""),
            "{xml}"
        );
        assert!(xml.contains("message=\"`a` &lt; &quot;b&quot; &amp; c\""), "{xml}");
    }
}
