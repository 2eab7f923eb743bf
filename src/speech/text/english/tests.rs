//! What is written, and what must be said.

use proptest::prelude::*;

use super::normalise;

const NUMBERS: &[(&str, &str)] = &[
    ("How can I help?", "How can I help?"),
    ("0", "zero"),
    ("13 apples", "thirteen apples"),
    ("105", "one hundred five"),
    ("1,250 items", "one thousand two hundred fifty items"),
    ("1,000,000", "one million"),
    ("3.14", "three point one four"),
    ("0.5", "zero point five"),
    (".5", "point five"),
    ("-5 and -$5", "minus five and minus five dollars"),
    ("since 1984.", "since nineteen eighty-four."),
    ("in 2009", "in two thousand nine"),
    ("in 2026", "in twenty twenty-six"),
    ("2026 parcels", "two thousand twenty-six parcels"),
    ("the 1990s", "the nineteen nineties"),
    ("2020-2026", "twenty twenty to twenty twenty-six"),
    ("the 1st, 2nd and 3rd", "the first, second and third"),
    ("the 21st", "the twenty-first"),
    ("1/2 price", "one half price"),
    ("3/4", "three quarters"),
    ("1 1/2 hours", "one and a half hours"),
    ("2½ hours", "two and a half hours"),
    ("24/7", "twenty-four seven"),
    ("5/5 stars", "five out of five stars"),
    ("3:1", "three to one"),
    ("2-3 days", "two to three days"),
    ("2–3 days", "two to three days"),
    ("version 1.2.3", "version one point two point three"),
    ("10x20", "ten by twenty"),
    ("3x faster", "three times faster"),
    ("a 12-month plan", "a twelve-month plan"),
    (
        "99999999999999999999",
        "nine nine nine nine, nine nine nine nine, nine nine nine nine, nine nine nine nine, nine nine nine nine",
    ),
    ("50/50", "fifty-fifty"),
    ("the 80s and '90s", "the eighties and nineties"),
    ("in Q3 2026", "in Q three twenty twenty-six"),
    ("a 4K TV", "a four K T.V"),
    ("2 + 2 = 4", "two plus two equals four"),
];

const MONEY: &[(&str, &str)] = &[
    ("$12.50", "twelve dollars and fifty cents"),
    ("$1", "one dollar"),
    ("$1.01", "one dollar and one cent"),
    ("$0.99", "ninety-nine cents"),
    ("€5", "five euros"),
    ("€2.5", "two euros and fifty cents"),
    ("£3.20.", "three pounds and twenty pence."),
    ("£0.01", "one penny"),
    ("¥30", "thirty yuan"),
    ("12.50 元", "twelve yuan and fifty fen"),
    ("$1,299.00", "one thousand two hundred ninety-nine dollars"),
    ("$5-10", "five dollars to ten dollars"),
    ("$5–$10", "five dollars to ten dollars"),
    ("$5k", "five thousand dollars"),
    ("$3 million", "three million dollars"),
    ("$1.5M", "one point five million dollars"),
    ("20 USD", "twenty dollars"),
    ("$20 USD", "twenty dollars"),
    ("99.90 EUR", "ninety-nine euros and ninety cents"),
    ("12.50 dollars", "twelve dollars and fifty cents"),
    ("5 dollars", "five dollars"),
    ("$9.99/month", "nine dollars and ninety-nine cents per month"),
    ("5 GB/day", "five gigabytes per day"),
    ("15%", "fifteen percent"),
    ("2.5%,", "two point five percent,"),
    ("5-10% off", "five to ten percent off"),
    ("10%–20%", "ten to twenty percent"),
];

