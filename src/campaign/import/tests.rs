//! Files of every kind and disorder: rows and what is wrong are told with the lines that they stand in.

use proptest::prelude::*;

use super::*;

/// Each row as its line and `a=1 b=2`, or its line and what is wrong.
fn read(text: &[u8]) -> Vec<(u64, String)> {
    let rows = Rows::new(text).expect("a table");
    rows.map(|row| {
        let row = row.expect("read");
        let told = match row.fields {
            Ok(fields) => fields
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(why) => why,
        };
        (row.line, told)
    })
    .collect()
}

fn told(rows: &[(u64, String)]) -> Vec<(u64, &str)> {
    rows.iter().map(|(line, row)| (*line, row.as_str())).collect()
}

#[test]
fn a_table_is_read_as_spreadsheets_write_it() {
    let german = "\u{feff}id;name\r\n1;\"Müller; \"\"Max\"\"\"\r\n\r\n2;\r\n";
    let rows = read(german.as_bytes());
    assert_eq!(
        told(&rows),
        [(2, r#"id="1" name="Müller; \"Max\"""#), (4, r#"id="2" name="""#)]
    );
    let tabs = read(b"\n\nid\tname\n1\ta,b\n");
    assert_eq!(told(&tabs), [(4, r#"id="1" name="a,b""#)]);
    let columns = Rows::new(" id , name\n".as_bytes()).expect("a table");
    assert_eq!(columns.columns(), Some(["id".to_owned(), "name".to_owned()].as_slice()));
}

#[test]
fn a_value_of_several_lines_is_one_row_where_it_begins() {
    let rows = read(b"id,address\n1,\"Hauptstr. 1\r\n10115 Berlin\"\n2,x\n");
    assert_eq!(
        told(&rows),
        [
            (2, r#"address="Hauptstr. 1\n10115 Berlin" id="1""#),
            (4, r#"address="x" id="2""#)
        ]
    );
}

#[test]
fn a_bad_row_costs_itself_and_is_told_with_its_line() {
    let mut text = b"id,name\n1,a\n2,b,c\n3\n4,\"d\n5,e\n6,caf\xe9\n7,5\" pipe\n".to_vec();
    text.extend([b'x'; lines::LONGEST + 1]);
    text.extend(b"\n9,f\n10,g\rh\n");
    let rows = read(&text);
    let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for (line, has) in [
        (2, r#"name="a""#),
        (3, "3 fields, and there are 2 columns"),
        (4, "1 fields"),
        (5, "a quote opens"),
        (6, r#"name="e""#),
        (7, "not UTF-8"),
        (8, r#"name="5\" pipe""#),
        (9, "longer than"),
        (10, r#"name="f""#),
        (11, "carriage return"),
    ] {
        let row = rows.iter().find(|(n, _)| *n == line).expect("there");
        assert!(row.1.contains(has), "line {line}: {}", row.1);
    }
}

#[test]
fn a_file_that_is_no_table_is_refused_with_a_cure() {
    for (text, has) in [
        (b"".as_slice(), "empty"),
        (b" \n\n", "empty"),
        (b"\xff\xfei\0d\0", "UTF-8"),
        (b"id,id\n1,2\n", "`id` twice"),
    ] {
        let why = Rows::new(text).err().expect("refused").to_string();
        assert!(why.contains(has), "{why}");
    }
}

#[test]
fn json_is_a_list_or_an_object_a_line() {
    let list = b" [\n {\"id\": 1, \"name\": \"a]}\\\"\"},\n {\"id\": 2\n }, 7, {\"id\": },\n\"x\",\n {\"id\": 3}\n]\n";
    let rows = read(list);
    let no_object = "it is no object: write {\"column\": \"value\", …}";
    assert_eq!(
        told(&rows),
        [
            (2, r#"id=1 name="a]}\"""#),
            (3, "id=2"),
            (4, no_object),
            (4, "it is not JSON: expected value"),
            (5, no_object),
            (6, "id=3")
        ]
    );
    let objects = read(b"{\"id\": 1}\n\n{\"id\": \n{\"id\": 3}\n");
    assert_eq!(objects.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(objects.get(1).is_some_and(|(_, why)| why.starts_with("it is not JSON")));
    // A list that was cut off, and one with something behind it.
    let cut = read(b"[{\"id\": 1},\n{\"id\": 2");
    assert!(
        matches!(cut.as_slice(), [(1, _), (2, why)] if why.contains("not closed")),
        "{cut:?}"
    );
    let cut = read(b"[{\"id\": 1},\n");
    assert!(
        matches!(cut.as_slice(), [(1, _), (2, why)] if why.contains("cut off")),
        "{cut:?}"
    );
    let more = read(b"[]\n{\"id\": 1}\n");
    assert!(
        matches!(more.as_slice(), [(2, why)] if why.contains("behind the list")),
        "{more:?}"
    );
}

/// Reads a byte at a time, as a slow disk might.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (Some(byte), Some(to)) = (self.0.first(), into.first_mut()) else {
            return Ok(0);
        };
        *to = *byte;
        self.0 = self.0.get(1..).unwrap_or_default();
        Ok(1)
    }
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(bytes: Vec<u8>) {
        if let Ok(rows) = Rows::new(bytes.as_slice()) {
            let most = bytes.len() + 1;
            prop_assert!(rows.take(most + 1).count() <= most);
        }
    }

    #[test]
    fn any_text_of_signs_that_matter_is_read_or_refused(text in "[\\[\\]{}\",;:\\\\\r\nab0 ]{0,60}") {
        if let Ok(rows) = Rows::new(text.as_bytes()) {
            prop_assert!(rows.take(100).count() <= text.len() + 1);
        }
    }

    #[test]
    fn what_was_written_is_read_with_its_line(
        rows in proptest::collection::vec(proptest::collection::vec("[a-z\",;\n\r ]{0,8}", 3), 0..20)
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["x", "y", "z"]).expect("written");
        let (mut expected, mut line) = (Vec::new(), 2);
        for row in &rows {
            writer.write_record(row).expect("written");
            let newlines = row.iter().map(|value| value.matches('\n').count() as u64).sum::<u64>();
            if row.iter().any(|value| !value.trim().is_empty()) {
                // A carriage return before a line's end is taken for a part of it.
                expected.push((line, row.iter().map(|value| value.replace("\r\n", "\n")).collect::<Vec<_>>()));
            }
            line += 1 + newlines;
        }
        let text = writer.into_inner().expect("flushed");
        let read: Vec<_> = Rows::new(io::BufReader::with_capacity(1, Slow(&text)))
            .expect("a table")
            .map(|row| row.expect("read"))
            .map(|row| (row.line, row.fields.expect("a row").values().filter_map(|v| v.as_str().map(str::to_owned)).collect::<Vec<_>>()))
            .filter(|(_, values)| values.iter().any(|value| !value.trim().is_empty()))
            .collect();
        prop_assert_eq!(read, expected);
    }
}
