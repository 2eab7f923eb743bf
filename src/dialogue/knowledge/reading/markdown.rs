//! Markdown read as questions and answers: a heading asks, each paragraph under it answers.
//!
//! It keeps the words as they are written and drops what cannot be spoken: emphasis, links' targets, bullets, table
//! rules, comments. It knows no scores and no languages.

use super::Section;
use super::outline::{Line, Outline, joined};

/// Any text is Markdown; what has no paragraphs gives no sections.
pub(super) fn sections(markdown: &str) -> Vec<Section> {
    let mut reader = Reader::default();
    let text = strip_comments(&strip_front_matter(markdown));
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
            reader.end_paragraph();
        } else if fenced {
            reader.line(line, Line::Item);
        } else if line.is_empty() {
            reader.blank();
        } else if let Some((level, heading)) = atx_heading(line) {
            reader.heading(level, heading);
        } else if is_rule(line, '=') && reader.pending_is_one_line() {
            reader.heading_from_pending(1);
        } else if is_rule(line, '-') {
            if reader.pending_is_one_line() {
                reader.heading_from_pending(2);
            } else {
                reader.end_paragraph();
            }
        } else if let Some(item) = list_item(line) {
            reader.line(item, Line::Item);
        } else if let Some(row) = table_row(line) {
            reader.line(&row, Line::Item);
        } else {
            reader.line(line.trim_start_matches("> ").trim_start_matches('>'), Line::Prose);
        }
    }
    reader.end_paragraph();
    reader.outline.into_sections()
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    pending: Vec<(String, Line)>,
    /// A blank line after "…:" may still be followed by the list that it announces.
    awaits_list: bool,
}

impl Reader {
    fn line(&mut self, line: &str, kind: Line) {
        if self.awaits_list && kind == Line::Prose {
            self.end_paragraph();
        }
        self.awaits_list = false;
        let spoken = inline(line);
        if spoken.is_empty() {
            return;
        }
        self.pending.push((spoken, kind));
    }

    fn blank(&mut self) {
        let announces = self.pending.last().is_some_and(|(line, _)| line.ends_with([':', '：']));
        if announces {
            self.awaits_list = true;
        } else {
            self.end_paragraph();
        }
    }

    fn pending_is_one_line(&self) -> bool {
        matches!(self.pending.as_slice(), [(_, Line::Prose)]) && !self.awaits_list
    }

    fn heading_from_pending(&mut self, level: usize) {
        if let Some((line, _)) = self.pending.pop() {
            self.heading(level, &line);
        }
    }

    fn heading(&mut self, level: usize, heading: &str) {
        self.end_paragraph();
        self.outline.heading(level, &inline(heading));
    }

    fn end_paragraph(&mut self) {
        self.awaits_list = false;
        let lines = std::mem::take(&mut self.pending);
        let text = joined(lines.iter().map(|(line, kind)| (line.as_str(), *kind)));
        self.outline.paragraph(&text, "");
    }
}

fn atx_heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = line.get(level..)?;
    ((1..=6).contains(&level) && (rest.is_empty() || rest.starts_with(' ')))
        .then(|| (level, rest.trim().trim_end_matches('#').trim_end()))
}

fn is_rule(line: &str, mark: char) -> bool {
    line.len() >= 3 && line.chars().all(|c| c == mark)
}

/// The text of `- item`, `* item`, `+ item`, `1. item`.
fn list_item(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(['-', '*', '+']);
    let numbered = || {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        line.get(digits..)
            .filter(|_| (1..=3).contains(&digits))?
            .strip_prefix(['.', ')'])
    };
    rest.or_else(numbered)?.strip_prefix(' ').map(str::trim)
}

/// The cells of a row; a rule between rows has none.
fn table_row(line: &str) -> Option<String> {
    let cells = line.strip_prefix('|')?.trim_end_matches('|');
    let cells: Vec<&str> = cells
        .split('|')
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    let rule = cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')));
    Some(if rule { String::new() } else { cells.join(", ") })
}

/// A line without the marks of Markdown: `[text](target)` is its text, emphasis and code are their words.
fn inline(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '!' && after.starts_with('[') {
            rest = after;
            continue;
        }
        if c == '['
            && let Some((text, target)) = after.split_once("](")
            && !text.contains('[')
            && let Some((_, later)) = target.split_once(')')
        {
            out.push_str(&inline(text));
            rest = later;
            continue;
        }
        if c == '<'
            && after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && let Some((_, later)) = after.split_once('>')
        {
            rest = later;
            continue;
        }
        if c == '\\' && after.starts_with(|c: char| c.is_ascii_punctuation()) {
            let mark = after.chars().next().unwrap_or_default();
            out.push(mark);
            rest = after.get(mark.len_utf8()..).unwrap_or_default();
            continue;
        }
        let word_inside = c == '_' && out.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric);
        let lone = c == '*' && out.ends_with(' ') && after.starts_with(' ');
        if !matches!(c, '*' | '`' | '_') || word_inside || lone {
            out.push(c);
        }
        rest = after;
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn strip_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, later)| later);
    }
    out + rest
}

/// `---` lines around YAML at the very start.
fn strip_front_matter(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else {
        return text.to_owned();
    };
    let mut offset = 0;
    for line in rest.split_inclusive('\n') {
        offset += line.len();
        if line.trim_end() == "---" {
            return rest.get(offset..).unwrap_or_default().to_owned();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(markdown: &str) -> Vec<(String, String)> {
        sections(markdown)
            .into_iter()
            .map(|section| (section.heading, section.text))
            .collect()
    }

    #[test]
    fn headings_ask_and_paragraphs_answer() {
        let found = sections(
            "---\ntitle: x\n---\n# Shop\n\n## How long do returns take?\nWithin **thirty days**,\nwith the [receipt](x.html).\n\nRefunds take a week.\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].heading, "How long do returns take?");
        assert_eq!(found[0].above, ["Shop"]);
        assert_eq!(found[0].text, "Within thirty days, with the receipt.");
        assert_eq!(found[0].place, "#how-long-do-returns-take");
        assert_eq!(found[1].text, "Refunds take a week.");
    }

    #[test]
    fn lists_become_sentences() {
        let found = texts(
            "Hours\n-----\nWe are open:\n\n- Monday to Friday, 8 to 18\n- Saturday, 9 to 13\n\nClosed on Sundays.\n",
        );
        assert_eq!(
            found[0],
            (
                "Hours".to_owned(),
                "We are open: Monday to Friday, 8 to 18. Saturday, 9 to 13".to_owned()
            )
        );
        assert_eq!(found[1].1, "Closed on Sundays.");
        assert_eq!(
            texts("| Day | Open |\n|---|---|\n| Mon | 8 |\n")[0].1,
            "Day, Open. Mon, 8"
        );
    }

    #[test]
    fn mandarin_lines_run_on_without_blanks() {
        assert_eq!(
            texts("## 退货\n收到后三十天内\n可以退货。\n- 衣服\n- 鞋子\n")[0].1,
            "收到后三十天内可以退货。衣服。鞋子"
        );
    }

    #[test]
    fn marks_are_not_spoken() {
        assert_eq!(
            inline("a *b* __c__ `d_e` ![alt](x) 2 * 3 <br> \\*"),
            "a b c d_e alt 2 * 3 *"
        );
        assert_eq!(texts("<!-- draft\n-->text"), [(String::new(), "text".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) { let _ = sections(&text); }

        #[test]
        fn any_markup_is_read(text in "[#*_`\\[\\]()|<>!\\-: a中\n\\\\~=>1.]{0,80}") { let _ = sections(&text); }
    }
}
