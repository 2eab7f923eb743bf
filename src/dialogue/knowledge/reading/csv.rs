//! Tables of questions and answers, as spreadsheets save them.
//!
//! The columns are found by their names, in either language; a table of two columns needs none. Comma, semicolon and tab are told apart.

use csv::{ReaderBuilder, StringRecord};

use super::outline::squeezed;
use super::{Read, Section, decoded, trouble};

const QUESTION: [&str; 12] = [
    "question",
    "questions",
    "q",
    "ask",
    "title",
    "heading",
    "topic",
    "问题",
    "问",
    "提问",
    "标题",
    "主题",
];
const ANSWER: [&str; 12] = [
    "answer", "answers", "a", "reply", "response", "text", "content", "答案", "回答", "答", "答复", "内容",
];
const ABOVE: [&str; 8] = ["category", "section", "group", "area", "分类", "类别", "类型", "栏目"];

/// Where things stand in a row.
struct Columns {
    question: usize,
    answer: usize,
    above: Option<usize>,
    /// The first row is their names.
    named: bool,
}

pub(super) fn read(bytes: &[u8]) -> Read {
    let text = decoded(bytes)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut sections = Vec::new();
    let mut columns: Option<Columns> = None;
    for (at, record) in reader.records().enumerate() {
        let row = at + 1;
        let record = record.map_err(|e| {
            trouble(
                format!("row {row} cannot be read: {e}"),
                "save the table again as CSV UTF-8",
            )
        })?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let columns = match &columns {
            Some(columns) => columns,
            None => {
                let found = find(&record).ok_or_else(|| {
                    trouble(
                        format!(
                            "its columns are not known: {}",
                            record.iter().take(8).collect::<Vec<_>>().join(", ")
                        ),
                        "call them question and answer in the first row",
                    )
                })?;
                let columns = columns.insert(found);
                if columns.named {
                    continue;
                }
                columns
            }
        };
        let cell = |at: usize| squeezed(record.get(at).unwrap_or_default());
        let answer = cell(columns.answer);
        if answer.is_empty() {
            continue;
        }
        let above = columns.above.map(cell).filter(|above| !above.is_empty());
        sections.push(Section {
            heading: cell(columns.question),
            above: above.into_iter().collect(),
            text: answer,
            place: format!("#row={row}"),
        });
    }
    Ok(sections)
}

fn find(first: &StringRecord) -> Option<Columns> {
    let cells: Vec<String> = first.iter().map(|cell| cell.trim().to_lowercase()).collect();
    let column = |names: &[&str]| cells.iter().position(|cell| names.contains(&cell.as_str()));
    match (column(&QUESTION), column(&ANSWER)) {
        (Some(question), Some(answer)) => Some(Columns {
            question,
            answer,
            above: column(&ABOVE),
            named: true,
        }),
        (None, None) if cells.len() == 2 => Some(Columns {
            question: 0,
            answer: 1,
            above: None,
            named: false,
        }),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    }
}

/// What stands most often outside quotes in the first lines.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.bytes().take(8192) {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            byte => {
                if let Some((_, count)) = counts.iter_mut().find(|(mark, _)| *mark == byte) {
                    *count += 1;
                }
            }
        }
        // The first row is enough where it has any.
        if byte == b'\n' && !quoted && counts.iter().any(|(_, count)| *count > 0) {
            break;
        }
    }
    counts
        .iter()
        .max_by_key(|(mark, count)| (*count, *mark == b','))
        .map_or(b',', |(mark, _)| *mark)
}
