//! Files of every kind, good and bad.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

fn found(file: &str, bytes: &[u8]) -> Vec<(String, String, String)> {
    let sections = read(file, bytes.to_vec()).unwrap_or_else(|e| panic!("{e}"));
    let parts = |section: Section| (section.heading, section.text, section.place);
    sections.into_iter().map(parts).collect()
}

fn refused(file: &str, bytes: &[u8]) -> String {
    let e = read(file, bytes.to_vec()).expect_err("refused");
    assert_eq!(e.file, file);
    assert!(!e.cure.is_empty());
    e.to_string()
}

fn expect(found: &[(String, String, String)], expected: &[(&str, &str, &str)]) {
    let found: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn plain_text_has_questions_titles_and_lists() {
    let text = "Returns\n\nYou have thirty days.\nUnused goods only.\n\nWho pays?\nWe do.\n\nQ: And abroad?\nA: You do.\n\n\
                We need:\n- the parcel\n- the receipt\n";
    expect(
        &found("a.txt", text.as_bytes()),
        &[
            ("Returns", "You have thirty days. Unused goods only.", "#line=3"),
            ("Who pays?", "We do.", "#line=6"),
            ("And abroad?", "You do.", "#line=9"),
            ("And abroad?", "We need: the parcel. the receipt", "#line=12"),
        ],
    );
    expect(
        &found(
            "a.txt",
            "问：几点开门？\n答：八点。\n问：周末呢？\n答：休息。\n".as_bytes(),
        ),
        &[("几点开门？", "八点。", "#line=2"), ("周末呢？", "休息。", "#line=4")],
    );
}

#[test]
fn a_page_is_read_without_its_menu() {
    let page = "<!doctype html><html><head><title>Acme help</title><style>p{}</style></head><body>\
        <nav><a href=/>Home</a></nav><h1>Help</h1><h2 id=ret>How do I <b>return</b> it?</h2><p>Print the label &amp; stick it on.\
        <script>alert('<p>no</p>')</script><p>Then:<ul><li>go to the post office<li><p>keep the slip</p></ul>\
        <h2>Prices</h2><table><tr><th>Where</th><th>Euros</th></tr><tr><td>Home</td><td>5</td></tr></table>\
        <dl><dt>Weekend?</dt><dd>Closed.</dd></dl><footer>Imprint</footer></body></html>";
    expect(
        &found("a.html", page.as_bytes()),
        &[
            ("How do I return it?", "Print the label & stick it on.", "#ret"),
            (
                "How do I return it?",
                "Then: go to the post office. keep the slip",
                "#ret",
            ),
            ("Prices", "Where, Euros. Home, 5", "#prices"),
            ("Weekend?", "Closed.", "#weekend"),
        ],
    );
    let (gbk, ..) = encoding_rs::GBK.encode("<meta charset=\"gbk\"><h1>营业时间</h1><p>早上八点。</p>");
    expect(&found("a.htm", &gbk), &[("营业时间", "早上八点。", "#营业时间")]);
    expect(
        &found("b.html", b"<nav><h2>All</h2><p>in a menu</p></nav>"),
        &[("All", "in a menu", "#all")],
    );
}

#[test]
fn a_table_has_its_columns_by_name() {
    let table = "Category;Question;Answer\r\nShipping;\"How much, abroad?\";\"Ten euros;\nmore to islands\"\r\n;;\r\nPay;Cards?;Yes.\r\n";
    let sections = read("a.csv", table.as_bytes().to_vec()).expect("read");
    assert_eq!(sections[0].above, ["Shipping"]);
    expect(
        &found("a.csv", table.as_bytes()),
        &[
            ("How much, abroad?", "Ten euros; more to islands", "#row=2"),
            ("Cards?", "Yes.", "#row=4"),
        ],
    );
    expect(
        &found("b.csv", "\u{feff}问题,答案\n几点开门,八点\n".as_bytes()),
        &[("几点开门", "八点", "#row=2")],
    );
    expect(&found("c.csv", b"When?\tNow.\n"), &[("When?", "Now.", "#row=1")]);
    assert!(refused("d.csv", b"a,b,c\n1,2,3\n").contains("call them question and answer"));
    assert!(refused("e.csv", b"question,answer\n\xb9\xa4,\xd2\xb5\n").contains("UTF-8"));
}

fn docx(document: &str, styles: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [("word/document.xml", document), ("word/styles.xml", styles)] {
        archive.start_file(name, options).expect("a part");
        archive.write_all(text.as_bytes()).expect("written");
    }
    archive.finish().expect("whole").into_inner()
}

#[test]
fn a_word_document_has_headings_by_style_and_weight() {
    let styles = "<w:styles><w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style></w:styles>";
    let p = |inner: &str| format!("<w:p>{inner}</w:p>");
    let body = [
        p("<w:pPr><w:pStyle w:val=\"berschrift1\"/></w:pPr><w:r><w:t>Returns</w:t></w:r>"),
        p("<w:r><w:t>Thirty days</w:t></w:r><w:del><w:r><w:delText> or forty</w:delText></w:r></w:del><w:r><w:t xml:space=\"preserve\"> &amp; no more.</w:t></w:r>"),
        p("<w:r><w:rPr><w:b/></w:rPr><w:t>Who pays?</w:t></w:r>"),
        p("<w:r><w:t>We pay for:</w:t></w:r>"),
        p("<w:pPr><w:numPr/></w:pPr><w:r><w:t>shoes</w:t></w:r>"),
        p("<w:pPr><w:numPr/></w:pPr><w:r><w:t>hats</w:t></w:r>"),
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Monday</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>8 to 6</w:t></w:r></w:p></w:tc></w:tr></w:tbl>".to_owned(),
    ];
    let document = format!("<w:document><w:body>{}</w:body></w:document>", body.concat());
    expect(
        &found("a.docx", &docx(&document, styles)),
        &[
            ("Returns", "Thirty days & no more.", "#returns"),
            ("Who pays?", "We pay for: shoes. hats", "#who-pays"),
            ("Who pays?", "Monday, 8 to 6", "#who-pays"),
        ],
    );
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let bomb = docx(&" ".repeat(UNPACKED + 2), "");
    assert!(bomb.len() < 1 << 20);
    assert!(refused("bomb.docx", &bomb).contains("unpacks to more than"));
    assert!(refused("big.pdf", &vec![0; LARGEST + 1]).contains("split it"));
}

#[test]
fn what_is_wrong_is_said_with_its_cure() {
    assert!(refused("a.xlsx", b"x").contains(".docx"));
    assert!(refused("a.docx", b"not a zip").contains("not as .doc"));
    assert!(refused("a.pdf", b"%PDF-1.7\nnothing").contains("save it again"));
    assert!(refused("a.md", b"\xff\xfe\x00").contains("UTF-8"));
    assert!(refused("a.txt", b"  \n \n").contains("nothing is written"));
    let boom = || -> Read { panic!("a reader's own mistake") };
    assert!(isolated(boom, LONGEST).is_err_and(|e| e.reason.contains("damaged")));
    let stuck = || -> Read {
        std::thread::sleep(Duration::from_millis(200));
        Ok(Vec::new())
    };
    assert!(isolated(stuck, Duration::from_millis(5)).is_err_and(|e| e.reason.contains("could not be read in")));
}

/// A page of `content`, with a form that shows itself.
fn pdf(content: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    let stream = |dictionary: &str, content: &str| {
        format!("<<{dictionary}/Length {}>>stream\n{content}\nendstream", content.len())
    };
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources 6 0 R>>".to_owned(),
        stream("", content),
        stream(
            "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources 6 0 R",
            "/X Do BT /F 10 Tf 50 20 Td (in a form) Tj ET",
        ),
        "<</Font<</F 7 0 R/B 8 0 R>>/XObject<</X 5 0 R>>>>".to_owned(),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    for (at, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).bytes());
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    file.extend(
        format!(
            "trailer<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
            objects.len() + 1
        )
        .bytes(),
    );
    file
}