const CALENDAR: &[(&str, &str)] = &[
    ("2026-11-21", "November twenty-first, twenty twenty-six"),
    ("21/11/2026", "November twenty-first, twenty twenty-six"),
    ("11/21/2026", "November twenty-first, twenty twenty-six"),
    ("3/4/2026", "March fourth, twenty twenty-six"),
    ("3.4.2026", "April third, twenty twenty-six"),
    ("11/21/26", "November twenty-first, twenty twenty-six"),
    ("2026-11", "November twenty twenty-six"),
    ("2026-13-41", "two zero two six, one three, four one"),
    ("Nov 21", "November twenty-first"),
    ("Nov. 21, 2026", "November twenty-first, twenty twenty-six"),
    ("November 21st", "November twenty-first"),
    ("November 2026", "November twenty twenty-six"),
    ("21 November 2026", "the twenty-first of November, twenty twenty-six"),
    ("the 21st of Nov", "the twenty-first of November"),
    ("Nov 21-23", "November twenty-first to twenty-third"),
    ("by 11/21", "by November twenty-first"),
    ("in Nov.", "in November."),
    ("May 5", "May fifth"),
    ("I may 5 times", "I may five times"),
    ("Mon-Fri", "Monday to Friday"),
    ("Sat, Nov 21", "Saturday, November twenty-first"),
    ("Sat 10:00-14:00", "Saturday ten A.M to two P.M"),
    ("The cat sat in the Sun.", "The cat sat in the Sun."),
    ("14:30", "two thirty P.M"),
    ("14:30.", "two thirty P.M."),
    ("9:30", "nine thirty"),
    ("9:00", "nine o'clock"),
    ("09:05", "nine oh five A.M"),
    ("00:00", "midnight"),
    ("0:15", "twelve fifteen A.M"),
    ("9am", "nine A.M"),
    ("9:05 pm", "nine oh five P.M"),
    ("at 9 a.m. on Monday", "at nine A.M on Monday"),
    ("at 9 a.m. Then call", "at nine A.M. Then call"),
    ("until 6 p.m.", "until six P.M."),
    ("9:00–18:00", "nine A.M to six P.M"),
    ("9:00 to 18:00", "nine A.M to six P.M"),
    ("9-11am", "nine to eleven A.M"),
    ("9am-5pm", "nine A.M to five P.M"),
    ("9:00 - 17:30.", "nine A.M to five thirty P.M."),
    ("12:00-13:00", "noon to one P.M"),
    (
        "2026-11-21T14:30",
        "November twenty-first, twenty twenty-six two thirty P.M",
    ),
    ("14:30:15", "two thirty and fifteen seconds P.M"),
];

const NAMES: &[(&str, &str)] = &[
    ("12345678", "one two three four, five six seven eight"),
    ("order 12345678.", "order one two three four, five six seven eight."),
    ("order 4071", "order four zero seven one"),
    ("order 12 of them", "order twelve of them"),
    ("order number 4071", "order number four zero seven one"),
    ("order #4071", "order number four zero seven one"),
    ("order #4071-22", "order number four zero seven one, two two"),
    ("1-800-FLOWERS", "one, eight zero zero, flowers"),
    ("your code is: 482", "your code is: four eight two"),
    ("the card ending in 8866", "the card ending in eight eight six six"),
    ("call 911", "call nine one one"),
    ("007", "zero zero seven"),
    ("room 302", "room three zero two"),
    ("#42", "number forty-two"),
    (
        "+1 (555) 123-4567",
        "plus one, five five five, one two three, four five six seven",
    ),
    ("(800) 555-0199", "eight zero zero, five five five, zero one nine nine"),
    (
        "1-800-555-0199",
        "one, eight zero zero, five five five, zero one nine nine",
    ),
    ("555-1234", "five five five, one two three four"),
    ("+4930123456", "plus four nine three, zero one two, three four five six"),
    (
        "020 7946 0958",
        "zero two zero, seven nine four six, zero nine five eight",
    ),
    (
        "4111 1111 1111 1111",
        "four one one one, one one one one, one one one one, one one one one",
    ),
    ("order AB1234", "order A.B, one two three four"),
    ("A-1234", "eigh, one two three four"),
    ("GH-2041-X", "G.H, two zero four one, X"),
    ("5G", "five G"),
    ("MP3", "M.P three"),
    ("COVID-19", "covid nineteen"),
    ("press 1", "press one"),
    ("press #", "press pound"),
    ("press * or the # key", "press star or the pound key"),
];

const WORDS: &[(&str, &str)] = &[
    ("support@acme.com", "support at acme dot com"),
    (
        "help.me_now99@x-corp.co.uk,",
        "help dot me underscore now nine nine at X dash corp dot co dot U.K,",
    ),
    ("www.acme.com", "W W W dot acme dot com"),
    ("https://acme.com/help.", "acme dot com slash help."),
    ("Visit acme.com today", "Visit acme dot com today"),
    ("the end.So", "the end.So"),
    ("5kg", "five kilograms"),
    ("1 kg", "one kilogram"),
    ("2.5km", "two point five kilometers"),
    ("2-3kg", "two to three kilograms"),
    ("16GB", "sixteen gigabytes"),
    ("80 km/h", "eighty kilometers per hour"),
    ("100 Mbps", "one hundred megabits per second"),
    ("20°C", "twenty degrees Celsius"),
    ("-5°C", "minus five degrees Celsius"),
    ("10k users", "ten thousand users"),
    ("Mr. Smith", "mister Smith"),
    ("Ms Jones", "mizz Jones"),
    ("Dr. No", "doctor No"),
    ("5 Main St.", "five Main Street."),
    ("St. John", "Saint John"),
    ("e.g. this", "for example this"),
    ("shoes, socks, etc.", "shoes, socks, et cetera."),
    ("socks etc. are", "socks et cetera are"),
    ("i.e. now", "that is now"),
    ("No. 5", "number five"),
    ("No. I said.", "No. I said."),
    ("J. Smith", "J Smith"),
    ("in the U.S. today", "in the U.S today"),
    ("VIP", "V.I.P"),
    ("an SMS.", "an S.M.S."),
    ("two IDs", "two I.D's"),
    ("your PIN", "your pin"),
    ("OK!", "okay!"),
    ("plan A", "plan eigh"),
    ("A plan", "A plan"),
    ("Tom & Jerry", "Tom and Jerry"),
    ("and/or", "and or"),
    ("an A/B test", "an A.B test"),
    ("P.O. Box 12", "P.O Box twelve"),
    ("he/she", "he or she"),
    ("w/o tax", "without tax"),
    ("(two)", "two"),
    ("one (two) three", "one, two, three"),
    ("“quoted”", "quoted"),
    ("wait - what", "wait, what"),
    ("wait — what", "wait, what"),
    ("well-known", "well-known"),
    ("don’t", "don't"),
    ("**Bold** and _so_", "Bold and so"),
    ("First line\nSecond line", "First line. Second line"),
    ("a,\n- b\n- c\n", "a. b. c"),
    ("Really?!", "Really?"),
    ("Well...", "Well."),
    ("café 👍", "café"),
    ("Mr 王", "mister wang"),
    ("PLEASE HOLD THE LINE NOW", "please hold the line now"),
    ("", ""),
    ("...", ""),
];

#[test]
fn is_read_as_a_person_reads() {
    let tables = [NUMBERS, MONEY, CALENDAR, NAMES, WORDS];
    let wrong: Vec<String> = tables
        .iter()
        .flat_map(|table| table.iter())
        .filter(|(written, said)| normalise(written) != *said)
        .map(|(written, said)| format!("{written}: {:?} and not {said:?}", normalise(written)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What was read out once stays as it is.
#[test]
fn words_stay_words() {
    let tables = [NUMBERS, MONEY, CALENDAR, NAMES, WORDS];
    let wrong: Vec<String> = tables
        .iter()
        .flat_map(|table| table.iter())
        .filter(|(_, said)| normalise(said) != *said)
        .map(|(_, said)| format!("{said:?} became {:?}", normalise(said)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in "\\PC{0,60}|[0-9.,:/%$@#+a-zA-Z() \\n-]{0,40}") {
        let spoken = normalise(&text);
        let sayable = |c: char| c.is_alphabetic() || ",.!?;:'- ".contains(c) || !c.is_ascii() && c.is_alphanumeric();
        prop_assert!(spoken.chars().all(sayable), "{spoken}");
    }

    #[test]
    fn plain_words_stay(text in "[a-z]{1,8}( [a-z]{1,8}){0,6}[.?!]?") {
        prop_assume!(text.split([' ', '.', '?', '!']).all(|word| !super::words::is_abbreviation(word)));
        prop_assert_eq!(normalise(&text), text);
    }
}