#[test]
fn a_pdf_has_headings_by_size_and_weight() {
    let content = "BT /F 16 Tf 14 TL 50 700 Td (Returns) Tj /F 10 Tf 0 -30 Td (You can return goods with-) Tj T* (in thirty ) Tj [(da) -10 (ys) -300 (only.)] TJ \
                   0 -40 Td (We pay.) Tj /B 10 Tf 0 -30 Td (How long is it?) Tj /F 10 Tf T* (A week.) Tj ET /X Do";
    expect(
        &found("a.pdf", &pdf(content)),
        &[
            ("Returns", "You can return goods within thirty days only.", "#page=1"),
            ("Returns", "We pay.", "#page=1"),
            ("How long is it?", "A week.", "#page=1"),
            (
                "How long is it?",
                "in a form in a form in a form in a form in a form in a form",
                "#page=1",
            ),
        ],
    );
    assert!(refused("a.pdf", &pdf("0 0 m")).contains("OCR"));
}

const ENDINGS: [&str; 6] = ["a.md", "a.txt", "a.html", "a.pdf", "a.csv", "a.docx"];

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, file in prop::sample::select(&ENDINGS[..])) {
        let _ = read(file, bytes);
    }

    #[test]
    fn any_markup_is_read_or_refused(text in "(<(/?(p|li|h1|nav|td|title|script|dl)( id=a)?)>|&amp;|[a中 \",;\n\t]){0,40}", file in prop::sample::select(&ENDINGS[..])) {
        let _ = read(file, text.into_bytes());
    }

    #[test]
    fn any_xml_is_read_or_refused(body in "(<(/?w:(p|r|t|b|tbl|tr|tc|numPr|moveFrom))/?>|&(amp|#65|#xFFFFFFFF|nope);|[a中 ]){0,40}") {
        let _ = read("a.docx", docx(&body, &body));
    }

    #[test]
    fn a_damaged_pdf_is_read_or_refused(at in 0..1000_usize, bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let mut file = pdf("BT /F 10 Tf 50 700 Td (words) Tj T* [(a) 3 (b)] TJ ET q 1 0 0 1 0 0 cm /X Do Q");
        let at = at % (file.len() - bytes.len());
        file.splice(at..at + bytes.len(), bytes);
        let _ = read("a.pdf", file);
    }

    #[test]
    fn any_operators_are_followed(content in "((BT|ET|q|Q|cm|Tf|Td|TD|Tm|T\\*|Tj|TJ|'|\"|Do|/F|/X|\\(ab\\)|\\[|\\]|-?[0-9]{1,12}|1e39) ){0,40}") {
        let _ = read("a.pdf", pdf(&content));
    }
}
